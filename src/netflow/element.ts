import { type ColumnEncoding, type ElementType, type FieldName, fields } from "../flow/index.ts";

/** The column an information element is written to. */
export interface ElementTarget {
  readonly name: FieldName;
  /** Position in `fields`. */
  readonly fieldIndex: number;
  /**
   * Of the elements of a column that say something, the one with the lowest rank counts. That is the position among the
   * field's elements; but the two families of an address are peers, and the one that stands first in the template counts:
   * an exporter that tells of a tunnel (SRv6) sends both, the outer header first.
   */
  readonly rank: number;
  readonly column: ColumnEncoding;
  readonly isDetail: boolean;
  readonly empty: number;
  readonly type: ElementType;
}

/** One number for enterprise and id, exact below 2^48. */
export function elementKey(enterprise: number, id: number): number {
  return enterprise * 0x10000 + id;
}

/** A field of an options scope in NetFlow v9: scope types have a number space of their own (RFC 3954 §6.1). */
export function scopeKey(type: number): number {
  return -2 - type;
}

/** Elements that no column takes as they are, by key: they decide about other fields, or speak of the exporter. */
export const elementKeys = {
  samplingInterval: 34,
  samplingAlgorithm: 35,
  samplerId: 48,
  samplerMode: 49,
  samplerRandomInterval: 50,
  interfaceName: 82,
  interfaceDescription: 83,
  samplerName: 84,
  ingressInterface: 10,
  egressInterface: 14,
  layer2PacketSectionData: 104,
  systemInitTimeMilliseconds: 160,
  flowDurationMilliseconds: 161,
  flowDurationMicroseconds: 162,
  ipTotalLength: 224,
  selectionSequenceId: 301,
  selectorId: 302,
  selectorAlgorithm: 304,
  samplingPacketInterval: 305,
  samplingPacketSpace: 306,
  samplingTimeInterval: 307,
  samplingTimeSpace: 308,
  samplingSize: 309,
  samplingPopulation: 310,
  samplingProbability: 311,
  dataLinkFrameSize: 312,
  ipHeaderPacketSection: 313,
  dataLinkFrameSection: 315,
  selectorName: 335,
  sectionExportedOctets: 410,
  interfaceScope: scopeKey(2),
} as const;

/** What of a data record is read beside its columns. */
const specialKeys: ReadonlySet<number> = new Set([
  elementKeys.samplerId,
  elementKeys.layer2PacketSectionData,
  elementKeys.flowDurationMilliseconds,
  elementKeys.flowDurationMicroseconds,
  elementKeys.ipTotalLength,
  elementKeys.selectionSequenceId,
  elementKeys.selectorId,
  elementKeys.samplingPacketInterval,
  elementKeys.samplingPacketSpace,
  elementKeys.samplingTimeInterval,
  elementKeys.samplingTimeSpace,
  elementKeys.samplingSize,
  elementKeys.samplingPopulation,
  elementKeys.samplingProbability,
  elementKeys.dataLinkFrameSize,
  elementKeys.ipHeaderPacketSection,
  elementKeys.dataLinkFrameSection,
  elementKeys.sectionExportedOctets,
]);

const optionKeys: ReadonlySet<number> = new Set(Object.values(elementKeys));

export function isSpecialElement(key: number): boolean {
  return specialKeys.has(key);
}

export function isOptionElement(key: number): boolean {
  return optionKeys.has(key);
}

const targets = new Map<number, ElementTarget>();
for (const [fieldIndex, field] of fields.entries()) {
  for (const [position, { enterprise, id, type }] of field.elements.entries()) {
    const ofFamily = field.elements.slice(0, position).filter((earlier) => earlier.type === type);
    const rank = field.column === "address" ? ofFamily.length : position;
    targets.set(elementKey(enterprise, id), {
      name: field.name,
      fieldIndex,
      rank,
      column: field.column,
      isDetail: "isDetail" in field,
      empty: "empty" in field ? field.empty : 0,
      type,
    });
  }
}

/** Undefined for an element that no column wants: the record reader steps over it by its length. */
export function findElementTarget(key: number): ElementTarget | undefined {
  return targets.get(key);
}
