import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch } from "../flow/index.ts";
import { type IngestMessage, ingestLimits, readMessage } from "../ingest/index.ts";
import { samplePeer, samplePod, wholeMessage } from "../ingest/testdata/sample-message.ts";
import { PeerTable } from "../topology/index.ts";
import { type BuiltMessage, MessageBuilder } from "./message-builder.ts";

const id = "0".repeat(32);
const head = {
  ...{ node: "box", instance: id, epoch: id, agentVersion: "", machine: "" },
  ...{ startedMilliseconds: 1, sealedMilliseconds: 1, isLast: false },
};
const report = {
  parts: [],
  sockets: 1,
  spoolBytes: 0,
  spoolMessages: 0,
  way: "",
  limits: [],
  dns: undefined,
};

function createBuilder() {
  const peers = new PeerTable(400_000, () => {});
  const lost = { count: 0 };
  const builder = new MessageBuilder(peers, 16_384, () => lost.count++);
  return { peers, builder, lost };
}

/** As a server reads them: every one within the format's limits. */
function read(built: readonly BuiltMessage[]): IngestMessage[] {
  return built.map(({ bytes, rowCount }) => {
    assert.ok(bytes.length <= ingestLimits.bytes, `${bytes.length} bytes`);
    const message = readMessage(bytes);
    assert.ok(!("problem" in message), JSON.stringify(message));
    assert.equal(message.batch.count, rowCount);
    return message;
  });
}

/** Rows told apart by their bytes, 1 on. */
function rows(count: number): FlowBatch {
  const batch = new FlowBatch(count);
  batch.append(count);
  for (let row = 0; row < count; row++) batch.columns.octetDeltaCount[row] = row + 1;
  return batch;
}

function addressOf(number: number): Uint8Array {
  const address = new Uint8Array(16);
  address.set([10, number >> 16, (number >> 8) & 255, number & 255], 12);
  return address;
}

const bytesOf = (messages: readonly IngestMessage[]) =>
  messages.flatMap(({ batch }) => [...batch.columns.octetDeltaCount.subarray(0, batch.count)]);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

test("names that workloads look up are bounded, the rest counted; what else there is to tell is told", () => {
  const { builder, lost } = createBuilder();
  const name = Array.from({ length: 4 }, () => "\\001".repeat(60)).join(".");
  for (let i = 0; i < 20_000; i++) builder.learn(addressOf(i), name);
  builder.countDrop("connection_limit", 77);
  builder.translate({
    addresses: new Uint8Array(64).fill(1),
    ...{ originalSourcePort: 1, originalDestinationPort: 2, replySourcePort: 3, replyDestinationPort: 4 },
    networkNamespace: 0,
    endedMilliseconds: 0,
    protocol: 6,
  });
  builder.add(rows(8000), 0);
  const built = builder.build(head, 1, report);
  const messages = read(built);
  const told = messages.flatMap(({ names }) => names);
  assert.ok(lost.count > 0 && told.length > 1000, `${told.length} told, ${lost.count} lost`);
  assert.equal(told.length + lost.count, 20_000);
  assert.ok(built.reduce((sum, { bytes }) => sum + bytes.length, 0) < 5e6);
  assert.deepEqual(messages[0]?.drops, [{ reason: "connection_limit", count: 77 }]);
  assert.equal(messages[0]?.translations.length, 1);
  assert.deepEqual(bytesOf(messages), upTo(8000));
  assert.ok(builder.isEmpty);
  builder.learn(addressOf(1), name);
  assert.equal(read(builder.build(head, 2, undefined))[0]?.names.length, 1, "there is room again");
});

test("so many short names that their count is what bounds them; one learned again takes no more room", () => {
  const { builder, lost } = createBuilder();
  for (let i = 0; i < 70_000; i++) builder.learn(addressOf(i), "a");
  builder.learn(addressOf(0), "b");
  const [message] = read(builder.build(head, 1, undefined));
  assert.equal(message!.names.length + lost.count, 70_000);
  assert.equal(message!.names[0]?.name, "b");
});

test("a pod that got its name after it was told of is told again, with it", () => {
  const { peers, builder } = createBuilder();
  const known = { ...samplePeer("box", "nginx", "10.0.0.9"), podUid: "0f3b" };
  const batch = rows(1);
  const row = peers.intern(known);
  batch.columns.sourcePeer[0] = row;
  builder.add(batch, 0);
  assert.deepEqual(read(builder.build(head, 1, report))[0]!.peers, [known]);
  peers.revise((peer) => ({ ...peer, ...samplePod }));
  assert.ok(!builder.isEmpty);
  const { id, name, address } = known;
  assert.deepEqual(read(builder.build(head, 2, report))[0]!.renamed, [{ id, name, address, ...samplePod }]);
  builder.add(batch, 0);
  assert.deepEqual(read(builder.build(head, 3, report))[0]!.peers, [{ ...known, ...samplePod }]);
});

