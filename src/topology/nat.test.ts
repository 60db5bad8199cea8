import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch, formatAddress, parseAddress } from "../flow/index.ts";
import { clientEnd } from "./client-end.ts";
import { createNat } from "./nat.ts";
import { observedEnd } from "./observed-end.ts";
import { createStitcher } from "./stitch.ts";
import { stitchDefaults } from "./stitcher.ts";

type End = readonly [address: string, port: number];
interface Row {
  readonly source: End;
  readonly destination: End;
  readonly end?: number;
  readonly peers?: readonly [source: number, destination: number];
  readonly octets?: readonly [forward: number, reverse: number];
  readonly opened?: boolean;
  readonly closed?: boolean;
  /** Unix ms. */
  readonly began?: number;
  readonly scope?: number;
  readonly protocol?: number;
}

const pod: End = ["10.42.1.5", 40000];
const service: End = ["10.96.0.20", 80];
const node: End = ["192.168.1.7", 51000];
const backend: End = ["10.42.2.9", 8080];
const [podPeer, backendPeer, addressPeer] = [7, 8, 90];

function batchOf(...rows: Row[]): FlowBatch {
  const batch = new FlowBatch(Math.max(1, rows.length));
  const { columns } = batch;
  for (const { source, destination, end = 0, peers, octets, opened, closed, ...rest } of rows) {
    const row = batch.append();
    columns.sourceAddress.set(parseAddress(source[0])!, row * 16);
    columns.destinationAddress.set(parseAddress(destination[0])!, row * 16);
    columns.sourceTransportPort[row] = source[1];
    columns.destinationTransportPort[row] = destination[1];
    columns.protocolIdentifier[row] = rest.protocol ?? 6;
    columns.flowStartMilliseconds[row] = rest.began ?? 0;
    columns.connectionScope[row] = rest.scope ?? 0;
    columns.observer[row] = 3;
    columns.observedEnd[row] = end;
    columns.clientEnd[row] = end === 0 ? 0 : clientEnd.source;
    columns.flowEndReason[row] = closed ? 3 : 2;
    columns.connectionCount[row] = opened ? 1 : 0;
    [columns.sourcePeer[row], columns.destinationPeer[row]] = peers ?? [addressPeer, addressPeer];
    [columns.octetDeltaCount[row], columns.reverseOctetDeltaCount[row]] = octets ?? [0, 0];
  }
  return batch;
}

function tupleOf({ columns }: FlowBatch, row = 0): string {
  const source = formatAddress(columns.sourceAddress, row * 16);
  const destination = formatAddress(columns.destinationAddress, row * 16);
  return `${source} ${columns.sourceTransportPort[row]} > ${destination} ${columns.destinationTransportPort[row]}`;
}

const peersOf = ({ columns }: FlowBatch, row = 0) => [columns.sourcePeer[row], columns.destinationPeer[row]];
const trueEnds = `${pod.join(" ")} > ${backend.join(" ")}`;

function createWorld() {
  const stitcher = createStitcher(stitchDefaults, () => {});
  const nat = createNat({ connectionsMax: 100 }, stitcher, () => {});
  return {
    stitcher,
    nat,
    /** `before` is what the opener sends; `after`, who it is said to be, and who answers. */
    translate(
      before: readonly [End, End],
      after: readonly [End, End],
      endedMilliseconds = 0,
      networkNamespace = 0,
    ) {
      const addresses = new Uint8Array(64);
      [before[0], before[1], after[1], after[0]].forEach(([address], i) => {
        addresses.set(parseAddress(address)!, i * 16);
      });
      const [originalSourcePort, originalDestinationPort] = [before[0][1], before[1][1]];
      const [replySourcePort, replyDestinationPort] = [after[1][1], after[0][1]];
      nat.learn(
        {
          addresses,
          ...{ protocol: 6, networkNamespace, endedMilliseconds },
          ...{ originalSourcePort, originalDestinationPort, replySourcePort, replyDestinationPort },
        },
        1000,
      );
    },
    open() {
      const open: number[][] = [];
      stitcher.forEachOpen((client, server, port) => open.push([client, server, port]));
      return open;
    },
  };
}

test("without translations a batch stays as it is", () => {
  const { nat } = createWorld();
  const batch = batchOf({ source: pod, destination: service });
  assert.equal(nat.undo(batch, 1000), false);
  assert.deepEqual(peersOf(batch), [addressPeer, addressPeer]);
});

