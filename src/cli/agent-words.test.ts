import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectionsStatus } from "../agent/index.ts";
import { describeTcp } from "./agent-words.ts";

const limits = [{ reason: "no BTF", remedy: "another kernel" }];
const whole = { networkNamespaces: 3, networkNamespacesMissed: 0, hasEvents: true, seesAllProcesses: true };

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
  assert.ok(!describe({}).includes("not seen"));
  for (const reach of [
    { networkNamespaces: 1, networkNamespacesMissed: 2 },
    { networkNamespaces: 1, seesAllProcesses: false },
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
