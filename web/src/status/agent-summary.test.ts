import assert from "node:assert/strict";
import { test } from "node:test";
import type { Agents, Status } from "../data/answers.ts";
import { agentCommand, agentSummary } from "./agent-summary.ts";

const on = { state: "on" } as const;
const off = { state: "off", reason: "the kernel is too old", remedy: "boot a newer one" } as const;
const lookups = { nameCount: 0, resolvers: [], names: [] };
const own: Status["agent"] = {
  ...{ ...on, way: "eBPF", connections: 297, names: [] },
  ...{ datagrams: { ...on, flows: 4 }, dns: { ...on, ...lookups }, nat: { ...on, namespaces: 1 } },
};
const unwanted: Status["agent"] = {
  ...{ ...off, isWanted: false, connections: 0, names: [] },
  ...{ datagrams: { ...off, flows: 0 }, dns: { ...off, ...lookups }, nat: { ...off, namespaces: 0 } },
};
const told = (ok: number, warning = 0, silent = 0): Agents => ({
  ...{ agents: [], leftOut: 0, turnedAway: [] },
  remote: { counts: { ok, warning, silent }, connections: 100 * (ok + warning) },
});

test("a server that was asked for no agent of its own warns of nothing", () => {
  assert.equal(agentSummary(unwanted, undefined), undefined);
  assert.deepEqual(agentSummary(unwanted, told(0)), { look: "off", text: "no agent" });
  assert.deepEqual(agentSummary(unwanted, told(3)), { look: "good", text: "3 agents, 300 sockets" });
});

test("agents elsewhere that are silent, have findings or were turned away are told", () => {
  assert.deepEqual(agentSummary(unwanted, told(1, 2, 1)), {
    look: "warning",
    text: "4 agents, 300 sockets, 1 silent, 2 to look at",
  });
  const away = { node: "a", instance: "i", address: "10.0.0.9", reason: "there is one", lastSeen: 1 };
  const conflict = { ...told(0), turnedAway: [away] };
  assert.deepEqual(agentSummary(unwanted, conflict), { look: "warning", text: "no agent, 1 turned away" });
});

test("this machine's own counts sockets, and warns when a part that is wanted is off", () => {
  assert.deepEqual(agentSummary(own, undefined), { look: "good", text: "agent on, 297 sockets" });
  assert.deepEqual(agentSummary(own, told(1)), { look: "good", text: "2 agents, 397 sockets" });
  const withoutNat = { ...own, nat: { ...off, namespaces: 0 } };
  assert.equal(agentSummary(withoutNat, told(0))?.look, "warning");
  const natUnwanted = { ...own, nat: { ...off, isWanted: false as const, namespaces: 0 } };
  assert.equal(agentSummary(natUnwanted, told(0))?.look, "good");
  assert.equal(agentSummary({ ...own, way: "sock_diag" }, told(0))?.look, "warning");
  const { isWanted: _, ...none } = unwanted;
  assert.deepEqual(agentSummary(none, told(0)), { look: "warning", text: "agent off" });
  assert.equal(agentSummary(none, told(2))?.text, "2 agents, 200 sockets, none here");
});

test("the command to add an agent names this server where the page knows its name", () => {
  const command = (url: string) => agentCommand(new URL(url));
  assert.match(command("http://127.0.0.1:8080/?view=links"), /--server http:\/\/THIS_SERVER:8080 --token/);
  assert.match(command("https://chart.example/"), /--server https:\/\/chart\.example --token/);
});
