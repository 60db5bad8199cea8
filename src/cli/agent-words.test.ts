import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectionsStatus } from "../agent/index.ts";
import { describeParts, describePods, describeTcp } from "./agent-words.ts";

const limits = [{ reason: "no BTF", remedy: "another kernel" }];
const whole = {
  ...{ networkNamespaces: 3, networkNamespacesMissed: 0, hasEvents: true },
  ...{ canReadProcesses: true, processesMissed: 0 },
};

function describe(reach: Partial<typeof whole> | undefined): string {
  const status: ConnectionsStatus = {
    ...{ state: "on", way: "sock_diag", limits, sockets: 1 },
    ...(reach === undefined ? {} : { reach: { ...whole, ...reach } }),
  };
  return describeTcp(status, "connections");
}

test("all network namespaces is said only where all are read", () => {
  const byPrograms = describeTcp({ state: "on", way: "eBPF", sockets: 1 }, "connections");
  assert.equal(byPrograms, "on    connections, all network namespaces");
  assert.match(describe({}), /^on {4}connections, all network namespaces: read by sock_diag/);
  for (const reach of [{}, { processesMissed: 1 }]) assert.ok(!describe(reach).includes("not seen"));
  for (const reach of [
    { networkNamespaces: 1, networkNamespacesMissed: 2 },
    { networkNamespaces: 1, canReadProcesses: false, processesMissed: 9 },
  ]) {
    assert.match(describe(reach), /^on {4}connections, this network namespace only: read by sock_diag/);
    assert.match(describe(reach), /to change it: start it as root; entering them needs CAP_SYS_ADMIN/);
  }
  assert.match(describe({ networkNamespaces: 1, networkNamespacesMissed: 2 }), /connections in 2 others/);
  assert.match(describe({ networkNamespacesMissed: 5 }), /, 3 network namespaces, not all: /);
});

test("off: why, and what would change it", () => {
  const text = describeTcp(
    { state: "off", reason: "no kernel", remedy: "get one", sockets: 0 },
    "connections",
  );
  assert.match(text, /^off {3}no kernel\n +to switch it on: get one$/);
});

const on = { state: "on" } as const;
const off = (reason: string) => ({ state: "off", reason, remedy: "change it" }) as const;
const figures = {
  nameCount: 0,
  waitingCount: 0,
  malformedCount: 0,
  unaskedCount: 0,
  unbelievedCount: 0,
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

test("where there is a cluster, whose pods' names are asked for, and what keeps them away; else nothing", () => {
  const none = { pods: 0, departedPods: 0, lists: 0, relists: 0, events: 0 };
  const load = { requests: 0, failures: 0, bytesReceived: 0 };
  const pods = { node: "node-a", ...none, load };
  const off = { state: "off", reason: "no token", remedy: "mount one", ...pods } as const;
  assert.deepEqual(describePods({ ...off, isWanted: false }), []);
  assert.match(describePods(off)[0]!, /^ {2}pod names {4}off {3}no token\n +to switch it on: mount one$/);
  const asked = { ...pods, state: "starting", reason: "https://10.96.0.1:443 is being asked" } as const;
  assert.deepEqual(describePods(asked), [
    "  pod names    on    of node-a: https://10.96.0.1:443 is being asked",
  ]);
  const denied = { ...pods, state: "denied", reason: "it denies pods", remedy: "add a rule" } as const;
  assert.match(describePods(denied)[0]!, /off {3}it denies pods\n +to switch it on: add a rule$/);
});

test("a part that is on with less than it could have says what, and what would change it", () => {
  const limits = [{ reason: "the faster programs were refused", remedy: "boot another kernel" }];
  const datagrams = { ...on, flows: 0, limits };
  const lines = describeParts({ ...status, datagrams })
    .join("\n")
    .split("\n");
  assert.match(lines[1]!, /^ {2}UDP, ICMP {4}on {4}and the rest, all network namespaces$/);
  assert.match(lines[2]!, /^ {21}but the faster programs were refused$/);
  assert.match(lines[3]!, /^ {21}to change it: boot another kernel$/);
});
