import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch, ObserverTable } from "../flow/index.ts";
import { clientEnd } from "./client-end.ts";
import { LiveFold, liveFoldDefaults } from "./live-fold.ts";
import { liveParts } from "./live-parts.ts";
import { type Peer, PeerTable } from "./peer.ts";

const peer = (name: string): Peer => ({
  id: `host:${name}`,
  kind: "host",
  name,
  address: name,
  node: "",
  network: "",
  process: "",
  container: "",
});

test("a part has its peers and observer in words; a round trip that nobody measured is null", () => {
  const fold = new LiveFold(liveFoldDefaults, () => {});
  const peers = new PeerTable(10, () => {});
  const observers = new ObserverTable();
  const batch = new FlowBatch(2);
  for (const microseconds of [0, 1500]) {
    const row = batch.append();
    batch.columns.clientEnd[row] = clientEnd.source;
    batch.columns.sourcePeer[row] = peers.intern(peer("a"));
    batch.columns.destinationPeer[row] = peers.intern(peer("b"));
    batch.columns.destinationTransportPort[row] = 80 + row;
    batch.columns.observer[row] = observers.intern({ id: "agent:vm", kind: "agent", name: "vm" });
    batch.columns.roundTripTimeMicroseconds[row] = microseconds;
  }
  fold.fold(batch);
  const parts = [...liveParts(fold, peers, observers)];
  assert.deepEqual(
    parts.map(({ client, server, observer, port, rttMicroseconds }) => [
      client.name,
      server.name,
      observer.id,
      port,
      rttMicroseconds,
    ]),
    [
      ["a", "b", "agent:vm", 80, null],
      ["a", "b", "agent:vm", 81, 1500],
    ],
  );
});
