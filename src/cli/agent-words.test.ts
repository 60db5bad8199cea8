import assert from "node:assert/strict";
import { test } from "node:test";
import { describeParts } from "./agent-words.ts";

const on = { state: "on" } as const;
const off = (reason: string) => ({ state: "off", reason, remedy: "change it" }) as const;
const figures = {
  nameCount: 0,
  waitingCount: 0,
  malformedCount: 0,
  unaskedCount: 0,
  resolvers: [],
  names: [],
};
const status = {
  ...({ state: "on", way: "eBPF", sockets: 4, names: [] } as const),
  datagrams: { ...off("the kernel is too old"), flows: 0 },
  dns: { ...on, ...figures },
  nat: { ...off("no conntrack"), namespaces: 0 },
};

test("each of the four parts has its line, and those that are off say why and what would change it", () => {
  const lines = describeParts(status).join("\n").split("\n");
  assert.match(lines[0]!, /^ {2}TCP {10}on {4}connections of this machine/);
  assert.match(lines[1]!, /^ {2}UDP, ICMP {4}off {3}the kernel is too old$/);
  assert.match(lines[2]!, /^ {21}to switch it on: change it$/);
  assert.match(lines[3]!, /^ {2}DNS names {4}on /);
  assert.match(lines[4]!, /^ {2}NAT {10}off {3}no conntrack$/);
  assert.equal(lines.length, 6);
});