test("what client, backend and a router on the way saw are of the same ends", () => {
  const { nat, translate } = createWorld();
  translate([pod, service], [node, backend]);
  const batch = batchOf(
    { source: pod, destination: service, end: observedEnd.client, peers: [podPeer, 0] },
    { source: node, destination: backend, end: observedEnd.server, peers: [0, backendPeer] },
    { source: node, destination: backend },
    { source: backend, destination: node },
  );
  assert.equal(nat.undo(batch, 1001), true);
  assert.deepEqual(
    [0, 1, 2].map((row) => tupleOf(batch, row)),
    [trueEnds, trueEnds, trueEnds],
  );
  const called = [0, 1, 2, 3].map((row) => [
    formatAddress(batch.columns.originalDestinationAddress, row * 16),
    batch.columns.originalDestinationTransportPort[row],
  ]);
  assert.deepEqual(
    called,
    [service, service, service, service],
    "whoever saw it where: all know what the client called, so that they speak of one link",
  );
  assert.equal(tupleOf(batch, 3), `${backend.join(" ")} > ${pod.join(" ")}`, "its direction stays");
  assert.deepEqual(
    [0, 1, 2, 3].map((row) => peersOf(batch, row)),
    [
      [podPeer, 0],
      [0, backendPeer],
      [0, addressPeer],
      [addressPeer, 0],
    ],
    "an end that changed is nobody yet, unless its socket was read",
  );
});

test("a client through a service and the pod that answers are one connection, open once and then not at all", () => {
  const { nat, stitcher, translate, open } = createWorld();
  translate([pod, service], [pod, backend]);
  const step = (closed: boolean) => {
    const batch = batchOf(
      {
        source: pod,
        destination: service,
        end: observedEnd.client,
        peers: [podPeer, 0],
        opened: !closed,
        closed,
      },
      {
        source: pod,
        destination: backend,
        end: observedEnd.server,
        peers: [0, backendPeer],
        opened: !closed,
        closed,
      },
    );
    nat.undo(batch, 1000);
    stitcher.stitch(batch, 1000);
    return batch;
  };
  const batch = step(false);
  assert.deepEqual([...batch.columns.isDuplicate], [0, 1]);
  assert.deepEqual(
    [peersOf(batch, 0), peersOf(batch, 1)],
    [
      [podPeer, backendPeer],
      [podPeer, backendPeer],
    ],
  );
  assert.deepEqual(open(), [[podPeer, backendPeer, backend[1]]]);
  step(true);
  assert.deepEqual(open(), []);
});

test("of a connection that was entered before it was known to be translated nothing stays open", () => {
  const { nat, stitcher, translate, open } = createWorld();
  const early = batchOf({
    source: node,
    destination: backend,
    end: observedEnd.server,
    peers: [addressPeer, backendPeer],
    opened: true,
  });
  nat.undo(early, 1000);
  stitcher.enter(early, 1000);
  assert.equal(open().length, 1);
  translate([pod, service], [node, backend]);
  assert.deepEqual(open(), []);
  assert.equal(nat.undo(early, 1001), true);
  stitcher.enterAgain(early, 1001);
  assert.deepEqual(open(), [], "what came since may have ended it");
  const later = batchOf({
    source: pod,
    destination: service,
    end: observedEnd.client,
    peers: [podPeer, 0],
    opened: true,
  });
  nat.undo(later, 1001);
  stitcher.enter(later, 1001);
  stitcher.judge(later, 1001);
  stitcher.judge(early, 1001);
  assert.deepEqual([later.columns.isDuplicate[0], early.columns.isDuplicate[0]], [0, 1]);
  assert.deepEqual(peersOf(later), [podPeer, backendPeer]);
  assert.deepEqual(peersOf(early), [podPeer, backendPeer]);
});

test("entered again, an end that was closed meanwhile stays closed", () => {
  const { nat, stitcher, translate, open } = createWorld();
  const early = {
    source: node,
    destination: backend,
    end: observedEnd.server,
    peers: [0, backendPeer],
  } as const;
  const held = batchOf({ ...early, opened: true });
  stitcher.enter(held, 1000);
  translate([pod, service], [node, backend]);
  const end = batchOf({ ...early, closed: true });
  nat.undo(end, 1001);
  stitcher.enter(end, 1001);
  nat.undo(held, 1002);
  stitcher.enterAgain(held, 1002);
  assert.deepEqual(open(), []);
});

