import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { coreFields, FlowBatch, fields } from "../flow/index.ts";
import { ingestColumns } from "./columns.ts";
import { type IngestMessage, ingestLimits, readMessage, writeMessage } from "./index.ts";
import {
  sampleBatch,
  sampleMessage,
  samplePeer,
  samplePod,
  wholeMessage,
} from "./testdata/sample-message.ts";
import { peerFields, renamedFields } from "./wire.ts";
import { WireWriter } from "./wire-writer.ts";

function read(bytes: Uint8Array): IngestMessage {
  const message = readMessage(bytes);
  assert.ok(!("problem" in message), JSON.stringify(message));
  return message;
}

function problemOf(bytes: Uint8Array): string {
  const message = readMessage(bytes);
  assert.ok("problem" in message, "it was read");
  return message.problem;
}

/** A batch as what it tells: every column that travels. */
function told({ batch, ...rest }: IngestMessage) {
  const columns = ingestColumns.map(({ name }) => [name, [...batch.columns[name]]]);
  return {
    ...rest,
    names: rest.names.map((n) => ({ ...n, address: [...n.address] })),
    translations: rest.translations.map((n) => ({ ...n, addresses: [...n.addresses] })),
    columns,
    count: batch.count,
  };
}

test("what is written is read", () => {
  const message = wholeMessage();
  assert.deepEqual(told(read(writeMessage(message))), told({ ...message, report: message.report }));
});

test("a message without rows is one", () => {
  const message = read(writeMessage(sampleMessage({ sequence: 2 ** 53 })));
  assert.equal(message.batch.count, 0);
  assert.equal(message.sequence, 2 ** 53);
  assert.equal(message.report, undefined);
});

test("columns that are empty in every row do not travel, and are empty again", () => {
  const batch = sampleBatch([
    {
      source: "10.0.0.1",
      sourcePort: 1,
      destination: "10.0.0.2",
      destinationPort: 2,
      observedEnd: 1,
      bytes: 9,
    },
  ]);
  const bytes = writeMessage(sampleMessage({ batch }));
  assert.ok(bytes.length < 250, `${bytes.length} bytes`);
  assert.equal(read(bytes).batch.columns.flowDirection[0], 255, "the field's own empty value");
});

test("a column travels for the sake of any one of its rows, the last too", () => {
  for (const count of [1, 2, 3, 4, 5, 7, 8])
    for (let row = 0; row < count; row++) {
      const batch = new FlowBatch(9);
      batch.append(count);
      for (const { name, encoding } of ingestColumns)
        batch.columns[name][encoding === "address" ? row * 16 + (row % 16) : row] = 1;
      batch.columns.ipClassOfService[count] = 7; // a row that is not there
      batch.columns.ipClassOfService[row] = 0;
      const message = sampleMessage({ batch, peers: [samplePeer("box", "x", "10.0.0.9")] });
      const sent = read(writeMessage(message)).batch;
      for (const { name, encoding } of ingestColumns)
        assert.deepEqual(
          sent.columns[name],
          batch.columns[name].subarray(0, encoding === "address" ? count * 16 : count),
          `${name}, row ${row} of ${count}`,
        );
    }
});

test("every field that is not the server's own has a number, none twice, and the document tells the same", () => {
  const numbers = ingestColumns.map(({ number }) => number);
  assert.equal(new Set(numbers).size, numbers.length);
  assert.equal(ingestColumns.length, coreFields.length - 6);
  const document = readFileSync(new URL("../../docs/formats/ingest.md", import.meta.url), "utf8");
  for (const { name, number, encoding } of ingestColumns)
    assert.ok(
      document.includes(`| ${number} | \`${name}\` | ${encoding} |`),
      `${number} ${name} ${encoding}`,
    );
  assert.ok(fields.length > ingestColumns.length);
});

test("fields and columns of a newer agent are passed over", () => {
  const [column, writer] = [new WireWriter(), new WireWriter()];
  column.unsigned(1, 9999);
  column.bytes(2, new Uint8Array(5));
  writer.message(11, column);
  writer.unsigned(31, 5);
  writer.text(500, "news", 100);
  writer.fixed32(501, 1);
  const message = wholeMessage();
  assert.deepEqual(told(read(concat(writeMessage(message), writer.written))), told(message));
});

test("peers of a kind that is not known here are other", () => {
  const peer = {
    id: "x",
    kind: "comet",
    name: "x",
    address: "",
    node: "",
    network: "",
    process: "",
    container: "",
  };
  const message = sampleMessage({ peers: [peer as never] });
  assert.equal(read(writeMessage(message)).peers[0]?.kind, "other");
});

