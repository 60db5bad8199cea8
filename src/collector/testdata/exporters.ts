import type { TemplateDescription } from "../../netflow/index.ts";
import type { ExporterStatus } from "../exporter-status.ts";

export const flowFields: readonly (readonly [name: string, length: number])[] = [
  ["sourceIPv4Address", 4],
  ["destinationIPv4Address", 4],
  ["sourceTransportPort", 2],
  ["destinationTransportPort", 2],
  ["protocolIdentifier", 1],
  ["ingressInterface", 4],
  ["egressInterface", 4],
  ["flowDirection", 1],
  ["octetDeltaCount", 8],
  ["packetDeltaCount", 8],
];

export function template(changes: Partial<TemplateDescription> = {}, fields = flowFields): TemplateDescription {
  return {
    id: 260,
    protocol: "netflow9",
    observationDomainId: 0,
    port: 50_000,
    isOptions: false,
    fields: fields.map(([name, length]) => ({ name, length })),
    recordCount: 1000,
    announcedMilliseconds: 0,
    ...changes,
  };
}

export const optionsTemplate = template({ id: 256, isOptions: true }, [
  ["samplerId", 1],
  ["samplingInterval", 4],
]);

/** An exporter of which there is nothing to say: a datagram a second for an hour. */
export function healthyExporter(now: number, changes: Partial<ExporterStatus> = {}): ExporterStatus {
  return {
    address: "10.0.0.1",
    observerRow: 1,
    protocols: ["netflow9"],
    firstSeenMilliseconds: now - 3_600_000,
    lastSeenMilliseconds: now - 1000,
    packetCount: 3600,
    byteCount: 3_600_000,
    recordCount: 72_000,
    packetRate: 1,
    recordRate: 20,
    octetCount: 1e9,
    octetRate: 300_000,
    sampling: { interval: 1, origin: "options", samplers: [] },
    clockSkewMilliseconds: 200,
    loss: {
      unit: "datagrams",
      receivedCount: 3600,
      lostCount: 0,
      lostCountEver: 0,
      reorderedCount: 0,
      duplicateCount: 0,
      restartCount: 0,
      countsOwnMessage: false,
      recentLostCount: 0,
      recentReceivedCount: 60,
    },
    directions: { ingressCount: 72_000, egressCount: 0, unknownCount: 0 },
    templates: [
      template({ announcedMilliseconds: now - 60_000 }),
      { ...optionsTemplate, announcedMilliseconds: now - 60_000 },
    ],
    missingTemplates: [],
    waitingBytes: 0,
    sets: [],
    agents: [],
    interfaces: [{ index: 1, name: "ge-0/0/1", description: "uplink" }],
    drops: {},
    ...changes,
  };
}
