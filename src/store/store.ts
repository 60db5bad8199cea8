import type { FlowBatch, ObserverTable } from "../flow/index.ts";
import type { Filter } from "../query/index.ts";
import type { Peer, PeerTable } from "../topology/index.ts";

/**
 * The one interface of history. An implementation keeps flow records for a short time and links per minute for a
 * long one, and answers from whichever holds the window; the caller cannot tell which.
 */
export interface Store {
  /** Opens or creates the data; throws OperatingError when it is damaged, newer than this program, or in use. */
  start(): Promise<void>;
  /** Commits what was appended, closes. */
  stop(): Promise<void>;
  /** Copies the batch before it returns; rows must have both peers set. Lost on a crash until `commit` resolves. */
  append(batch: FlowBatch): void;
  /** Makes everything appended so far durable; resolves when it is. One commit runs at a time. */
  commit(): Promise<void>;
  /** Closes finished minutes and removes what is older or larger than the configuration keeps. `now` in unix ms. */
  maintain(now: number): Promise<void>;
  /** Totals by dimensions, over a window or per step. */
  aggregate(query: AggregateQuery): Promise<Aggregate>;
  /** Raw records, newest first, in pages. */
  flows(query: FlowsQuery): Promise<FlowsPage>;
  /** Links per minute of a window, with the peers' facts: what the live map is refilled from after a restart. */
  recentLinks(fromMilliseconds: number): Promise<LinkMinute[]>;
  status(): Promise<StoreStatus>;
}

export interface StoreDependencies {
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
}

/**
 * Things to group by. A plain name is either end's and puts the client's value in the first column's row for `client.`
 * names and the server's for `server.` names.
 */
export type Dimension =
  | "client"
  | "server"
  | "client.name"
  | "server.name"
  | "client.address"
  | "server.address"
  | "client.node"
  | "server.node"
  | "client.network"
  | "server.network"
  | "client.process"
  | "server.process"
  | "client.container"
  | "server.container"
  | "port"
  | "protocol"
  | "observer";

export type Metric = "bytes" | "packets" | "connections" | "failed" | "retransmits";

export interface AggregateQuery {
  /** Unix ms; rounded outwards to whole minutes. */
  readonly from: number;
  readonly to: number;
  readonly filter?: Filter | undefined;
  readonly by: readonly Dimension[];
  /** Milliseconds per bucket, a multiple of a minute; without it one total per group. */
  readonly step?: number | undefined;
  /** Groups are ordered by this, largest first. */
  readonly metric: Metric;
  /** Groups returned at most; the rest is counted in `groupsLeftOut`. */
  readonly limit: number;
  /** Stops the work. */
  readonly signal?: AbortSignal | undefined;
}

export interface Aggregate {
  /** The window answered, after rounding. */
  readonly from: number;
  readonly to: number;
  readonly rows: readonly AggregateRow[];
  readonly groupsLeftOut: number;
}

export interface Totals {
  bytesSent: number;
  bytesReceived: number;
  packets: number;
  connections: number;
  failed: number;
  retransmits: number;
  /** Mean, microseconds; null when nobody measured. */
  rttMicroseconds: number | null;
  lastSeen: number;
}

export interface AggregateRow extends Totals {
  /** One value per dimension of the query, as text; port as decimal. `client`/`server` give the peer's id. */
  readonly group: readonly string[];
  /** Start of the bucket when the query had a step, else the window's start. */
  readonly time: number;
  /** Every observer of the group with what it saw (duplicates included). */
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

/** One stored flow record: column names of the field table, addresses and protocol as text, peers as ids. */
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
  readonly bytes: number;
  readonly flowRecords: number;
  readonly linkMinutes: number;
  /** Unix ms of the oldest record and rollup, null when there is none. */
  readonly oldestFlow: number | null;
  readonly oldestLink: number | null;
}
