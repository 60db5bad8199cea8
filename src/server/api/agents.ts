import type { FastifyInstance } from "fastify";
import type { Agent, PartStatus } from "../../agent/index.ts";
import type { AgentLimit, AgentLookups, AgentPart } from "../../ingest/index.ts";
import { type RemoteAgent, remoteLimits } from "../remote-agent.ts";
import type { RemoteAgents } from "../remote-agents.ts";
import { agents as agentsAnswer } from "./answers/operation.ts";
import { type Description, readQuery } from "./description.ts";
import { integer } from "./parameter-kinds.ts";

export interface AgentsDependencies {
  readonly version: string;
  readonly node: string;
  readonly startedAt: number;
  readonly agent: Agent;
  readonly remote: Pick<RemoteAgents, "list" | "turnedAway">;
  /** Unix milliseconds. */
  now(): number;
}

const describes = {
  summary: "Who reports connections, and how well; those with something wrong first.",
  parameters: {
    limit: integer("Agents on other machines at most.", {
      ...{ fallback: remoteLimits.agents, min: 0, max: 100_000 },
    }),
  },
  answer: agentsAnswer,
} satisfies Description;

/** `GET /api/v1/agents?limit=`: who reports connections, and how well; those with something wrong first. */
export function routeAgents(app: FastifyInstance, dependencies: AgentsDependencies): void {
  const { remote, now } = dependencies;
  app.get("/api/v1/agents", { config: { describes } }, (request) => {
    const { limit } = readQuery(describes, request.query, now());
    const agents = remote.list().map((agent) => describeRemote(agent, now()));
    agents.sort((a, b) => order[a.health] - order[b.health] || (a.node < b.node ? -1 : 1));
    const counts: Record<Health, number> = { ok: 0, warning: 0, silent: 0 };
    let connections = 0;
    for (const agent of agents) {
      counts[agent.health]++;
      if (agent.health !== "silent") connections += agent.connections;
    }
    return {
      agents: [...describeOwn(dependencies), ...agents.slice(0, limit)],
      leftOut: Math.max(0, agents.length - limit),
      remote: { counts, connections },
      turnedAway: remote.turnedAway().map(({ lastSeenMilliseconds: lastSeen, ...agent }) => ({
        ...agent,
        lastSeen,
      })),
    };
  });
}

type Health = "ok" | "warning" | "silent";
const order: Readonly<Record<Health, number>> = { silent: 0, warning: 1, ok: 2 };

/** As agents call their parts, and as people do. */
const partNames: ReadonlyMap<string, string> = new Map([
  ["tcp", "TCP"],
  ["datagrams", "UDP, ICMP and the rest"],
  ["dns", "names by DNS"],
  ["nat", "address translation"],
  ["pods", "names of pods"],
]);

/** Clocks that differ by more are told. */
const clockMilliseconds = 5000;

/** For how long it is told that peers were refused. */
const toldMilliseconds = 600_000;

function describeRemote(agent: RemoteAgent, now: number) {
  const { node, instance, version, startedMilliseconds, lastSeenMilliseconds, address, tokenName, report } =
    agent;
  const findings = findingsOf(report?.parts ?? []);
  const ahead = agent.clockAheadMilliseconds;
  if (ahead !== undefined && Math.abs(ahead) > clockMilliseconds)
    findings.push(
      `its clock is ${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? "ahead of" : "behind"} this server's`,
    );
  if ((report?.spoolMessages ?? 0) > 60) findings.push(`${report?.spoolMessages} messages wait in its spool`);
  if (agent.peersRefusedMilliseconds > 0 && now - agent.peersRefusedMilliseconds < toldMilliseconds)
    findings.push(
      `it tells of more peers than its share of the table has room for (${agent.peers.rows}): others are drawn as ~other`,
    );
  findings.push(...findingsOfWay(report?.way, report?.limits));
  const isSilent = now - lastSeenMilliseconds >= remoteLimits.silentMilliseconds;
  const silentSeconds = Math.round((now - lastSeenMilliseconds) / 1000);
  if (isSilent)
    findings.unshift(
      agent.hasLeft ? `it was stopped ${silentSeconds} s ago` : `nothing has come for ${silentSeconds} s`,
    );
  const health: Health = isSilent ? "silent" : findings.length > 0 ? "warning" : "ok";
  const seconds = Math.max(1, (lastSeenMilliseconds - agent.firstSeenMilliseconds) / 1000);
  return {
    ...{ node, instance, version, address, token: tokenName, health, findings },
    startedAt: startedMilliseconds,
    lastSeen: lastSeenMilliseconds,
    messages: agent.messageCount,
    records: agent.rowCount,
    recordRate: agent.rowCount / seconds,
    duplicates: agent.duplicateCount,
    clockAheadMs: ahead ?? null,
    connections: report?.sockets ?? 0,
    parts: report?.parts ?? [],
    way: report?.way ?? "",
    limits: report?.limits ?? [],
    dns: describeLookups(report?.dns),
    peers: agent.peers.rows,
    spool: { bytes: report?.spoolBytes ?? 0, messages: report?.spoolMessages ?? 0 },
    drops: Object.fromEntries(agent.drops),
  };
}

/** As `/api/v1/status` has the figures of this process's own. */
function describeLookups(dns: AgentLookups | undefined) {
  if (dns === undefined) return null;
  const resolvers = dns.resolvers.map(({ latencySumMicroseconds, latencyMaxMicroseconds, ...resolver }) => ({
    ...resolver,
    latencyMeanMilliseconds: latencySumMicroseconds / 1000 / Math.max(1, resolver.answerCount),
    latencyMaxMilliseconds: latencyMaxMicroseconds / 1000,
  }));
  return { ...dns, resolvers };
}

/** This process's own, when it was asked for. */
function describeOwn({ agent, node, version, startedAt, now }: AgentsDependencies) {
  const { sockets, datagrams, dns, nat, ...tcp } = agent.status();
  if (tcp.state === "off" && datagrams.state === "off") return [];
  const own = Object.entries<PartStatus>({ tcp, datagrams, dns, nat }).map(
    ([name, { state, reason = "", isWanted }]) => ({ name, isOn: state === "on", reason, isWanted }),
  );
  const parts = own.map(({ isWanted, ...part }): AgentPart => part);
  const { way, limits = [] } = tcp;
  const findings = findingsOf(own.filter(({ isWanted }) => isWanted !== false));
  findings.push(...findingsOfWay(way, limits));
  return [
    {
      node,
      instance: "",
      version,
      health: findings.length > 0 ? "warning" : "ok",
      findings,
      startedAt,
      lastSeen: now(),
      connections: sockets,
      parts,
      way: way ?? "",
      limits,
    },
  ];
}

function findingsOfWay(way: string | undefined, limits: readonly AgentLimit[] = []): string[] {
  if (way !== "sock_diag") return [];
  return [`TCP is read by sock_diag, which sees less than eBPF: ${limits[0]?.reason ?? "no reason is told"}`];
}

function findingsOf(parts: readonly AgentPart[]): string[] {
  return parts
    .filter(({ isOn }) => !isOn)
    .map(({ name, reason }) => `${partNames.get(name) ?? name} is off: ${reason}`);
}
