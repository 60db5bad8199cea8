import type { FlowBatch, ObserverTable, ReportDrop } from "../flow/index.ts";
import type { Filter } from "../query/index.ts";
import type {
  AskedCounter,
  AskedName,
  DerivedFacts,
  Grouping,
  LinkCounter,
  LinkEnd,
  Peer,
  PeerTable,
} from "../topology/index.ts";
import type { Dimension } from "./dimensions.ts";
import type { IngestedEpoch, IngestedMessage } from "./ingested.ts";

/**
 * The one interface of history. An implementation keeps flow records for a short time, and links per minute, hour and day for
 * longer ones, and answers from whichever holds the window; the caller cannot tell which.
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
   * Names that peers, rows of the table, asked for, seen at `seen` (unix ms). Copies them; durable as records are. What there is no
   * room for is dropped (`lookup_lost`): each `source`, the machine whose agent tells them, has a share of the room.
   */
  appendAsked(asked: readonly AskedName[], seen: number, source: string): void;
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
  /** The heaviest links of a window per server port, with their ends: what a map is drawn from. */
  links(query: LinksQuery): Promise<Links>;
  /** Two windows side by side, by dimensions: what is new, gone, and changed most. */
  compare(query: CompareQuery): Promise<Comparison>;
  /** Names that peers asked for in a window, those with most failures first. */
  askedNames(query: AskedNamesQuery): Promise<AskedNames>;
  /** Texts that a field of the filter language has among known peers and observers, those that most have first: for completion. */
  values(query: ValuesQuery): Promise<readonly string[]>;
  /** A peer by its id, with all its addresses and names; undefined when it is not known (any more). */
  peer(id: string, signal?: AbortSignal): Promise<PeerHistory | undefined>;
  /** The same of several, those that are known, without order. */
  peersById(ids: readonly string[], signal?: AbortSignal): Promise<readonly PeerHistory[]>;
  /** Raw records, newest first, in pages. */
  flows(query: FlowsQuery): Promise<FlowsPage>;
  /**
   * Links per minute since a time, oldest first, with the peers' facts: what the live map is refilled from after a restart. Of more than
   * `linksMax` (200,000 when not given) those of the newest minutes.
   */
  recentLinks(fromMilliseconds: number, linksMax?: number, signal?: AbortSignal): Promise<LinkMinute[]>;
  status(): Promise<StoreStatus>;
}

export interface StoreDependencies {
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
  /** Counts what was given up: records by `queue_full`, `store_full`, `store_failed`, new names of peers by `rename_limit`, names looked up by `lookup_lost`. */
  readonly drop: ReportDrop;
  readonly log?: (message: string) => void;
  /** What follows from a peer's address and name: kept beside the peer, so that it can be asked for; without it what is kept stays. */
  readonly facts?: PeerDescription;
}

export interface PeerDescription {
  /** `network` too where it follows from the address. */
  factsOf(peer: Peer): DerivedFacts & { readonly network?: string | undefined };
  /** Changes whenever facts may have, such as with a new database: every peer is described anew then. Undefined while that has to wait. */
  readonly generation: number | undefined;
}

/** `rtt` is the mean; those that nobody measured come last. */
export const metrics = ["bytes", "packets", "connections", "failed", "retransmits", "rtt"] as const;
export type Metric = (typeof metrics)[number];

/** Bytes and packets multiplied by the exporter's sampling interval, or as they were exported. */
export type Sampled = "corrected" | "raw";

/** What every question about links says. */
export interface WindowQuery {
  /** Unix ms; rounded outwards to whole minutes, or hours where minutes are kept no more. */
  readonly from: number;
  readonly to: number;
  readonly filter?: Filter | undefined;
  /** The answer is ordered by this over the whole window, largest first. */
  readonly metric: Metric;
  /** Groups returned at most; the rest is counted. */
  readonly limit: number;
  /** `corrected` when not given. */
  readonly sampled?: Sampled | undefined;
  /** Stops the work. */
  readonly signal?: AbortSignal | undefined;
}

export interface AggregateQuery extends WindowQuery {
  readonly by: readonly Dimension[];
  /** Milliseconds per bucket, a multiple of a minute; without it one total per group. */
  readonly step?: number | undefined;
  /** `metric`: only what `metric` is made of is added up, which is faster; all else is 0. `all` when not given. */
  readonly figures?: "all" | "metric" | undefined;
}

export interface Aggregate {
  /** The window answered, after rounding. */
  readonly from: number;
  readonly to: number;
  /** Milliseconds per bucket: what was asked for, or a multiple of an hour where minutes are kept no more. */
  readonly step: number | undefined;
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
  /** Unix ms of the first and the last record of the window, to the minute at least. */
  firstSeen: number;
  lastSeen: number;
}

export interface AggregateRow extends Totals {
  /** One value per dimension of the query, as text; port as decimal. `client`/`server` give the peer's id. */
  readonly group: readonly string[];
  /** Start of the bucket when the query had a step, else the window's start. */
  readonly time: number;
}

