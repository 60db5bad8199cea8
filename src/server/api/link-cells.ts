import type { Metric, Totals } from "../../store/index.ts";
import type { LinkFailures } from "../../topology/index.ts";
import type { Row } from "./form.ts";

/** The figures of links as answers have them. */
export interface LinkFigures {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packets: number;
  readonly connections: number;
  readonly failed: number;
  readonly failures: LinkFailures;
  readonly retransmits: number;
  readonly rttMs: number | null;
  readonly rttMinMs: number | null;
  readonly connectMs: number | null;
}

/** What the store tells of a group or a link; times in milliseconds. */
export function figuresOf(totals: Totals): LinkFigures {
  const { bytesSent, bytesReceived, packets, connections, failed, retransmits } = totals;
  const { refused, timedOut, unreachable, reset, lost } = totals;
  return {
    ...{ bytesSent, bytesReceived, packets, connections, failed },
    failures: { refused, timedOut, unreachable, reset, lost },
    retransmits,
    rttMs: thousandth(totals.rttMicroseconds),
    rttMinMs: thousandth(totals.rttMinMicroseconds),
    connectMs: totals.connectCount === 0 ? null : totals.connectMicroseconds / totals.connectCount / 1000,
  };
}

function thousandth(microseconds: number | null): number | null {
  return microseconds === null ? null : microseconds / 1000;
}

const counters = ["bytesSent", "bytesReceived", "packets", "connections", "failed"] as const;
const failureNames = ["refused", "timedOut", "unreachable", "reset", "lost"] as const;
const rest = ["retransmits", "rttMs", "rttMinMs", "connectMs"] as const;

/** The figures as columns of a table. */
export const figureColumns: readonly string[] = [...counters, ...failureNames, ...rest];

export function figureCells(figures: LinkFigures): Row {
  return [
    ...counters.map((name) => figures[name]),
    ...failureNames.map((name) => figures.failures[name]),
    ...rest.map((name) => figures[name]),
  ];
}

/** What a group is ordered by; null where nobody measured. */
export function metricOf(totals: Totals, metric: "rtt"): number | null;
export function metricOf(totals: Totals, metric: Exclude<Metric, "rtt">): number;
export function metricOf(totals: Totals, metric: Metric): number | null;
export function metricOf(totals: Totals, metric: Metric): number | null {
  if (metric === "rtt") return thousandth(totals.rttMicroseconds);
  return metric === "bytes" ? totals.bytesSent + totals.bytesReceived : totals[metric];
}
