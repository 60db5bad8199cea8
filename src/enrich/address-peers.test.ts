import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch, formatAddress, parseAddress } from "../flow/index.ts";
import { PeerTable } from "../topology/index.ts";
import { createAddressPeers } from "./address-peers.ts";

interface Row {
  source: string;
  destination: string;
  sourcePeer?: number;
  destinationPeer?: number;
}

function batchOf(...rows: Row[]): FlowBatch {
  const batch = new FlowBatch(rows.length);
  for (const { source, destination, sourcePeer = 0, destinationPeer = 0 } of rows) {
    const row = batch.append();
    batch.columns.sourceAddress.set(parseAddress(source)!, row * 16);
    batch.columns.destinationAddress.set(parseAddress(destination)!, row * 16);
    batch.columns.sourcePeer[row] = sourcePeer;
    batch.columns.destinationPeer[row] = destinationPeer;
  }
  return batch;
}

function createEnrich({
  local = ["10.0.0.5", "2001:db8::5"],
  rowsMax = 100,
  known = {} as Readonly<Record<string, string>>,
} = {}) {
  const drops: string[] = [];
  const peers = new PeerTable(rowsMax, (reason) => drops.push(reason));
  const addresses = [...local];
  const addressPeers = createAddressPeers({
    ...{ peers, node: "vm", localAddresses: () => addresses },
    nameOf: (bytes, offset) => known[formatAddress(bytes, offset)] ?? "",
  });
  /** The peers of a row with these addresses. */
  const name = (source: string, destination = "192.0.2.1") => {
    const { columns } = enriched({ source, destination });
    return [peers.get(columns.sourcePeer[0]!), peers.get(columns.destinationPeer[0]!)] as const;
  };
  const enriched = (...rows: Row[]) => {
    const batch = batchOf(...rows);
    addressPeers.enrich(batch);
    return batch;
  };
  return { addressPeers, peers, drops, addresses, name, enriched };
}

test("this machine's own addresses are the machine, any other is a host", () => {
  const { name } = createEnrich();
  const [own, other] = name("10.0.0.5", "8.8.8.8");
  assert.deepEqual(own, {
    id: "host:vm",
    kind: "host",
    name: "vm",
    address: "10.0.0.5",
    node: "vm",
    network: "10.0.0.0/24",
    process: "",
    container: "",
  });
  assert.deepEqual(other, {
    id: "host:8.8.8.8",
    kind: "host",
    name: "8.8.8.8",
    address: "8.8.8.8",
    node: "",
    network: "internet",
    process: "",
    container: "",
  });
});

test("loopback and IPv6 addresses of this machine are the machine", () => {
  const { name } = createEnrich();
  assert.deepEqual(
    name("127.0.0.1", "::1").map(({ id, network }) => [id, network]),
    [
      ["host:vm", "loopback"],
      ["host:vm", "loopback"],
    ],
  );
  assert.equal(name("2001:db8::5")[0].id, "host:vm");
  assert.equal(name("2001:db8::6")[0].id, "host:2001:db8::6");
});

test("ends that somebody has named already stay", () => {
  const { enriched, peers } = createEnrich();
  const { columns } = enriched(
    { source: "10.0.0.5", destination: "192.0.2.1", sourcePeer: 77 },
    { source: "10.0.0.5", destination: "192.0.2.1", destinationPeer: 78 },
  );
  assert.equal(columns.sourcePeer[0], 77);
  assert.equal(columns.destinationPeer[1], 78);
  assert.equal(peers.get(columns.destinationPeer[0]!).id, "host:192.0.2.1");
  assert.equal(peers.get(columns.sourcePeer[1]!).id, "host:vm");
});

test("rows that are not used are not looked at", () => {
  const { addressPeers, peers } = createEnrich();
  const before = peers.count;
  const batch = new FlowBatch(5);
  addressPeers.enrich(batch);
  assert.equal(peers.count, before);
  assert.equal(batch.columns.sourcePeer[0], 0);
});

