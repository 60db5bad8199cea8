import { type ColumnEncoding, type ElementType, type FieldName, fields } from "../flow/index.ts";

/** The column an information element is written to. */
export interface ElementTarget {
  readonly name: FieldName;
  /** Position in `fields`. */
  readonly fieldIndex: number;
  readonly column: ColumnEncoding;
  readonly empty: number;
  readonly type: ElementType;
}

/** One number for enterprise and id, exact below 2^48. */
export function elementKey(enterprise: number, id: number): number {
  return enterprise * 0x10000 + id;
}

/** RFC 5477, RFC 3954 §8 and IANA: elements that options data use to say something about the whole domain. */
export const samplingIntervalElement = 34;
export const samplerRandomIntervalElement = 50;
export const samplingPacketIntervalElement = 305;
export const samplingPacketSpaceElement = 306;
export const systemInitTimeElement = 160;

const domainKeys = new Set(
  [
    samplingIntervalElement,
    samplerRandomIntervalElement,
    samplingPacketIntervalElement,
    samplingPacketSpaceElement,
    systemInitTimeElement,
  ].map((id) => elementKey(0, id)),
);

export function isDomainElement(key: number): boolean {
  return domainKeys.has(key);
}

const targets = new Map<number, ElementTarget>();
for (const [fieldIndex, field] of fields.entries()) {
  const empty = "empty" in field ? field.empty : 0;
  for (const { enterprise, id, type } of field.elements) {
    targets.set(elementKey(enterprise, id), {
      name: field.name,
      fieldIndex,
      column: field.column,
      empty,
      type,
    });
  }
}

/** Undefined for an element that no column wants: the record reader steps over it by its length. */
export function findElementTarget(key: number): ElementTarget | undefined {
  return targets.get(key);
}
