import type { DropReason, SamplingOrigin } from "../flow/index.ts";
import type { MissingTemplateDescription, SetCount, TemplateDescription } from "../netflow/index.ts";
import type { AgentDescription } from "../sflow/index.ts";

/** One exporter, for the API and the metrics: plain values, a copy. Times are unix ms. */
export interface ExporterStatus {
  /** Address its datagrams come from. */
  readonly address: string;
  /** Row of the ObserverTable; 0 while it has sent no record. */
  readonly observerRow: number;
  /** `netflow5`, `netflow9`, `ipfix`, `sflow5`. */
  readonly protocols: readonly string[];
  readonly firstSeenMilliseconds: number;
  readonly lastSeenMilliseconds: number;
  readonly packetCount: number;
  readonly byteCount: number;
  readonly recordCount: number;
  /** Per second, over the last minute or as long as it is known. */
  readonly packetRate: number;
  readonly recordRate: number;
  /** What its records say: octets and packets times their sampling interval. */
  readonly octetCount: number;
  readonly octetRate: number;
  readonly sampling: SamplingStatus;
  /**
   * Its clock minus ours, in ms, from the export times of the last minute's messages (the largest difference: delays only
   * make it smaller); undefined where its messages carry no time.
   */
  readonly clockSkewMilliseconds: number | undefined;
  readonly loss: LossStatus;
  readonly directions: DirectionStatus;
  readonly templates: readonly TemplateDescription[];
  readonly missingTemplates: readonly MissingTemplateDescription[];
  /** Bytes of data sets that wait for their template. */
  readonly waitingBytes: number;
  /** Sets of v9 and IPFIX read so far, by version and kind. */
  readonly sets: readonly SetCount[];
  /** Behind this address, those that speak sFlow, with their data sources and what of their samples did not arrive. */
  readonly agents: readonly AgentDescription[];
  readonly interfaces: readonly {
    readonly index: number;
    readonly name: string;
    readonly description: string;
  }[];
  readonly drops: Readonly<Partial<Record<DropReason, number>>>;
}

export interface SamplingStatus {
  /** One packet in this many, as its last records said; 0 unknown. */
  readonly interval: number;
  readonly origin: SamplingOrigin;
  /** Rates by sampler or selector, where options data name several. */
  readonly samplers: readonly { readonly id: number; readonly interval: number }[];
}

/** What sequence numbers tell, over all of an exporter's streams (port, domain, version). */
export interface LossStatus {
  /** What its sequence numbers count: flow records (v5, IPFIX) or datagrams (v9, sFlow). */
  readonly unit: "records" | "datagrams";
  /** Units received in messages whose number could be judged, and units that are missing between them. */
  readonly receivedCount: number;
  readonly lostCount: number;
  /** The most that were missing at any time: late messages do not take it back. A counter for metrics. */
  readonly lostCountEver: number;
  /** Messages that came later than a younger one, and twice. */
  readonly reorderedCount: number;
  readonly duplicateCount: number;
  /** How often the exporter began anew. */
  readonly restartCount: number;
  /** Whether its numbers count the message they stand in too (softflowd's IPFIX). */
  readonly countsOwnMessage: boolean;
  /** Lost units of the last minute. */
  readonly recentLostCount: number;
  readonly recentReceivedCount: number;
}

/** How often flows are reported at their ingress and at their egress. */
export interface DirectionStatus {
  readonly ingressCount: number;
  readonly egressCount: number;
  readonly unknownCount: number;
}