test("texts are cut off, never refused", () => {
  const long = "é".repeat(10_000);
  const peer = { ...samplePeer("box", "x", "10.0.0.9"), name: long, process: `a${long}`, id: long };
  const message = read(
    writeMessage(
      sampleMessage({
        agentVersion: long,
        peers: [peer],
        renamed: [{ id: long, address: long, name: long }],
      }),
    ),
  );
  assert.equal(message.agentVersion, "é".repeat(32));
  assert.deepEqual(
    [message.peers[0]!.id, message.peers[0]!.name, message.peers[0]!.process].map((text) =>
      Buffer.byteLength(text),
    ),
    [512, 256, 1199],
    "no character is cut in two",
  );
  assert.deepEqual(
    Object.values(message.renamed[0]!).map((text) => text.length),
    [256, 32, 128],
  );
});

test("what controls terminals or the direction of text is left out of every text", () => {
  const bad = "\x1b[2Ja\u202eb\u0000\n";
  const peer = { ...samplePeer("box", bad, "10.0.0.9"), container: bad, network: bad };
  const message = read(
    writeMessage(
      sampleMessage({
        ...{
          agentVersion: bad,
          machine: bad,
          peers: [peer],
          renamed: [{ id: bad, address: "10.0.0.9", name: bad }],
        },
        names: [{ address: new Uint8Array(16), name: bad, ttlSeconds: 1 }],
        asked: [{ ...wholeMessage().asked[0]!, name: bad }],
        drops: [{ reason: bad, count: 1 }],
        report: {
          parts: [{ name: bad, isOn: false, reason: bad }],
          sockets: 0,
          spoolBytes: 0,
          spoolMessages: 0,
          way: "",
          limits: [],
          dns: undefined,
        },
      }),
    ),
  );
  assert.doesNotMatch(JSON.stringify({ ...message, batch: 0 }), /\\u0|\\n|\u202e/);
  assert.equal(message.names[0]?.name, "[2Jab");
  assert.equal(message.asked[0]?.name, "[2Jab");
});

