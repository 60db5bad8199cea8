import type { ObserverTable } from "../flow/index.ts";
import type { IngestMessage } from "../ingest/index.ts";
import type { Stitcher } from "../topology/index.ts";
import {
  type Arrival,
  agentRow,
  type IngestRefusal,
  newAgent,
  type RemoteAgent,
  remoteLimits,
  type TurnedAway,
} from "./remote-agent.ts";

export interface AgentRegisterDependencies {
  readonly stitcher: Pick<Stitcher, "forgetObserver">;
  readonly observers: ObserverTable;
  /** Whether this process reads the sockets of that machine itself. */
  isObservedHere(node: string): boolean;
  /** Unix ms. */
  now(): number;
}

export interface AgentRegister {
  /** Who sent a message, which is then heard of; or why it may not. */
  admit(message: IngestMessage, arrival: Arrival): RemoteAgent | IngestRefusal;
  /** Lets go of the connections of agents that are not heard any more. */
  forgetSilent(): void;
  list(): readonly RemoteAgent[];
  /** Those turned away of late, at most `remoteLimits.turnedAway`. */
  turnedAway(): readonly TurnedAway[];
  /** Agents heard of late. */
  readonly heardCount: number;
}

/** Agents on other machines by their instances: each machine is reported by one of them at a time. */
export function createAgentRegister({
  stitcher,
  observers,
  isObservedHere,
  now,
}: AgentRegisterDependencies): AgentRegister {
  const agents = new Map<string, RemoteAgent>();
  /** Who reported a machine last. */
  const instanceByNode = new Map<string, string>();
  /** By instance, whoever asked last at the end. */
  const turnedAway = new Map<string, TurnedAway>();

  function admit(message: IngestMessage, arrival: Arrival): RemoteAgent | IngestRefusal {
    const refusal = forbid(message, arrival) ?? findConflict(message);
    if (refusal !== undefined) {
      rememberTurnedAway(message, arrival, refusal.reason);
      return refusal;
    }
    const { instance } = message;
    if (!agents.has(instance) && agents.size >= remoteLimits.agents && !forgetOldest())
      return { kind: "busy", reason: `${remoteLimits.agents} agents are known already` };
    turnedAway.delete(instance);
    return hear(message, arrival);
  }

  function forbid({ node }: IngestMessage, { nodes, tokenName }: Arrival): IngestRefusal | undefined {
    if (nodes === undefined || nodes.includes(node)) return undefined;
    return {
      kind: "forbidden",
      reason: `the token ${tokenName} is not for ${node}: auth.ingestTokens, nodes`,
    };
  }

  function findConflict({ instance, node }: IngestMessage): IngestRefusal | undefined {
    if (isObservedHere(node)) {
      return {
        kind: "conflict",
        reason: `${node} is observed by this server itself: start the server as portolan server, or the agent with another --node`,
        retryAfterMilliseconds: remoteLimits.silentMilliseconds,
      };
    }
    const other = agents.get(instanceByNode.get(node) ?? "");
    if (other !== undefined && other.instance !== instance && !other.hasLeft && isHeard(other))
      return {
        kind: "conflict",
        reason: `another agent reports ${node} already; give one of them another --node`,
        retryAfterMilliseconds: untilSilent(other),
      };
    const known = agents.get(instance);
    if (known !== undefined && known.node !== node && isHeard(known))
      return {
        kind: "conflict",
        reason: `this agent reported ${known.node} just now; it may report ${node} when ${remoteLimits.silentMilliseconds / 1000} s have gone by, or with a spool of its own`,
        retryAfterMilliseconds: untilSilent(known),
      };
    return undefined;
  }

  function rememberTurnedAway({ node, instance }: IngestMessage, { address }: Arrival, reason: string): void {
    turnedAway.delete(instance);
    turnedAway.set(instance, { node, instance, address, reason, lastSeenMilliseconds: now() });
    if (turnedAway.size > remoteLimits.turnedAway) turnedAway.delete(turnedAway.keys().next().value!);
  }

  function isHeard(agent: RemoteAgent): boolean {
    return untilSilent(agent) > 0;
  }

  function untilSilent({ lastSeenMilliseconds }: RemoteAgent): number {
    return lastSeenMilliseconds + remoteLimits.silentMilliseconds - now();
  }

  function heardCount(): number {
    let count = 0;
    for (const agent of agents.values()) if (isHeard(agent)) count++;
    return count;
  }

  /** Whoever was silent for longest makes room, unless all are heard. */
  function forgetOldest(): boolean {
    let oldest: RemoteAgent | undefined;
    for (const agent of agents.values())
      if (oldest === undefined || agent.lastSeenMilliseconds < oldest.lastSeenMilliseconds) oldest = agent;
    if (oldest === undefined || isHeard(oldest)) return false;
    giveUpNode(oldest);
    return agents.delete(oldest.instance);
  }

  /** The machine may be another agent's by now. */
  function giveUpNode({ node, instance }: RemoteAgent): void {
    if (instanceByNode.get(node) === instance) instanceByNode.delete(node);
  }

  function hear(message: IngestMessage, { sentMilliseconds, tokenName, address }: Arrival): RemoteAgent {
    const { instance, node, epoch, agentVersion: version, startedMilliseconds } = message;
    const agent = agents.get(instance) ?? newAgent(message, now());
    agents.set(instance, agent);
    if (agent.node !== node) giveUpNode(agent);
    follow(instanceByNode.get(node), node, instance);
    instanceByNode.set(node, instance);
    // What a spool has kept of an earlier start comes after a newer start only when somebody copied it.
    if (agent.epoch !== epoch && startedMilliseconds >= agent.startedMilliseconds) {
      stitcher.forgetObserver(agentRow(observers, agent.node)); // what it held open, it will tell again
      Object.assign(agent, { epoch, startedMilliseconds, hasLeft: false });
    }
    if (message.isLast && agent.epoch === epoch) agent.hasLeft = true;
    const clockAheadMilliseconds = sentMilliseconds === undefined ? undefined : sentMilliseconds - now();
    const lastSeenMilliseconds = now();
    Object.assign(agent, { node, version, tokenName, address, lastSeenMilliseconds, clockAheadMilliseconds });
    agent.isForgotten = false;
    return agent;
  }

  /** Who reports a node in another's place tells again what that one held open. */
  function follow(before: string | undefined, node: string, instance: string): void {
    const other = agents.get(before ?? "");
    if (other === undefined || other.instance === instance || other.isForgotten) return;
    other.isForgotten = true;
    stitcher.forgetObserver(agentRow(observers, node));
  }

  function forgetSilent(): void {
    for (const agent of agents.values()) {
      if (agent.isForgotten || isHeard(agent)) continue;
      agent.isForgotten = true;
      stitcher.forgetObserver(agentRow(observers, agent.node));
    }
  }

  return {
    admit,
    forgetSilent,
    list: () => [...agents.values()],
    turnedAway: () =>
      [...turnedAway.values()].filter(
        ({ lastSeenMilliseconds }) => now() - lastSeenMilliseconds < remoteLimits.turnedAwayMilliseconds,
      ),
    get heardCount() {
      return heardCount();
    },
  };
}
