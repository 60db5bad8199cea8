import type { FlowBatch } from "../flow/index.ts";
import type { AskedName, Peer, PodFacts, Translation } from "../topology/index.ts";

/** Of one message. A reader refuses what is more. */
export const ingestLimits = {
  /** Bytes when it is not compressed. */
  bytes: 16 * 2 ** 20,
  rows: 65_536,
  peers: 131_072,
  names: 65_536,
  translations: 65_536,
  asked: 16_384,
  drops: 256,
  parts: 64,
  /** Of a report. */
  limits: 16,
  resolvers: 32,
  /** A response code has four bits. */
  failures: 16,
} as const;

/** UTF-8 bytes of texts; what is longer is cut off. */
export const textLimits = {
  agentVersion: 64,
  machine: 64,
  peer: {
    id: 512,
    kind: 32,
    name: 256,
    address: 64,
    node: 253,
    network: 128,
    /** A command line of 300 characters. */
    process: 1200,
    container: 256,
    podUid: 64,
    /** A label, and subdomains, of the DNS (Kubernetes, "Object Names and IDs"). */
    namespace: 63,
    pod: 253,
    workload: 253,
    workloadKind: 63,
  },
  /** A domain name. */
  lookedUp: 255,
  dropReason: 64,
  partName: 64,
  partReason: 512,
  way: 32,
  resolver: 64,
  failureCode: 16,
} as const;

/** Whether a machine may be called so. It stands in peers' ids, in addresses of pages, and in what terminals show. */
export function isNodeName(text: string): boolean {
  return /^[^\s/@\p{C}]{1,253}$/u.test(text);
}

/** Who sends, and what has been sent before. */
export interface IngestHead {
  readonly node: string;
  /** 32 hex digits: the agent, for as long as it keeps its folder. */
  readonly instance: string;
  /** 32 hex digits: this start of it. */
  readonly epoch: string;
  /** 1, 2, 3 ... within the epoch. */
  readonly sequence: number;
  readonly agentVersion: string;
  /** The kernel whose sockets are read, by its boot_id; "" when not known. Two agents of one kernel see the same connections. */
  readonly machine: string;
  /** Unix ms by the agent's clock. */
  readonly startedMilliseconds: number;
  readonly sealedMilliseconds: number;
  /** The agent stops: nothing comes after this from its epoch, and another may report the node. */
  readonly isLast: boolean;
}

export interface IngestMessage extends IngestHead {
  /** `sourcePeer` and `destinationPeer` are places in `peers`, of which the first is 1; 0 is a peer the agent does not know. */
  readonly batch: FlowBatch;
  readonly peers: readonly Peer[];
  readonly renamed: readonly PeerName[];
  readonly names: readonly LearnedName[];
  /** Connections whose addresses the node's kernel translates. */
  readonly translations: readonly Translation[];
  /** Names that peers asked for; `peer` is a place in `peers`. */
  readonly asked: readonly AskedName[];
  readonly drops: readonly AgentDrop[];
  readonly report?: AgentReport | undefined;
}

/** A peer, told before, that is called otherwise now, or whose pod has a name now. */
export type PeerName = Pick<Peer, "id" | "address" | "name"> & PodFacts;

/** A name that a workload looked up, and one address it got. */
export interface LearnedName {
  /** 16 bytes. */
  readonly address: Uint8Array;
  readonly name: string;
  readonly ttlSeconds: number;
}

/** What the agent gave up since its message before. `reason` is a `DropReason`, or one of a newer agent. */
export interface AgentDrop {
  readonly reason: string;
  readonly count: number;
}

/** How the agent is. */
export interface AgentReport {
  readonly parts: readonly AgentPart[];
  /** Live sockets looked at by the last poll. */
  readonly sockets: number;
  /** What waits to be sent. */
  readonly spoolBytes: number;
  readonly spoolMessages: number;
  /** How TCP is read: "eBPF", "sock_diag", or as a newer agent calls it; "" when it is not, or the agent does not say. */
  readonly way: string;
  /** What is not seen that way, and what would change it. */
  readonly limits: readonly AgentLimit[];
  /** Undefined when the agent does not say. */
  readonly dns: AgentLookups | undefined;
}

export interface AgentLimit {
  readonly reason: string;
  readonly remedy: string;
}

/** What became of DNS questions since the agent's start. */
export interface AgentLookups {
  /** Addresses whose name is known. */
  readonly nameCount: number;
  readonly waitingCount: number;
  readonly malformedCount: number;
  readonly unaskedCount: number;
  readonly unbelievedCount: number;
  /** The most asked. */
  readonly resolvers: readonly AgentResolver[];
}

export interface AgentResolver {
  readonly address: string;
  readonly queryCount: number;
  readonly answerCount: number;
  readonly timedOutCount: number;
  readonly latencySumMicroseconds: number;
  readonly latencyMaxMicroseconds: number;
  /** By response code other than NOERROR. */
  readonly failureCounts: Readonly<Record<string, number>>;
}

export interface AgentPart {
  readonly name: string;
  readonly isOn: boolean;
  /** Why it is off; "" when it is on. */
  readonly reason: string;
}
