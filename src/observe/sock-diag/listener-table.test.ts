import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../flow/index.ts";
import { ListenerTable } from "./listener-table.ts";
import { readSocket } from "./pretend-socket.ts";

const listening = (address: string, port: number, inode: number) =>
  readSocket({
    family: address.includes(":") ? 10 : 2,
    local: [address, port],
    remote: ["0.0.0.0", 0],
    inode,
  });

test("who accepts at an address: the exact one, else any address of its family, else of IPv6", () => {
  const table = new ListenerTable();
  const who = (address: string, port = 80, namespace = 1) =>
    table.find(namespace, port, parseAddress(address)!, 0)?.inode;
  table.add(listening("::", 80, 6), 1, 1);
  assert.deepEqual([who("192.0.2.1"), who("2001:db8::1")], [6, 6], "a socket of IPv6 accepts both");
  table.add(listening("0.0.0.0", 80, 4), 1, 1);
  assert.deepEqual([who("192.0.2.1"), who("2001:db8::1")], [4, 6]);
  table.add(listening("192.0.2.1", 80, 1), 1, 1);
  assert.deepEqual([who("192.0.2.1"), who("192.0.2.2")], [1, 4]);
  assert.deepEqual([who("192.0.2.1", 81), who("192.0.2.1", 80, 2)], [undefined, undefined]);
});

test("of two that share an address one is named throughout, until it is gone", () => {
  const table = new ListenerTable();
  const who = () => table.find(1, 80, parseAddress("192.0.2.1")!, 0)!;
  for (let walk = 1; walk < 4; walk++) {
    for (const inode of walk % 2 === 0 ? [7, 8] : [8, 7]) table.add(listening("0.0.0.0", 80, inode), 1, walk);
    who().owner ??= { process: 5, processName: "web" };
    assert.equal(who().inode, 8);
  }
  for (let walk = 4; walk < 7; walk++) {
    table.add(listening("0.0.0.0", 80, 7), 1, walk);
    table.forget(walk);
  }
  assert.deepEqual([who().inode, who().owner], [7, undefined]);
});

test("a listener that is gone is remembered for two walks", () => {
  const table = new ListenerTable();
  table.add(listening("0.0.0.0", 80, 7), 1, 1);
  table.forget(3);
  assert.ok(table.find(1, 80, parseAddress("192.0.2.1")!, 0));
  table.forget(4);
  assert.equal(table.find(1, 80, parseAddress("192.0.2.1")!, 0), undefined);
});
