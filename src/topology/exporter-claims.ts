import { type FlowBatch, type FlowColumns, flowEndReason, type ReportDrop } from "../flow/index.ts";
import type { ConnectionTable } from "./connection-table.ts";
import type { WaitingRows } from "./waiting-rows.ts";

export interface ExporterClaimsConfig {
  /** Whoever reported a flow first has it for so long after each report; then another exporter's figures may count. */
  readonly claimSeconds: number;
}

export interface ExporterClaims {
  /**
   * Marks an exporter's row of a flow that no agent knows as a duplicate when another viewpoint's rows of it count. `flow` is its row in
   * the table, below 0 when that is full.
   */
  judge(batch: FlowBatch, row: number, flow: number, seconds: number): void;
  /**
   * Whether an exporter's figures of a connection counted, before any agent told of it, that an agent's row tells of again. `connection`
   * is its row in the table.
   */
  hasCounted(columns: FlowColumns, row: number, connection: number): boolean;
  /** Records of an exporter whose flow the same exporter reports from another interface or direction. */
  doubledCount(observer: number): number;
}

/** Two interfaces of a device have one clock; two devices may differ, and forwarding takes its time. */
const sameClockSeconds = 1;
const otherClockSeconds = 10;
/** What an agent reads at one second may have passed an exporter just before. */
const pollSeconds = 1;
/** A flow of which packets are sampled is held for so long after each sample. */
const sampledClaimSeconds = 120;

/** Of flows that only exporters report, the figures of whoever reported a direction first count. */
export function createExporterClaims(
  config: ExporterClaimsConfig,
  {
    table,
    waiting,
    drop,
  }: { readonly table: ConnectionTable; readonly waiting: WaitingRows; readonly drop: ReportDrop },
): ExporterClaims {
  const doubledCounts: number[] = [];
  // One object, filled per row: the hot path allocates nothing.
  const claim = {
    claimant: 0,
    seconds: 0,
    startSeconds: 0,
    endSeconds: 0,
    slackTo: (holder: number) =>
      isSameObserver(holder, claim.claimant) ? sameClockSeconds : otherClockSeconds,
  };

  function judge(batch: FlowBatch, row: number, flow: number, seconds: number): void {
    const { columns } = batch;
    if (flow < 0) {
      drop("claim_limit", "stitch");
      return;
    }
    const viewpoint = viewpointOf(batch, row);
    const hasReverse = columns.reversePacketDeltaCount[row]! > 0 || columns.reverseOctetDeltaCount[row]! > 0;
    const hasForward = !hasReverse || columns.packetDeltaCount[row]! > 0 || columns.octetDeltaCount[row]! > 0;
    const isSampled = columns.samplingInterval[row]! > 1;
    claim.claimant = viewpoint;
    claim.seconds = seconds;
    // Between two samples nothing is known: that one tells of a later time than another says nothing.
    claim.startSeconds = isSampled ? 0 : columns.flowStartMilliseconds[row]! / 1000;
    claim.endSeconds = columns.flowEndMilliseconds[row]! / 1000;
    const claimSeconds = isSampled ? Math.min(config.claimSeconds, sampledClaimSeconds) : config.claimSeconds;
    const holder = hasForward ? table.claim(flow, claim, claimSeconds) : viewpoint;
    const reverseHolder = hasReverse ? table.claim(flow, claim, claimSeconds, true) : viewpoint;
    table.lastSeenSeconds[flow] = seconds;
    if (holder === viewpoint && reverseHolder === viewpoint) return;
    const isOneOurs = hasForward && hasReverse && (holder === viewpoint || reverseHolder === viewpoint);
    if (isOneOurs && holdHalf(batch, row, holder === viewpoint)) return;
    columns.isDuplicate[row] = 1;
    const observer = columns.observer[row]!;
    const other = holder === viewpoint ? reverseHolder : holder;
    if (isSameObserver(other, viewpoint)) doubledCounts[observer] = (doubledCounts[observer] ?? 0) + 1;
  }

  function hasCounted(columns: FlowColumns, row: number, connection: number): boolean {
    const heldUntil = table.heldUntil(connection);
    // The end of a connection is one moment, by two clocks.
    const slack = columns.flowEndReason[row] === flowEndReason.endOfFlow ? otherClockSeconds : pollSeconds;
    return heldUntil > 0 && columns.flowEndMilliseconds[row]! / 1000 <= heldUntil + slack;
  }

  /**
   * Of a record with both directions, one that somebody else reports: it becomes a record of its own, to be judged with those that
   * wait. False when no more can wait.
   */
  function holdHalf(batch: FlowBatch, row: number, isForwardOurs: boolean): boolean {
    if (waiting.isFull) return false;
    const other = waiting.hold(batch, row);
    clearCounters(isForwardOurs ? batch : waiting.batch, isForwardOurs ? row : other, reverseCounters);
    clearCounters(isForwardOurs ? waiting.batch : batch, isForwardOurs ? other : row, forwardCounters);
    return true;
  }

  return { judge, hasCounted, doubledCount: (observer) => doubledCounts[observer] ?? 0 };
}

const forwardCounters = ["octetDeltaCount", "packetDeltaCount"] as const;
const reverseCounters = ["reverseOctetDeltaCount", "reversePacketDeltaCount"] as const;

function clearCounters(
  { columns }: FlowBatch,
  row: number,
  names: typeof forwardCounters | typeof reverseCounters,
): void {
  for (const name of names) columns[name][row] = 0;
}

const viewpointHashBits = 17;
const egress = 1;

/**
 * Where an exporter saw a record: its observation domain, and the interface on which the packets came in, or left when it reports at
 * egress. The observer's row stands above a hash, so that two viewpoints of one exporter are told from those of two. Never 0.
 */
function viewpointOf({ columns }: FlowBatch, row: number): number {
  const direction = columns.flowDirection[row]!;
  const interfaces = direction === egress ? columns.egressInterface : columns.ingressInterface;
  const place = Math.imul(interfaces[row]! * 2 + (direction === egress ? 1 : 0) + 1, 0x9e3779b1);
  const mixed = Math.imul(place ^ columns.observationDomainId[row]!, 0x85ebca6b);
  return ((columns.observer[row]! << viewpointHashBits) | (mixed >>> (32 - viewpointHashBits)) | 1) >>> 0;
}

function isSameObserver(viewpoint: number, other: number): boolean {
  return (viewpoint ^ other) >>> viewpointHashBits === 0;
}
