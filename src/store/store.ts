import type { FlowBatch, ObserverTable, ReportDrop } from "../flow/index.ts";
import type { Filter } from "../query/index.ts";
import type { LinkCounter, Peer, PeerTable } from "../topology/index.ts";
import type { IngestedEpoch, IngestedMessage } from "./ingested.ts";

/**
 * The one interface of history. An implementation keeps flow records for a short time and links per minute for a
 * long one, and answers from whichever holds the window; the caller cannot tell which.
 */
export interface Store {
  /** Opens or creates the data; throws OperatingError when it is damaged, newer than this program, or in use. */
  start(): Promise<void>;
  /** Commits what was appended, closes. */
  stop(): Promise<void>;
  /**
   * Copies the batch before it returns; rows must have both peers set. Seen by questions, and safe from a crash, once
   * `commit` resolves.
   */
  append(batch: FlowBatch): void;
  /**
   * Makes everything appended so far durable; resolves when it is, or when it was given up as a counted drop: a full
   * disk rejects nothing. One commit runs at a time.
   */
  commit(): Promise<void>;
  /** Records that can be appended now; what is more is dropped. */
  readonly freeRows: number;
  /**
   * Notes that all records of an agent's message have been appended: durable with them, in the commit that is next. Resolves with
   * whether it is; when not, the records are given up too.
   */
  remember(message: IngestedMessage): Promise<boolean>;
  /** Whether a message is durable, or too old to tell. */
  hasIngested(epoch: string, sequence: number): boolean;
  /** Starts of agents whose messages are remembered, the last seen last. */
  ingestedEpochs(): Iterable<IngestedEpoch>;
  /**
   * Rolls up finished minutes and removes what is older or larger than the configuration keeps. `now` in unix ms.
   * To be called every few seconds; cheap when there is nothing to do.
   */
  maintain(now: number): Promise<void>;
  /** Totals by dimensions, over a window or per step. */
  aggregate(query: AggregateQuery): Promise<Aggregate>;
  /** Raw records, newest first, in pages. */
  flows(query: FlowsQuery): Promise<FlowsPage>;
  /** Links per minute of a window, with the peers' facts: what the live map is refilled from after a restart. */
  recentLinks(fromMilliseconds: number, signal?: AbortSignal): Promise<LinkMinute[]>;
  status(): Promise<StoreStatus>;
}

export interface StoreDependencies {
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
  /** Counts records that were given up: `queue_full`, `store_full`, `store_failed`. */
  readonly drop: ReportDrop;
  readonly log?: (message: string) => void;
}

/**
 * Things to group by. `client` and `server` are peers by id, `client.name` and so on a fact of that end. `port` is the
 * server's. With `observer` each group is what one observer reported.
 */
export const dimensions = [
  "client",
  "server",
  "client.name",
  "server.name",
  "client.kind",
  "server.kind",
  "client.address",
  "server.address",
  "client.node",
  "server.node",
  "client.network",
  "server.network",
  "client.process",
  "server.process",
  "client.container",
  "server.container",
  "port",
  "protocol",
  "observer",
] as const;
export type Dimension = (typeof dimensions)[number];

export const metrics = ["bytes", "packets", "connections", "failed", "retransmits"] as const;
export type Metric = (typeof metrics)[number];

export interface AggregateQuery {
  /** Unix ms; rounded outwards to whole minutes. */
  readonly from: number;
  readonly to: number;
  readonly filter?: Filter | undefined;
  readonly by: readonly Dimension[];
  /** Milliseconds per bucket, a multiple of a minute; without it one total per group. */
  readonly step?: number | undefined;
  /** Groups are ordered by this over the whole window, largest first. */
  readonly metric: Metric;
  /** Groups returned at most; the rest is counted in `groupsLeftOut`. */
  readonly limit: number;
  /**
   * When given, `limit` and the order go by the first so many dimensions: each of these heaviest groups comes with all
   * that the further dimensions divide it into, `rowsMax` rows in all.
   */
  readonly rankBy?: number | undefined;
  /** Stops the work. */
  readonly signal?: AbortSignal | undefined;
}

export interface Aggregate {
  /** The window answered, after rounding. */
  readonly from: number;
  readonly to: number;
  /**
   * Largest group first; with a step, each group's buckets in order of time, empty ones left out. A group whose every
   * row is a duplicate is left out: the connection it repeats is in another group. (Not so when grouped by observer.)
   */
  readonly rows: readonly AggregateRow[];
  readonly groupsLeftOut: number;
}

/** `connectMicroseconds` is the sum over the `connectCount` records that measured. */
export interface Totals extends Record<LinkCounter, number> {
  /** Mean over the records that measured, microseconds; null when none did. */
  rttMicroseconds: number | null;
  /** The least of them. */
  rttMinMicroseconds: number | null;
  lastSeen: number;
}

export interface AggregateRow extends Totals {
  /** One value per dimension of the query, as text; port as decimal. `client`/`server` give the peer's id. */
  readonly group: readonly string[];
  /** Start of the bucket when the query had a step, else the window's start. */
  readonly time: number;
  /**
   * Every observer of the group with what it saw, duplicates included. Where an agent read the sockets of both ends of
   * a link it is the larger of the two, not their sum.
   */
  readonly observers: readonly ObserverTotals[];
}

export interface ObserverTotals {
  readonly id: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packets: number;
}

export interface FlowsQuery {
  readonly from: number;
  readonly to: number;
  readonly filter?: Filter | undefined;
  readonly limit: number;
  /** What `nextCursor` of the page before said. */
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FlowsPage {
  readonly records: readonly FlowRecordRow[];
  readonly nextCursor: string | null;
}

/**
 * One stored flow record: the names of the field table, counters as they came, addresses and protocol as text, peers
 * and observer as ids; and `recordId`, `sourcePeerName`, `destinationPeerName`, `observerName`.
 */
export type FlowRecordRow = Readonly<Record<string, string | number | boolean | null>>;

export interface LinkMinute extends Totals {
  readonly minute: number;
  readonly client: Peer;
  readonly server: Peer;
  readonly port: number;
  readonly protocol: number;
  readonly observer: string;
  readonly isDuplicate: boolean;
  readonly rttCount: number;
}

export interface StoreStatus {
  /** In use; the size limit is about this. */
  readonly bytes: number;
  /** Of the files. They do not shrink at once: freed room is used again first. */
  readonly fileBytes: number;
  readonly flowRecords: number;
  readonly linkMinutes: number;
  /** Unix ms of the oldest record and rollup, null when there is none. */
  readonly oldestFlow: number | null;
  readonly oldestLink: number | null;
}
