import type { FastifyInstance } from "fastify";
import type { Agent } from "../../agent/index.ts";
import { type RemoteAgent, type RemoteAgents, remoteLimits } from "../remote-agents.ts";
import { Parameters } from "./parameters.ts";

export interface AgentsDependencies {
  readonly version: string;
  readonly node: string;
  readonly startedAt: number;
  readonly agent: Agent;
  readonly remote: Pick<RemoteAgents, "list">;
  /** Unix milliseconds. */
  now(): number;
}

/** `GET /api/v1/agents`: who reports connections, and how well. */
export function routeAgents(app: FastifyInstance, dependencies: AgentsDependencies): void {
  const { remote, now } = dependencies;
  app.get("/api/v1/agents", (request) => {
    new Parameters(request.query, [], now());
    const agents = remote.list().map((agent) => describeRemote(agent, now()));
    agents.sort((a, b) => (a.node < b.node ? -1 : 1));
    return { agents: [...describeOwn(dependencies), ...agents] };
  });
}

type Health = "ok" | "warning" | "silent";

/** Clocks that differ by more are told. */
const clockMilliseconds = 5000;

function describeRemote(agent: RemoteAgent, now: number) {
  const { node, instance, version, startedMilliseconds, lastSeenMilliseconds, address, tokenName, report } =
    agent;
  const off = (report?.parts ?? []).filter(({ isOn }) => !isOn);
  const findings = off.map(({ name, reason }) => `${name} is off: ${reason}`);
  const ahead = agent.clockAheadMilliseconds;
  if (ahead !== undefined && Math.abs(ahead) > clockMilliseconds)
    findings.push(
      `its clock is ${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? "ahead of" : "behind"} this server's`,
    );
  if ((report?.spoolMessages ?? 0) > 60) findings.push(`${report?.spoolMessages} messages wait in its spool`);
  const isSilent = now - lastSeenMilliseconds >= remoteLimits.silentMilliseconds;
  if (isSilent) findings.unshift(`nothing has come for ${Math.round((now - lastSeenMilliseconds) / 1000)} s`);
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
    spool: { bytes: report?.spoolBytes ?? 0, messages: report?.spoolMessages ?? 0 },
    drops: Object.fromEntries(agent.drops),
  };
}

/** This process's own, when it was asked for. */
function describeOwn({ agent, node, version, startedAt, now }: AgentsDependencies) {
  const { state, reason, sockets } = agent.status();
  if (state === "off") return [];
  return [
    {
      node,
      instance: "",
      version,
      health: "ok",
      findings: reason === undefined ? [] : [reason],
      startedAt,
      lastSeen: now(),
      connections: sockets,
    },
  ];
}