const bad: readonly [what: string, make: () => Uint8Array, problem: RegExp][] = [
  ["nothing", () => new Uint8Array(), /not those of an agent's batch/],
  ["another format", () => new TextEncoder().encode('{"a":1}'), /not those of an agent's batch/],
  ["a newer version", () => withFields((w) => w.unsigned(2, 2)), /version 2, this server reads up to 1/],
  ["a node with a blank", () => writeMessage(sampleMessage({ node: "a b" })), /^node/],
  ["a node with a slash", () => writeMessage(sampleMessage({ node: "a/b" })), /^node/],
  ["a node that turns text round", () => writeMessage(sampleMessage({ node: "a\u202eb" })), /^node/],
  ["a node that is too long", () => writeMessage(sampleMessage({ node: "n".repeat(254) })), /^node/],
  ["no node", () => writeMessage(sampleMessage({ node: "" })), /^node/],
  ["a short instance", () => writeMessage(sampleMessage({ instance: "00" })), /^instance/],
  ["a short epoch", () => writeMessage(sampleMessage({ epoch: "00" })), /^epoch/],
  ["sequence 0", () => writeMessage(sampleMessage({ sequence: 0 })), /^sequence/],
  ["too many rows", () => concat(writeMessage(sampleMessage()), withField(10, 65_537)), /^row_count/],
  [
    "a short column",
    () => concat(writeMessage(wholeMessage()), withField(10, 3)),
    /^column .*: .* for 3 rows/,
  ],
  [
    "an unknown end",
    () => withRow((batch) => batch.columns.observedEnd.fill(3)),
    /^column observedEnd: row 0 is 3/,
  ],
  [
    "a negative count",
    () => withRow((batch) => batch.columns.octetDeltaCount.fill(-1)),
    /^column octetDeltaCount/,
  ],
  ["no number", () => withRow((batch) => batch.columns.flowStartMilliseconds.fill(Number.NaN)), /is NaN/],
  [
    "a peer that is not told",
    () => withRow((batch) => batch.columns.destinationPeer.fill(1)),
    /^destinationPeer/,
  ],
  [
    "a name asked for by a peer that is not told",
    () => writeMessage(sampleMessage({ asked: wholeMessage().asked })),
    /^asked: names a peer/,
  ],
  ["too much", () => new Uint8Array(ingestLimits.bytes + 1), /at most/],
];

for (const [what, make, problem] of bad) {
  test(`refused: ${what}`, () => assert.match(problemOf(make()), problem));
}

test("more than the limits of a list is refused", () => {
  const drop = { reason: "queue_full", count: 1 };
  const writer = new WireWriter();
  for (let i = 0; i <= ingestLimits.drops; i++) {
    const inner = new WireWriter();
    inner.text(1, drop.reason, 100);
    writer.message(15, inner);
  }
  assert.match(problemOf(concat(writeMessage(sampleMessage()), writer.written)), /cut off or damaged/);
});

test("every truncation is refused, or a message with less in it", () => {
  const whole = writeMessage(wholeMessage());
  for (let length = 0; length < whole.length; length++) {
    const message = readMessage(whole.subarray(0, length));
    if ("problem" in message) continue;
    assert.ok(message.batch.count <= 2 && message.peers.length <= 2);
  }
});

function withFields(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  writer.fixed32(1, 0x424c5450);
  write(writer);
  return writer.written;
}

function withField(field: number, value: number): Uint8Array {
  const writer = new WireWriter();
  writer.unsigned(field, value);
  return writer.written;
}

function withRow(change: (batch: FlowBatch) => void): Uint8Array {
  const batch = new FlowBatch(1);
  batch.append();
  change(batch);
  return writeMessage(sampleMessage({ batch }));
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

test("a pod's uid comes along, and is not told of others", () => {
  const [pod, other] = [
    { ...samplePeer("box", "web", "10.50.0.7"), podUid: "0f3b" },
    samplePeer("box", "curl", "10.0.0.9"),
  ];
  const { peers } = read(writeMessage(sampleMessage({ peers: [pod!, other!] })));
  assert.deepEqual(peers, [pod, other]);
});

test("what an API server told the agent of a pod comes along, with a peer and with one that was told before", () => {
  const pod = { ...samplePeer("box", "web", "10.50.0.7"), podUid: "0f3b", ...samplePod };
  const renamed = [
    { id: "container:box/abc", address: "10.0.0.7", name: "web", ...samplePod },
    { id: "container:box/def", address: "10.0.0.8", name: "db" },
  ];
  const message = read(writeMessage(sampleMessage({ peers: [pod], renamed })));
  assert.deepEqual(message.peers, [pod]);
  assert.deepEqual(message.renamed, renamed);
});

test("peers' texts have the numbers that agent-batch.proto gives them", () => {
  const proto = readFileSync(new URL("./agent-batch.proto", import.meta.url), "utf8");
  const numbersOf = (message: string) => {
    const fields = new RegExp(`^message ${message} \\{(.+?)^\\}`, "ms").exec(proto)![1]!;
    const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    return [...fields.matchAll(/string (\w+) = (\d+);/g)].map(([, name, number]) => [
      camel(name!),
      Number(number),
    ]);
  };
  const numbered = (names: readonly string[]) => names.map((name, i) => [name, i + 1]);
  assert.deepEqual(numbered(peerFields), numbersOf("Peer"));
  assert.deepEqual(numbered(renamedFields), numbersOf("PeerName"));
});

test("of a pod's facts too texts are cut off", () => {
  const long = "x".repeat(10_000);
  const facts = { namespace: long, pod: long, workload: long, workloadKind: long };
  const renamed = [{ id: "a", address: "10.0.0.7", name: "web", ...facts }];
  const message = read(
    writeMessage(sampleMessage({ peers: [{ ...samplePeer("box", "x", "10.0.0.9"), ...facts }], renamed })),
  );
  for (const { namespace, pod, workload, workloadKind } of [message.peers[0]!, message.renamed[0]!])
    assert.deepEqual(
      [namespace, pod, workload, workloadKind].map((text) => text?.length),
      [63, 253, 253, 63],
    );
});

test("of names asked for, those are passed over that nobody asked for, that are no name, or that were counted beyond reason", () => {
  const [whole] = wholeMessage().asked;
  const asked = [
    { ...whole!, peer: 0 },
    { ...whole!, name: "" },
    { ...whole!, queryCount: 2 ** 42 + 1 },
    { ...whole!, name: "a".repeat(300) },
  ];
  const message = read(writeMessage(sampleMessage({ peers: wholeMessage().peers, asked })));
  assert.deepEqual(message.asked, [{ ...whole!, name: "a".repeat(255) }]);
});
