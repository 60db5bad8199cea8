import assert from "node:assert/strict";
import { test } from "node:test";
import { agentsMetrics, type CountedAgent } from "./agents-metrics.ts";
import { formatMetrics, type Metric } from "./exposition.ts";
import { kubernetesMetrics } from "./kubernetes-metrics.ts";

const now = 1_700_000_000_000;
const samples = (metrics: readonly Metric[]) =>
  formatMetrics(metrics)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

const agent = (node: string, changes: Partial<CountedAgent> = {}): CountedAgent => ({
  ...{ node, lastSeenMilliseconds: now, clockAheadMilliseconds: 1500, messageCount: 7, rowCount: 70 },
  ...{ drops: new Map([["queue_full", 3]]), report: undefined, hasLeft: false },
  ...changes,
});

test("an agent that is silent is told as down, with when it was heard", () => {
  const parts = [
    { name: "tcp", isOn: true },
    { name: "dns", isOn: false },
  ];
  const agents = [
    agent("a", { report: { sockets: 5, spoolMessages: 2, parts } }),
    agent("b", { lastSeenMilliseconds: now - 30_000, clockAheadMilliseconds: undefined }),
  ];
  const lines = samples(agentsMetrics({ agents, now, silentMilliseconds: 30_000, agentsMax: 10 }));
  for (const line of [
    'portolan_remote_agent_up{agent="a"} 1',
    'portolan_remote_agent_up{agent="b"} 0',
    `portolan_remote_agent_last_seen_timestamp_seconds{agent="b"} ${(now - 30_000) / 1000}`,
    'portolan_remote_agent_clock_ahead_seconds{agent="a"} 1.5',
    'portolan_remote_agent_spool_messages{agent="a"} 2',
    'portolan_remote_agent_part_up{agent="a",part="dns"} 0',
    'portolan_remote_agent_drops_total{agent="a",reason="queue_full"} 3',
  ])
    assert.ok(lines.includes(line), `${line} in\n${lines.join("\n")}`);
  assert.ok(!lines.some((line) => line.includes('clock_ahead_seconds{agent="b"')));
});

test("an agent that was stopped is told as gone by its own will; of several of one machine the last", () => {
  const agents = [
    agent("a", { lastSeenMilliseconds: now - 90_000, messageCount: 1 }),
    agent("a", { lastSeenMilliseconds: now - 1000, messageCount: 2 }),
    agent("b", { lastSeenMilliseconds: now - 40_000, hasLeft: true }),
  ];
  const lines = samples(agentsMetrics({ agents, now, silentMilliseconds: 30_000, agentsMax: 10 }));
  const of = (name: string) => lines.filter((line) => line.startsWith(`portolan_remote_agent_${name}`));
  assert.deepEqual(of("up"), [
    'portolan_remote_agent_up{agent="a"} 1',
    'portolan_remote_agent_up{agent="b"} 0',
  ]);
  assert.deepEqual(of("left"), [
    'portolan_remote_agent_left{agent="a"} 0',
    'portolan_remote_agent_left{agent="b"} 1',
  ]);
  assert.deepEqual(of("messages")[0], 'portolan_remote_agent_messages_total{agent="a"} 2');
});

test("agents beyond the bound are not told, those heard last are", () => {
  const agents = Array.from({ length: 50 }, (_, i) => agent(`n${i}`, { lastSeenMilliseconds: now - i }));
  const lines = samples(agentsMetrics({ agents, now, silentMilliseconds: 30_000, agentsMax: 3 }));
  assert.deepEqual(
    lines.filter((line) => line.startsWith("portolan_remote_agent_up")),
    ["n0", "n1", "n2"].map((node) => `portolan_remote_agent_up{agent="${node}"} 1`),
  );
});

const cluster = {
  state: "partly",
  resources: [
    { resource: "pods", state: "watching", heard: now, events: 9, relists: 1, unread: 0 },
    { resource: "nodes", state: "denied", heard: 0, events: 0, relists: 0, unread: 0 },
  ],
  counts: { pods: 42, addresses: 77 },
  load: { requests: 5, failures: 1, bytesReceived: 1000 },
  unresolved: [{ code: "unknown", count: 4 }],
};

test("a cluster: who is watched, denied, known", () => {
  const lines = samples(kubernetesMetrics(cluster));
  for (const line of [
    "portolan_kubernetes_up 1",
    'portolan_kubernetes_watch_up{resource="pods"} 1',
    'portolan_kubernetes_watch_up{resource="nodes"} 0',
    'portolan_kubernetes_watch_denied{resource="nodes"} 1',
    'portolan_kubernetes_objects{kind="pods"} 42',
    'portolan_kubernetes_objects{kind="services"} 0',
    "portolan_kubernetes_request_failures_total 1",
    'portolan_kubernetes_unresolved_total{reason="unknown"} 4',
  ])
    assert.ok(lines.includes(line), `${line} in\n${lines.join("\n")}`);
  assert.ok(samples(kubernetesMetrics({ ...cluster, state: "away" })).includes("portolan_kubernetes_up 0"));
});

test("without a cluster there is nothing to tell", () => {
  assert.deepEqual(kubernetesMetrics({ ...cluster, state: "off" }), []);
});
