import type { ExporterStatus, Finding, TemplateDescription } from "../../collector/index.ts";

export const healths = ["ok", "warning", "problem"] as const;
export type Health = (typeof healths)[number];

/** One exporter, examined. */
export interface Patient {
  readonly status: ExporterStatus;
  readonly findings: readonly Finding[];
  readonly health: Health;
  readonly doubledCount: number;
}

/** How much is told of each in a list. */
export const views = ["whole", "brief"] as const;

/** As one of the list. */
export function describeListed(patient: Patient, view: (typeof views)[number]) {
  const { templates, missingTemplates } = patient.status;
  const facts = describeFacts(patient);
  if (view === "whole") {
    return {
      ...facts,
      findings: patient.findings,
      templates: {
        known: templates.map((template) => describeTemplate(template)),
        missing: missingTemplates.map(describeMissing),
      },
      interfaces: patient.status.interfaces.length,
    };
  }
  return {
    ...facts,
    findings: patient.findings.map(({ code, severity, title }) => ({ code, severity, title })),
    templates: { known: templates.length, missing: missingTemplates.length },
    interfaces: patient.status.interfaces.length,
  };
}

/** With the fields of its templates, and its interfaces. */
export function describeWhole(patient: Patient) {
  const { templates, missingTemplates, interfaces } = patient.status;
  return {
    ...describeFacts(patient),
    findings: patient.findings,
    templates: {
      known: templates.map((template) => ({ ...describeTemplate(template), fields: template.fields })),
      missing: missingTemplates.map(describeMissing),
    },
    interfaces,
  };
}

function describeFacts({ status, health, doubledCount }: Patient) {
  const { loss, directions } = status;
  return {
    address: status.address,
    protocols: status.protocols,
    health,
    firstSeen: status.firstSeenMilliseconds,
    lastSeen: status.lastSeenMilliseconds,
    packets: status.packetCount,
    bytes: status.byteCount,
    records: status.recordCount,
    packetRate: status.packetRate,
    recordRate: status.recordRate,
    octets: status.octetCount,
    octetRate: status.octetRate,
    sampling: status.sampling,
    clockSkewMs: status.clockSkewMilliseconds ?? null,
    loss: {
      unit: loss.unit,
      received: loss.receivedCount,
      lost: loss.lostCount,
      percent: percentOf(loss.lostCount, loss.receivedCount),
      recentPercent: percentOf(loss.recentLostCount, loss.recentReceivedCount),
      reordered: loss.reorderedCount,
      duplicates: loss.duplicateCount,
      restarts: loss.restartCount,
    },
    directions: {
      ingress: directions.ingressCount,
      egress: directions.egressCount,
      unknown: directions.unknownCount,
      doubled: doubledCount,
    },
    waitingBytes: status.waitingBytes,
    drops: status.drops,
  };
}

/** Null when nothing is known: no unit has come or is missing. */
function percentOf(lost: number, received: number): number | null {
  return lost + received === 0 ? null : (100 * lost) / (lost + received);
}

function describeTemplate(template: TemplateDescription) {
  const { id, protocol, observationDomainId, port, isOptions, fields, recordCount } = template;
  return {
    id,
    protocol,
    observationDomainId,
    port,
    isOptions,
    fieldCount: fields.length,
    records: recordCount,
    announced: template.announcedMilliseconds,
  };
}

function describeMissing(missing: ExporterStatus["missingTemplates"][number]) {
  const { id, protocol, observationDomainId, port, waitingSetCount, waitingBytes, sinceMilliseconds } =
    missing;
  return {
    id,
    protocol,
    observationDomainId,
    port,
    waitingSets: waitingSetCount,
    waitingBytes,
    since: sinceMilliseconds,
  };
}
