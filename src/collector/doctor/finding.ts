import type { ExporterStatus } from "../exporter-status.ts";

export const severities = ["problem", "warning", "hint"] as const;
export type Severity = (typeof severities)[number];

/** What is wrong with an exporter, or worth knowing, in words for whoever runs it. */
export interface Finding {
  /** Stable, lower_snake. */
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  /** With this exporter's figures. */
  readonly detail: string;
  /** What to change, on the device or here; one line each for kinds of devices that differ. */
  readonly remedy: string;
}

/** What the status of one exporter does not say. */
export interface DoctorFacts {
  readonly nowMilliseconds: number;
  /** Its records of flows that are known already, from another observer or the other direction: kept, not added up. */
  readonly doubledCount: number;
  /** Datagrams of any exporter that this machine's kernel had no room for in the last minute; undefined where it does not say. */
  readonly kernelDropCount: number | undefined;
}

/** One look at an exporter; undefined when there is nothing to say. */
export type Check = (status: ExporterStatus, facts: DoctorFacts) => Finding | readonly Finding[] | undefined;
