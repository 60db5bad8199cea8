import type { FlowBatch } from "../flow/index.ts";
import type { ConnectionTuple } from "./connection-table.ts";
import type { ReportedAddresses } from "./reported-addresses.ts";

/**
 * `tcpControlBits` of an agent's row that says only that a client waits for an answer: a SYN. Others' records of the connection
 * are recognised from then on; the row itself is neither counted nor kept.
 */
export const attemptControlBits = 2;

export interface StitchConfig {
  /** Connections remembered at most. */
  readonly connectionsMax: number;
  /** How long a closed connection is remembered, for those that report late: an agent may have been cut off for an hour. */
  readonly rememberSeconds: number;
  /** Flows of exporters remembered at most. */
  readonly claimsMax: number;
  /** Whoever reported a flow first has it for so long after each report; then another exporter's figures may count. */
  readonly claimSeconds: number;
  /** Network namespace (inode) of this process, for exporters' records of loopback addresses; 0 when unknown. */
  readonly loopbackScope: number;
}

export const stitchDefaults: StitchConfig = {
  connectionsMax: 524_288,
  rememberSeconds: 5400,
  claimsMax: 524_288,
  claimSeconds: 600,
  loopbackScope: 0,
};

/** Open connections between two peers: what `active` on a link is. */
export type VisitOpen = (
  clientPeer: number,
  serverPeer: number,
  serverPort: number,
  protocol: number,
  observer: number,
) => void;

export interface Stitcher {
  /**
   * Fills `clientEnd`, `isDuplicate` and, from what an agent knows, the peers. Rows need addresses; the batch is
   * changed in place. Rows that have to wait are taken out of it. `seconds` is unix time.
   */
  stitch(batch: FlowBatch, seconds: number): void;
  /** The first half of `stitch`: notes which ends of which connections agents' rows are about. They are judged later. */
  enter(batch: FlowBatch, seconds: number): void;
  /** The second half of `stitch`: judges entered rows. Those that have to wait are taken out. */
  settle(batch: FlowBatch, seconds: number): void;
  /** The same for a batch that must stay whole: no row is taken out of it. */
  judge(batch: FlowBatch, seconds: number): void;
  /** Whether a row of an entered batch should wait for the other end's report. */
  mustWait(batch: FlowBatch): boolean;
  /**
   * Judges the rows that were held before the last call, or before one that is `waitMilliseconds` ago: to be called once a poll, after
   * the poll's batch was stitched. `prepare` sees them first. The batch is valid until the next call; its rows are seen `now` (unix ms).
   */
  takeWaited(now: number, waitMilliseconds?: number, prepare?: (batch: FlowBatch) => void): FlowBatch;
  /** Enters rows that were entered before their ends were known to be translated. None is open by it: what came since knows better. */
  enterAgain(batch: FlowBatch, seconds: number): void;
  /** A tuple turns out to be a translated one: what was entered under it is not open. */
  forgetTuple(tuple: ConnectionTuple): void;
  /**
   * Addresses that agents elsewhere report. Exporters' rows about them wait, as long as `takeWaited` says, unless their flow is known:
   * of what `stitch` and `settle` are given they are taken out.
   */
  readonly elsewhere: ReportedAddresses;
  /** Says whose kernel an agent's sockets are of. Machines may use the same private addresses: their connections are kept apart. */
  setMachine(observer: number, machine: string): void;
  /** An agent is gone, or has started again: what it held open is open no more, and another may report these ends. */
  forgetObserver(observer: number): void;
  /** Notes from an earlier run's records, the newest first, which end of each connection counted. None is open by it. */
  restore(batch: FlowBatch, seconds: number): void;
  /** Every connection an agent holds open now. */
  forEachOpen(visit: VisitOpen): void;
  /** Marks the peers of connections that are open or were seen since `seconds`; older ones lose theirs. */
  markPeers(mark: (peer: number) => void, seconds: number): void;
  /** Forgets what is too old to be reported again. */
  sweep(seconds: number): void;
  /** Connections that agents know. */
  readonly connectionCount: number;
  /** Records of an exporter whose flow the same exporter reports from another interface or direction. */
  doubledCount(observer: number): number;
}
