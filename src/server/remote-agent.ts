import type { ObserverTable } from "../flow/index.ts";
import type { AgentReport, IngestMessage } from "../ingest/index.ts";
import type { PeerAccount } from "../topology/index.ts";

/** What else is known of a message's way here. */
export interface Arrival {
  /** Unix ms by the agent's clock at which it was sent, when it said so. */
  readonly sentMilliseconds?: number | undefined;
  /** Whose token it came with; "" without one. */
  readonly tokenName: string;
  /** The machines that token is for; undefined: any. */
  readonly nodes?: readonly string[] | undefined;
  readonly address: string;
}

/** `durable`: it is in the store. Otherwise it is not, and why; `conflict` and `forbidden` need somebody to change something. */
export type IngestOutcome = { readonly kind: "durable"; readonly isDuplicate: boolean } | IngestRefusal;

export type IngestRefusal =
  | { readonly kind: "busy" | "forbidden"; readonly reason: string }
  | { readonly kind: "conflict"; readonly reason: string; readonly retryAfterMilliseconds: number };

/** An agent on another machine, as it was when it was last heard. */
export interface RemoteAgent {
  readonly instance: string;
  /** Fixed for as long as the agent is heard. */
  node: string;
  version: string;
  /** Whose token it shows. */
  tokenName: string;
  address: string;
  epoch: string;
  startedMilliseconds: number;
  /** By our clock. */
  lastSeenMilliseconds: number;
  /** How far its clock is ahead of ours; undefined when it did not say when it sent. */
  clockAheadMilliseconds: number | undefined;
  /** By our clock. */
  readonly firstSeenMilliseconds: number;
  messageCount: number;
  rowCount: number;
  duplicateCount: number;
  /** Counted by the agent itself, by reason. */
  readonly drops: Map<string, number>;
  report: AgentReport | undefined;
  /** It said that it stops: another may report its node at once. */
  hasLeft: boolean;
  /** Whether its connections were forgotten because nothing was heard of it. */
  isForgotten: boolean;
  /** Memory of its messages that wait to be judged. */
  waitingBytes: number;
  /** Its rows that are not durable yet. */
  heldRows: number;
  /** What it has made of the peer table. */
  readonly peers: PeerAccount;
  /** When its share of that was last found taken, by our clock; 0 when it never was. */
  peersRefusedMilliseconds: number;
}

/** Who was turned away, because its machine is reported already. */
export interface TurnedAway {
  readonly node: string;
  readonly instance: string;
  readonly address: string;
  readonly reason: string;
  /** By our clock. */
  readonly lastSeenMilliseconds: number;
}

export const remoteLimits = {
  agents: 4096,
  turnedAway: 64,
  /** Whoever was turned away asks again after half a minute, or has gone. */
  turnedAwayMilliseconds: 120_000,
  /** Memory of what waits to be judged. */
  waitingBytes: 128 * 2 ** 20,
  /** What a message takes beside its rows. */
  messageBytes: 1024,
  /** What a name that was asked for takes, with its text. */
  askedBytes: 512,
  /** Agents look once a second, each at a time of its own; the rest is for the way. */
  otherEndMilliseconds: 3000,
  /** An agent that is not heard for so long is gone: they report every ten seconds when there is nothing to tell. */
  silentMilliseconds: 30_000,
  /** Clocks that differ by less are left as they are. */
  clockMilliseconds: 1000,
} as const;

export function newAgent(
  { instance, node, epoch, agentVersion, startedMilliseconds }: IngestMessage,
  firstSeenMilliseconds: number,
): RemoteAgent {
  return {
    ...{ instance, node, epoch, version: agentVersion, startedMilliseconds, tokenName: "", address: "" },
    firstSeenMilliseconds,
    ...{ lastSeenMilliseconds: 0, clockAheadMilliseconds: undefined, report: undefined, isForgotten: false },
    hasLeft: false,
    ...{ waitingBytes: 0, heldRows: 0 },
    peers: { name: node, rows: 0, characters: 0, refusedCount: 0 },
    peersRefusedMilliseconds: 0,
    ...{ messageCount: 0, rowCount: 0, duplicateCount: 0, drops: new Map<string, number>() },
  };
}

/** The row of what a machine's agent, whichever it is, observes. */
export function agentRow(observers: ObserverTable, node: string): number {
  return observers.intern({ id: `agent:${node}`, kind: "agent", name: node });
}