test("when this machine's addresses change, a refresh names them anew", () => {
  const { addressPeers, addresses, name } = createEnrich();
  assert.equal(name("10.0.9.9")[0].id, "host:10.0.9.9");
  addresses.splice(0, 1, "10.0.9.9"); // as many as before
  assert.equal(name("10.0.9.9")[0].id, "host:10.0.9.9", "not before it is asked to");
  addressPeers.refresh();
  assert.equal(name("10.0.9.9")[0].id, "host:vm");
  assert.equal(name("10.0.0.5")[0].id, "host:10.0.0.5", "and an address it no longer has is a host");
});

test("an address beyond the bound is ~other until there is room", () => {
  const { name, peers, drops } = createEnrich({ rowsMax: 3 });
  assert.equal(name("192.0.2.1", "192.0.2.1")[0].id, "host:192.0.2.1");
  assert.equal(name("192.0.2.2", "192.0.2.1")[0].id, "other");
  assert.deepEqual(drops, ["peer_limit"]);
  peers.sweep(() => {});
  assert.equal(name("192.0.2.2", "192.0.2.2")[0].id, "host:192.0.2.2");
});

test("~other is not remembered: the address gets its own row as soon as the table takes it", () => {
  const drops: string[] = [];
  const peers = new PeerTable(3, (reason) => drops.push(reason));
  const addressPeers = createAddressPeers({ peers, node: "vm", localAddresses: () => [] });
  const first = batchOf({ source: "192.0.2.1", destination: "192.0.2.2" });
  addressPeers.enrich(first);
  assert.equal(first.columns.destinationPeer[0], 1);
  const again = batchOf({ source: "192.0.2.1", destination: "192.0.2.2" });
  addressPeers.enrich(again);
  assert.equal(drops.length, 2, "it asks the table again each time");
});

test("rows freed by a sweep are not given out again from memory", () => {
  const { name, peers } = createEnrich();
  name("192.0.2.1", "192.0.2.2");
  peers.sweep(() => {});
  name("192.0.2.9", "192.0.2.8"); // takes the freed rows
  assert.deepEqual(
    name("192.0.2.1", "192.0.2.2").map(({ id }) => id),
    ["host:192.0.2.1", "host:192.0.2.2"],
  );
});

test("a host is shown by the name it was looked up by, this machine by its own; the identity is the address", () => {
  const { name } = createEnrich({ known: { "192.0.2.80": "www.example", "10.0.0.5": "me.example" } });
  const [own, other] = name("10.0.0.5", "192.0.2.80");
  assert.deepEqual([own.id, own.name], ["host:vm", "vm"]);
  assert.deepEqual([other.id, other.name, other.address], ["host:192.0.2.80", "www.example", "192.0.2.80"]);
});

test("a host that was there before its name is shown by it from then on, this machine is not", () => {
  const { addressPeers, peers, enriched } = createEnrich();
  const { columns } = enriched({ source: "10.0.0.5", destination: "192.0.2.80" });
  for (const address of ["192.0.2.80", "10.0.0.5", "127.0.0.1"])
    addressPeers.rename(parseAddress(address)!, 0, "www.example");
  assert.equal(peers.get(columns.sourcePeer[0]!).name, "vm");
  assert.equal(peers.get(columns.destinationPeer[0]!).name, "www.example");
});

test("hosts are shown in the network they are told to be in", () => {
  const peers = new PeerTable(100, () => {});
  const networkOf = (bytes: Uint8Array, offset: number) => `around ${formatAddress(bytes, offset)}`;
  const addressPeers = createAddressPeers({ peers, node: "vm", localAddresses: () => [], networkOf });
  const batch = batchOf({ source: "10.0.0.1", destination: "192.0.2.1" });
  addressPeers.enrich(batch);
  assert.equal(peers.get(batch.columns.destinationPeer[0]!).network, "around 192.0.2.1");
});

test("an address is in use once a record had it, as long as its row is", () => {
  const { addressPeers, peers, name } = createEnrich();
  const has = (address: string) => addressPeers.has(parseAddress(address)!, 0);
  assert.equal(has("192.0.2.9"), false);
  name("192.0.2.9");
  assert.deepEqual([has("192.0.2.9"), has("192.0.2.8")], [true, false]);
  peers.sweep(() => {});
  name("192.0.2.8");
  assert.deepEqual([has("192.0.2.9"), has("192.0.2.8")], [false, true]);
});
