import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import type { Agent } from "../../agent/index.ts";
import { wholeMessage } from "../../ingest/testdata/sample-message.ts";
import { createHttp } from "../http.ts";
import type { RemoteAgent, TurnedAway } from "../remote-agent.ts";
import { routeAgents } from "./agents.ts";
import { holdAnswers } from "./testdata/hold-answers.ts";

const now = 1_700_000_000_000;

function remoteAgent(node: string, more: Partial<RemoteAgent> = {}): RemoteAgent {
  return {
    ...{ instance: node, node, version: "1", tokenName: "nodes", address: "10.0.0.9", epoch: "e" },
    ...{ startedMilliseconds: now - 9000, firstSeenMilliseconds: now - 9000, lastSeenMilliseconds: now },
    ...{ clockAheadMilliseconds: 0, messageCount: 9, rowCount: 90, duplicateCount: 0, drops: new Map() },
    ...{
      waitingBytes: 0,
      peers: { name: node, rows: 0, characters: 0, refusedCount: 0 },
      peersRefusedMilliseconds: 0,
      heldRows: 0,
      isForgotten: false,
      hasLeft: false,
      report: { parts: [], sockets: 5, spoolBytes: 0, spoolMessages: 0, way: "", limits: [], dns: undefined },
    },
    ...more,
  };
}

const part = { state: "off", reason: "the server was started without the agent" };
const offStatus: unknown = { ...part, sockets: 0, datagrams: part, dns: part, nat: part };

async function ask(
  t: TestContext,
  list: readonly RemoteAgent[],
  turnedAway: readonly TurnedAway[],
  query = "",
  status = offStatus,
) {
  const app = createHttp({ logger: pino({}, { write: () => {} }), isLoopbackOnly: true });
  holdAnswers(t, app);
  const agent = { status: () => status } as unknown as Agent;
  const remote = { list: () => list, turnedAway: () => turnedAway };
  routeAgents(app, { version: "1", node: "server", startedAt: now, agent, remote, now: () => now });
  const answer = await app.inject({ url: `/api/v1/agents${query}` });
  return answer.json();
}

test("those with something wrong come first, all are counted, and those left out are", async (t) => {
  const agents = [
    remoteAgent("a"),
    remoteAgent("b", { clockAheadMilliseconds: -9000 }),
    remoteAgent("c", { lastSeenMilliseconds: now - 60_000 }),
  ];
  const answer = await ask(t, agents, []);
  assert.deepEqual(
    answer.agents.map((agent: { node: string; findings: string[] }) => [agent.node, ...agent.findings]),
    [["c", "nothing has come for 60 s"], ["b", "its clock is 9 s behind this server's"], ["a"]],
  );
  assert.deepEqual(answer.remote, { counts: { ok: 1, warning: 1, silent: 1 }, connections: 10 });
  const few = await ask(t, agents, [], "?limit=1");
  assert.deepEqual([few.agents.length, few.leftOut, few.remote.counts.ok], [1, 2, 1]);
});

test("who fills its share of the peer table is told of it, for a while", async (t) => {
  const peers = { name: "a", rows: 7, characters: 70, refusedCount: 3 };
  const { agents } = await ask(
    t,
    [
      remoteAgent("a", { peers, peersRefusedMilliseconds: now - 1000 }),
      remoteAgent("b", { peers, peersRefusedMilliseconds: now - 600_000 }),
    ],
    [],
  );
  assert.match(agents[0].findings[0], /more peers than its share .*\(7\).* ~other/);
  assert.deepEqual([agents[0].node, agents[1].findings, agents[1].peers], ["a", [], 7]);
});

test("how TCP is read, what is not seen that way, and how resolvers do, of other machines' agents too", async (t) => {
  const { report } = wholeMessage();
  const { agents } = await ask(t, [remoteAgent("a", { report }), remoteAgent("b")], []);
  const [a, b] = agents;
  assert.deepEqual([a.way, a.limits, a.health], ["sock_diag", report!.limits, "warning"]);
  assert.ok(a.findings.includes("TCP is read by sock_diag, which sees less than eBPF: UDP is not seen"));
  assert.deepEqual(a.dns, {
    ...{ nameCount: 1, waitingCount: 2, malformedCount: 3, unaskedCount: 4, unbelievedCount: 5 },
    resolvers: [
      {
        ...{ address: "10.96.0.10", queryCount: 9, answerCount: 7, timedOutCount: 1 },
        failureCounts: { NXDOMAIN: 2, RCODE11: 1 },
        ...{ latencyMeanMilliseconds: 12.345 / 7, latencyMaxMilliseconds: 6.789 },
      },
    ],
  });
  assert.deepEqual([b.way, b.limits, b.dns, b.health], ["", [], null, "ok"], "one that does not say");
  const limits = [{ reason: "no BTF", remedy: "boot another kernel" }];
  const own = { state: "on", way: "sock_diag", limits, sockets: 7, datagrams: part, dns: part, nat: part };
  const answer = await ask(t, [], [], "", own);
  assert.deepEqual([answer.agents[0].way, answer.agents[0].limits], ["sock_diag", limits]);
});

test("a part that an agent made up is told by the name that it gave", async (t) => {
  const { report } = remoteAgent("a");
  const parts = ["tcp", "constructor", "__proto__"].map((name) => ({ name, isOn: false, reason: "so" }));
  const { agents } = await ask(t, [remoteAgent("a", { report: { ...report!, parts } })], []);
  assert.deepEqual(agents[0].findings, ["TCP is off: so", "constructor is off: so", "__proto__ is off: so"]);
});

test("who was turned away is told, with the reason", async (t) => {
  const away = { node: "a", instance: "i", address: "10.0.0.8", reason: "another agent reports a already" };
  const { turnedAway } = await ask(t, [], [{ ...away, lastSeenMilliseconds: now - 5 }]);
  assert.deepEqual(turnedAway, [{ ...away, lastSeen: now - 5 }]);
});

test("the server's own agent tells its parts as the others do; what was not asked for is no fault", async (t) => {
  const on = { state: "on" };
  const unwanted = { state: "off", reason: "agent.dns is false", isWanted: false };
  const status = { ...on, sockets: 7, datagrams: { ...part, reason: "no BTF" }, dns: unwanted, nat: on };
  const { agents } = await ask(t, [], [], "", status);
  assert.deepEqual(agents[0].parts, [
    { name: "tcp", isOn: true, reason: "" },
    { name: "datagrams", isOn: false, reason: "no BTF" },
    { name: "dns", isOn: false, reason: "agent.dns is false" },
    { name: "nat", isOn: true, reason: "" },
  ]);
  assert.deepEqual(
    [agents[0].health, agents[0].findings],
    ["warning", ["UDP, ICMP and the rest is off: no BTF"]],
  );
});
