import { dropChecks, findInDrops } from "./doctor/drops.ts";
import { type DoctorFacts, type Finding, severities } from "./doctor/finding.ts";
import { checkSilence, habitChecks } from "./doctor/habits.ts";
import { lossChecks } from "./doctor/loss.ts";
import { samplingChecks } from "./doctor/sampling.ts";
import { templateChecks } from "./doctor/templates.ts";
import type { ExporterStatus } from "./exporter-status.ts";

export { type DoctorFacts, type Finding, type Severity, severities } from "./doctor/finding.ts";

/** All findings of an exporter, the worst first. Pure: the same figures give the same words. */
export function diagnose(status: ExporterStatus, facts: DoctorFacts): Finding[] {
  const found = checks.flatMap((check) => check(status, facts) ?? []);
  return found.sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}

/** A sender that has given no record, template or waiting set: only drops are known of it. */
export function diagnoseStranger(address: string, drops: ExporterStatus["drops"]): Finding[] {
  return findInDrops(address, drops);
}

/** Findings of one severity are told in this order; of one that is silent the others are of the past. */
const checks = [
  checkSilence,
  ...dropChecks,
  ...templateChecks,
  ...lossChecks,
  ...habitChecks,
  ...samplingChecks,
];