test("peers with long texts: as many messages as it takes, each row once and with its own peer", () => {
  const { builder, peers } = createBuilder();
  const long = "x".repeat(5000);
  const batch = rows(6000);
  for (let row = 0; row < batch.count; row++) {
    const peer = { ...samplePeer("box", `curl ${row}`, "10.0.0.9"), process: long, network: long };
    batch.columns.sourcePeer[row] = peers.intern({ ...peer, container: long, node: long });
  }
  builder.add(batch, 0);
  builder.countDrop("connection_limit", 1);
  const messages = read(builder.build(head, 5, report));
  assert.ok(messages.length > 1, `${messages.length} messages`);
  assert.deepEqual(bytesOf(messages), upTo(6000));
  assert.deepEqual(
    messages.flatMap(({ batch: { columns, count }, peers: of }) =>
      [...columns.sourcePeer.subarray(0, count)].map((place) => of[place - 1]?.name),
    ),
    upTo(6000).map((number) => `curl ${number - 1}`),
  );
  assert.deepEqual(
    messages.map(({ sequence, drops, report: told }) => [sequence, drops.length, told !== undefined]),
    messages.map((_, i) => [5 + i, i === 0 ? 1 : 0, i === 0]),
  );
});

test("everything at once, as long as can be, stays within the limits", () => {
  const { builder, peers, lost } = createBuilder();
  const long = "\u20ac".repeat(5000);
  const batch = rows(16_384);
  const peerRows = upTo(3000).map((number) =>
    peers.intern({ ...samplePeer("box", `${number} ${long}`, "10.0.0.9"), id: `process:${number}` }),
  );
  for (let row = 0; row < batch.count; row++) {
    batch.columns.sourcePeer[row] = peerRows[row % peerRows.length]!;
    batch.columns.destinationPeer[row] = peerRows[(row * 7) % peerRows.length]!;
  }
  for (let row = 1; row <= 3000; row++)
    peers.rename({ id: `process:${row}`, address: "10.0.0.9" }, `${row} again ${long}`);
  for (let i = 0; i < 20_000; i++) builder.learn(addressOf(i), `${i} ${long}`);
  for (let i = 0; i < 16_384; i++)
    builder.translate({
      addresses: new Uint8Array(64).fill(1),
      ...{ originalSourcePort: 65_535, originalDestinationPort: 65_535, replySourcePort: 65_535 },
      ...{ replyDestinationPort: 65_535, protocol: 255, networkNamespace: 0, endedMilliseconds: 0 },
    });
  const asked = peerRows.map((peer, i) => ({ ...wholeMessage().asked[0]!, peer, name: `${i} ${long}` }));
  const left = builder.ask(asked);
  builder.add(batch, 0);
  const messages = read(builder.build(head, 1, report));
  assert.deepEqual(bytesOf(messages), upTo(16_384));
  assert.ok(left > 0 && messages[0]!.asked.length === 3000 - left);
  const told = messages[0]!.names.length + messages[0]!.renamed.length;
  assert.equal(told + lost.count, 23_000);
});

test("names that peers asked for are told once, in the first message, with the peers; what there is no room for is left", () => {
  const { peers, builder } = createBuilder();
  const [curl, wget] = ["curl", "wget"].map((name) => peers.intern(samplePeer("box", name, "10.0.0.9")));
  const asked = (peer: number, name: string) => ({ ...wholeMessage().asked[0]!, peer, name });
  assert.ok(builder.isEmpty);
  assert.equal(builder.ask([asked(wget!, "a.example"), asked(curl!, "a.example")]), 0);
  assert.ok(!builder.isEmpty, "names alone are worth a message");
  const batch = rows(1);
  batch.columns.sourcePeer[0] = curl!;
  builder.add(batch, 0);
  const [message] = read(builder.build(head, 1, report));
  assert.deepEqual(
    message!.peers.map(({ name }) => name),
    ["wget", "curl"],
  );
  assert.deepEqual(message!.asked, [asked(1, "a.example"), asked(2, "a.example")]);
  assert.equal(message!.batch.columns.sourcePeer[0], 2);
  assert.ok(builder.isEmpty);
  // 2 MiB in all; the longest name travels as 255 bytes.
  const many = Array.from({ length: 20_000 }, (_, i) => asked(curl!, `n${i}.${"a".repeat(248)}`));
  const left = builder.ask(many);
  assert.ok(left > 14_000 && left < 15_000, `${left}`);
  builder.add(rows(16_384), 0);
  const messages = read(builder.build(head, 2, undefined));
  assert.deepEqual(
    messages.map((each) => each.asked.length),
    [20_000 - left, ...messages.slice(1).map(() => 0)],
  );
  assert.deepEqual(bytesOf(messages), upTo(16_384));
});