test("the half of a flow that looked as if the remote end began is turned round", () => {
  const { nat, translate } = createWorld();
  translate([pod, service], [pod, backend]);
  // A socket sees its own datagrams after translation, and the answers before theirs is undone: two flows, of one way each.
  const batch = batchOf(
    {
      source: pod,
      destination: backend,
      end: observedEnd.client,
      peers: [podPeer, 0],
      octets: [100, 0],
      opened: true,
    },
    {
      source: service,
      destination: pod,
      end: observedEnd.server,
      peers: [0, podPeer],
      octets: [900, 0],
      opened: true,
    },
  );
  nat.undo(batch, 1000);
  const { columns } = batch;
  assert.deepEqual([tupleOf(batch, 0), tupleOf(batch, 1)], [trueEnds, trueEnds]);
  assert.deepEqual([...columns.observedEnd], [observedEnd.client, observedEnd.client]);
  assert.deepEqual(peersOf(batch, 1), [podPeer, 0]);
  assert.deepEqual([...columns.octetDeltaCount], [100, 0]);
  assert.deepEqual([...columns.reverseOctetDeltaCount], [0, 900]);
  assert.deepEqual([...columns.connectionCount], [1, 0], "one flow began");
});

test("a translation that is over: a socket's opening tells, and an exporter's clock may be off", () => {
  const ended = 1_000_000;
  const setUp = () => {
    const world = createWorld();
    world.translate([pod, backend], [node, backend]);
    world.translate([pod, backend], [node, backend], ended);
    return (row: Partial<Row>) => {
      const batch = batchOf({ source: node, destination: backend, ...row });
      world.nat.undo(batch, 1000);
      return tupleOf(batch) === trueEnds;
    };
  };
  const server = { end: observedEnd.server, peers: [0, backendPeer] } as const;
  const isUndone = setUp();
  assert.ok(isUndone({ ...server, began: ended - 1, opened: true }));
  assert.ok(
    isUndone({ ...server, began: ended + 60_000 }),
    "a row of a socket that goes on begins with the poll",
  );
  assert.ok(isUndone({ began: ended + 9000 }));
  assert.ok(!isUndone({ began: ended + 10_001 }));
  assert.ok(isUndone({ ...server, began: ended + 60_000 }), "what an exporter says of times is no opening");
  assert.ok(!isUndone({ ...server, began: ended + 1, opened: true }));
  assert.ok(!isUndone({ ...server, began: ended + 60_000, closed: true }));
});

test("a client's own address is never another's", () => {
  const { nat, translate } = createWorld();
  translate([pod, backend], [node, backend]);
  const own = batchOf({ source: node, destination: backend, end: observedEnd.client, peers: [podPeer, 0] });
  assert.equal(nat.undo(own, 1000), false);
  assert.equal(tupleOf(own), `${node.join(" ")} > ${backend.join(" ")}`);
});

test("a client and the proxy beside it are one connection, of their network namespace", () => {
  const { nat, stitcher, translate, open } = createWorld();
  const proxy: End = ["127.0.0.1", 15001];
  translate([pod, service], [pod, proxy], 0, 77);
  const batch = batchOf(
    { source: pod, destination: service, end: observedEnd.client, peers: [podPeer, 0], opened: true },
    {
      source: pod,
      destination: proxy,
      end: observedEnd.server,
      peers: [0, backendPeer],
      opened: true,
      scope: 77,
    },
    { source: pod, destination: proxy, end: observedEnd.server, peers: [0, 9], opened: true, scope: 78 },
  );
  nat.undo(batch, 1000);
  assert.deepEqual([...batch.columns.connectionScope], [77, 77, 78]);
  stitcher.enter(batch, 1000);
  stitcher.judge(batch, 1000);
  assert.deepEqual([...batch.columns.isDuplicate], [0, 1, 0]);
  assert.deepEqual(peersOf(batch, 0), [podPeer, backendPeer]);
  assert.equal(open().length, 2);
  assert.equal(formatAddress(batch.columns.originalDestinationAddress), service[0]);
});

test("translations that nobody used go", () => {
  const { nat, translate } = createWorld();
  translate([pod, service], [pod, backend]);
  nat.undo(batchOf({ source: pod, destination: service }), 1500);
  nat.sweep(1500);
  assert.equal(nat.count, 1);
  nat.sweep(1501);
  assert.equal(nat.count, 0);
});