export interface ObserverTotals {
  readonly id: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packets: number;
}

export interface LinksQuery extends WindowQuery {
  /** Links are ranked, and `limit` counts, by what their ends are drawn as. */
  readonly grouping?: Grouping | undefined;
}

export interface Links {
  readonly from: number;
  readonly to: number;
  /** By what the ends are drawn as, whom the client called, port and protocol; the heaviest link's first. */
  readonly rows: readonly LinkRow[];
  readonly linksLeftOut: number;
}

export interface LinkRow extends Totals {
  /** One of the peers that are drawn as this end, with addresses of them. */
  readonly client: LinkEnd;
  readonly server: LinkEnd;
  /** Whom the client called, where translation led to the server. */
  readonly called: LinkEnd | undefined;
  readonly port: number;
  readonly protocol: number;
  /**
   * Every observer of the link with what it saw, duplicates included. Where an agent read the sockets of both ends it is the larger
   * of the two, not their sum.
   */
  readonly observers: readonly ObserverTotals[];
}

/** A peer as it is known now, with what follows from its address. */
export interface StoredPeer extends Peer, DerivedFacts {}

export interface CompareQuery extends WindowQuery {
  readonly by: readonly Dimension[];
  /** The window that is compared with. */
  readonly baseFrom: number;
  readonly baseTo: number;
}

export interface Comparison {
  readonly from: number;
  readonly to: number;
  readonly baseFrom: number;
  readonly baseTo: number;
  /** Those first whose metric differs most. */
  readonly rows: readonly ComparedRow[];
  /** Of all groups, also those beyond the limit. */
  readonly newCount: number;
  readonly goneCount: number;
  readonly bothCount: number;
}

export interface ComparedRow {
  readonly group: readonly string[];
  /** Null where there was nothing in that window. */
  readonly now: Totals | null;
  readonly base: Totals | null;
  /** Unix ms of the first record that is still remembered, in whatever window. */
  readonly firstSeen: number;
}

export interface AskedNamesQuery {
  /** Unix ms; rounded outwards to whole hours. */
  readonly from: number;
  readonly to: number;
  /** Of the peers that asked: says nothing but of peers. */
  readonly filter?: Filter | undefined;
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

export interface AskedNames {
  readonly from: number;
  readonly to: number;
  /** Names that a search list made of others come last; then those with failures and time-outs come first, then the most asked for. */
  readonly rows: readonly AskedNameTotals[];
  readonly namesLeftOut: number;
}

export interface AskedNameTotals extends Readonly<Record<AskedCounter, number>> {
  readonly name: string;
  /** Unix ms. */
  readonly lastSeen: number;
  /** Peers that asked for it. */
  readonly peers: number;
  /** It does not exist, and this one, which begins alike and was answered, was probably meant: a resolver's search list put the rest behind it. */
  readonly searchOf: string | undefined;
}

export interface ValuesQuery {
  /** A field of an end, `observer` or `exporter`; `label` for the keys of labels and `label.KEY` for a label's values. */
  readonly field: string;
  /** Without regard to case. */
  readonly prefix: string;
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

export interface PeerHistory {
  readonly id: string;
  /** As it is known now, at each of its addresses, the last seen first; `addressesMax` at most. */
  readonly peers: readonly (StoredPeer & { readonly firstSeen: number; readonly lastSeen: number })[];
  readonly addressesLeftOut: number;
  /** The names it was shown by, the newest first, each with the time (unix ms) from which on. */
  readonly names: readonly { readonly name: string; readonly since: number }[];
  readonly firstSeen: number;
  readonly lastSeen: number;
}

export interface FlowsQuery {
  readonly from: number;
  readonly to: number;
  readonly filter?: Filter | undefined;
  readonly limit: number;
  /** What `nextCursor` of the page before said. */
  readonly cursor?: string | undefined;
  /** A page that took longer ends where the search is, with a cursor: it may have fewer records, or none. */
  readonly patienceMilliseconds?: number | undefined;
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
  readonly called: Peer | undefined;
  readonly port: number;
  readonly protocol: number;
  readonly observer: string;
  readonly isDuplicate: boolean;
  /** The observer's, 0 where it said none. */
  readonly clientInterface: number;
  readonly serverInterface: number;
  readonly rttCount: number;
}

export interface StoreStatus {
  /** In use; the size limit is about this. */
  readonly bytes: number;
  /** Of the files. They do not shrink at once: freed room is used again first. */
  readonly fileBytes: number;
  readonly flowRecords: number;
  /** Rows of links per minute, and per hour and day. */
  readonly linkMinutes: number;
  readonly linkHours: number;
  readonly linkDays: number;
  /** Unix ms of the oldest record and rollup, null when there is none. */
  readonly oldestFlow: number | null;
  readonly oldestLink: number | null;
}
