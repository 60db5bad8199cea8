import type { Metric } from "./exposition.ts";

/** What metrics need to know of an agent on another machine, whoever hears it. */
export interface CountedAgent {
  readonly node: string;
  /** Unix milliseconds. */
  readonly lastSeenMilliseconds: number;
  /** It said that it stops. */
  readonly hasLeft: boolean;
  /** Undefined when it did not say. */
  readonly clockAheadMilliseconds: number | undefined;
  readonly messageCount: number;
  readonly rowCount: number;
  readonly drops: ReadonlyMap<string, number>;
  readonly report:
    | {
        readonly sockets: number;
        readonly spoolMessages: number;
        readonly parts: readonly { readonly name: string; readonly isOn: boolean }[];
      }
    | undefined;
}

export interface CountedAgents {
  readonly agents: readonly CountedAgent[];
  /** Unix milliseconds. */
  readonly now: number;
  /** Who says nothing for as long is silent. */
  readonly silentMilliseconds: number;
  /** Agents told by name; those heard last. */
  readonly agentsMax: number;
}

type Read = (agent: CountedAgent) => number | undefined;

/**
 * `portolan_remote_agent_*`, by machine. One that is silent is told until it is forgotten, so that somebody can be woken for it; nobody is for one
 * that was stopped, as on a node that a cluster lets go.
 */
export function agentsMetrics({ agents, now, silentMilliseconds, agentsMax }: CountedAgents): Metric[] {
  const told = lastOfEach(agents).slice(0, agentsMax);
  const metric = (name: string, type: Metric["type"], help: string, read: Read): Metric => ({
    ...{ name: `portolan_remote_agent_${name}`, type, help },
    samples: told.flatMap((agent) => {
      const value = read(agent);
      return value === undefined ? [] : [{ labels: { agent: agent.node }, value }];
    }),
  });
  return [
    metric("up", "gauge", "1 when the agent was heard of late.", (agent) =>
      now - agent.lastSeenMilliseconds < silentMilliseconds ? 1 : 0,
    ),
    metric("left", "gauge", "1 when the agent said that it stops, and was not heard since.", ({ hasLeft }) =>
      hasLeft ? 1 : 0,
    ),
    metric(
      "last_seen_timestamp_seconds",
      "gauge",
      "Unix time of its last message.",
      (agent) => agent.lastSeenMilliseconds / 1000,
    ),
    metric("clock_ahead_seconds", "gauge", "Its clock minus ours.", ({ clockAheadMilliseconds: ahead }) =>
      ahead === undefined ? undefined : ahead / 1000,
    ),
    metric("messages_total", "counter", "Messages received.", (agent) => agent.messageCount),
    metric("records_total", "counter", "Records received.", (agent) => agent.rowCount),
    metric("sockets", "gauge", "Live sockets looked at by its last poll.", (agent) => agent.report?.sockets),
    metric(
      "spool_messages",
      "gauge",
      "Messages that wait to be sent there.",
      (agent) => agent.report?.spoolMessages,
    ),
    {
      ...{ name: "portolan_remote_agent_part_up", type: "gauge" },
      help: "1 when this part of the agent is on.",
      samples: told.flatMap(({ node: agent, report }) =>
        (report?.parts ?? []).map(({ name: part, isOn }) => ({
          labels: { agent, part },
          value: isOn ? 1 : 0,
        })),
      ),
    },
    {
      ...{ name: "portolan_remote_agent_drops_total", type: "counter" },
      help: "What the agent gave up, by reason.",
      samples: told.flatMap(({ node: agent, drops }) =>
        [...drops].map(([reason, value]) => ({ labels: { agent, reason }, value })),
      ),
    },
  ];
}

/** Those heard last first. A machine that was made anew, or keeps no spool, has had several agents: the last is told, since a series is one. */
function lastOfEach(agents: readonly CountedAgent[]): CountedAgent[] {
  const byNode = new Map<string, CountedAgent>();
  for (const agent of agents.toSorted((a, b) => b.lastSeenMilliseconds - a.lastSeenMilliseconds))
    if (!byNode.has(agent.node)) byNode.set(agent.node, agent);
  return [...byNode.values()];
}
