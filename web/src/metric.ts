import { formatBytes, formatCount, formatRate } from "./units/units.ts";

/** What things are weighed by. */
export const metrics = ["bytes", "packets", "connections", "failed", "retransmits"] as const;
export type Metric = (typeof metrics)[number];

export const metricLabels: Record<Metric, string> = {
  bytes: "Bytes",
  packets: "Packets",
  connections: "Connections",
  failed: "Failed connections",
  retransmits: "Retransmits",
};

export interface Measured {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packets: number;
  readonly connections: number;
  readonly failed: number;
  readonly retransmits: number;
}

export function metricOf(measured: Measured, metric: Metric): number {
  return metric === "bytes" ? measured.bytesSent + measured.bytesReceived : measured[metric];
}

export function formatMetric(value: number, metric: Metric): string {
  return metric === "bytes" ? formatBytes(value) : formatCount(value);
}

export function formatMetricRate(perSecond: number, metric: Metric): string {
  if (metric === "bytes") return formatRate(perSecond);
  return `${perSecond < 10 ? perSecond.toFixed(perSecond < 1 ? 2 : 1) : formatCount(perSecond)}/s`;
}
