import assert from "node:assert/strict";
import { test } from "node:test";
import { readContainers, readSandboxes, readVersion } from "./cri-messages.ts";
import { container, listOf, message, readRecorded, sandbox, varint } from "./testdata/protobuf.ts";

const id = (digit: string) => digit.repeat(64);
const { answers, expected } = readRecorded("containerd-1.6.20-two-pods");
const readers = [
  ["Version", readVersion],
  ["ListContainers", readContainers],
  ["ListPodSandbox", readSandboxes],
] as const;

test("what containerd 1.6.20 answers is read as the CRI's definition says", () => {
  const containers = readContainers(answers.get("ListContainers")!)?.map(({ labels, ...rest }) => ({
    ...rest,
    labels: Object.fromEntries(labels.toSorted()),
  }));
  assert.deepEqual(
    {
      version: readVersion(answers.get("Version")!),
      containers,
      sandboxes: readSandboxes(answers.get("ListPodSandbox")!),
    },
    expected,
  );
});

test("every truncation of a list is no message, or one with fewer entries", () => {
  for (const [method, read] of readers.slice(1)) {
    const bytes = answers.get(method)!;
    const whole = read(bytes)!;
    for (let length = 0; length < bytes.length; length++) {
      const found = read(bytes.subarray(0, length));
      assert.ok(found === undefined || found.length < whole.length, `${method}, ${length} bytes`);
    }
  }
});

test("fields of other types and numbers are passed over", () => {
  const strange = Buffer.concat([
    message([2000, "later"], [6, 2]),
    Buffer.from([(3 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8]), // 8 bytes where a message was expected
    Buffer.from([(1 << 3) | 5, 1, 2, 3, 4]),
    varint(7 * 8),
    varint(2n ** 64n - 1n),
    message([1, id("a")], [2, id("b")], [3, message([2, 1], [1, "web"])]),
  ]);
  assert.deepEqual(readContainers(listOf(strange)), [
    { id: id("a"), sandboxId: id("b"), name: "web", labels: [] },
  ]);
});

for (const [what, bytes] of [
  ["a group", Buffer.from([(1 << 3) | 3])],
  ["field number 0", Buffer.from([2, 0])],
  ["a varint without end", Buffer.alloc(64, 0xff)],
  ["a varint of 11 bytes", Buffer.concat([varint(8), Buffer.alloc(10, 0x80), Buffer.from([0])])],
  ["a field number of more than 29 bits", Buffer.concat([varint(2 ** 32 + 8), varint(0)])],
  ["a length beyond the end", Buffer.concat([varint(10), varint(2), Buffer.from([0])])],
  ["a length beyond 2^53", Buffer.concat([varint(10), varint(2n ** 63n), Buffer.from([0])])],
  ["8 bytes that are 7", Buffer.from([9, 1, 2, 3, 4, 5, 6, 7])],
] as const) {
  test(`${what} is no message, at any depth`, () => {
    for (const [method, read] of readers) assert.equal(read(bytes), undefined, method);
    const inner = message([1, id("a")], [2, bytes], [3, bytes]);
    assert.equal(readContainers(listOf(inner)), undefined);
    assert.equal(readSandboxes(listOf(inner)), undefined);
  });
}

test("entries without an id that is one, and labels of others, are not kept", () => {
  const labels = { app: "web", __proto__x: "x", "io.kubernetes.pod.name": "web-7f8" };
  assert.deepEqual(
    readContainers(
      listOf(container({ id: "../../etc" }), container({ id: id("A") }), container({ id: id("a"), labels })),
    ),
    [{ id: id("a"), sandboxId: "", name: "", labels: [["io.kubernetes.pod.name", "web-7f8"]] }],
  );
  assert.deepEqual(
    readSandboxes(listOf(message(), sandbox("", "shop", "web"), sandbox(id("b"), "shop", "web"))),
    [{ id: id("b"), pod: "web", namespace: "shop" }],
  );
});

test("texts are cut, and need not be UTF-8", () => {
  const [found] = readContainers(listOf(container({ id: id("a"), name: "x".repeat(100_000) })))!;
  assert.equal(found!.name.length, 1024);
  const broken = message([2, Buffer.from([0xff, 0xfe])], [3, Buffer.from("1.0")]);
  assert.equal(readVersion(broken), "\ufffd\ufffd 1.0");
});
