import { findColumnReader, type ReadColumn } from "./column-reader.ts";
import {
  type ElementTarget,
  elementKey,
  elementKeys,
  findElementTarget,
  isOptionElement,
  isSpecialElement,
} from "./element.ts";
import type { Session } from "./exporter-state.ts";

/** One field of a template as announced. `length` is `variableLength` or a number of bytes, which may be 0. */
export interface FieldSpecifier {
  readonly key: number;
  readonly length: number;
}

/** RFC 7011 §7: the length stands in front of each value. Seen in NetFlow v9 too (H3C). */
export const variableLength = 65535;

/** Where a field of interest stands in a record. */
export interface PlacedField extends FieldSpecifier {
  /** From the start of the record; meaningless behind a variable-length field. */
  readonly offset: number;
  /** Its number among the template's spans. */
  readonly span: number;
}

/** How one field gets from the record to its column. */
export interface FieldStep extends PlacedField {
  readonly target: ElementTarget;
  /** The tight loop; undefined when `readEach` has to do. */
  readonly read: ReadColumn | undefined;
}

/** What a data set needs of its template: compiled once, and shared by all templates that are announced with the same bytes. */
export interface TemplateLayout {
  readonly version: number;
  readonly isOptions: boolean;
  /** The announcement's bytes behind the template id: the same again, as exporters send for ever, costs a comparison. */
  readonly definition: Uint8Array;
  readonly fieldCount: number;
  /** Fields with a column, for each column the element that goes first before those that may stand in for it. */
  readonly steps: readonly FieldStep[];
  /** Those of them that a batch without details wants. */
  readonly coreSteps: readonly FieldStep[];
  /** Fields that decide about others, in the order of the record. */
  readonly specials: readonly PlacedField[];
  /** Entries of the MPLS label stack, the top first. */
  readonly labels: readonly PlacedField[];
  /** The lengths of the record's parts: a field of interest, or a run of bytes stepped over. Empty when not needed. */
  readonly spans: readonly number[];
  readonly isVariable: boolean;
  /** Bytes of a record, at least 1; with variable-length fields the least a record can have. */
  readonly recordLength: number;
  /** False when no record can carry an address or a counter, as in interface statistics. */
  readonly hasFlow: boolean;
  /** Whether records may name their own sampling interval. */
  readonly hasSampling: boolean;
  /** Whether records name a sampler, whose interval options data tell. */
  readonly namesSampler: boolean;
  /** Whether records say how long the flow lasted. */
  readonly hasDuration: boolean;
  /** Offset of systemInitTimeMilliseconds in a record of fixed length, or -1. */
  readonly systemInitOffset: number;
  /** Whether source is who began the flow: counters are named for initiator and responder (firewalls). */
  readonly isSourceInitiator: boolean;
  /** Whether counters are totals since the flow's start, and that start is said so that records of a flow can be told. */
  readonly hasTotals: boolean;
  readonly startKind: TimeKind;
  readonly endKind: TimeKind;
  /** Names and lengths of the fields, for people: made when somebody first looks. */
  describedFields: readonly DescribedField[] | undefined;
}

export interface DescribedField {
  readonly name: string;
  readonly length: number;
}

/** A template of one session. */
export interface Template {
  readonly id: number;
  readonly layout: TemplateLayout;
  /** That announced it: a port that borrows it keeps this one in use. */
  readonly session: Session;
  /**
   * What it replaced, until it is announced once more: sets on their way that fit only that one are still read by it
   * (RFC 7011 §8.1: over UDP messages may overtake each other).
   */
  previous: Template | undefined;
  /** When it was last announced, by the collector's clock. */
  announcedMilliseconds: number;
  /** Records read by it. */
  recordCount: number;
}

/** What a column of times holds when it was read: Unix milliseconds, or what still has to be made that. */
export type TimeKind = "unix" | "uptime" | "delta";

const flowColumns: ReadonlySet<string> = new Set([
  "sourceAddress",
  "destinationAddress",
  "octetDeltaCount",
  "packetDeltaCount",
  "reverseOctetDeltaCount",
  "reversePacketDeltaCount",
]);
const frameKeys: ReadonlySet<number> = new Set([
  elementKeys.dataLinkFrameSection,
  elementKeys.ipHeaderPacketSection,
  elementKeys.layer2PacketSectionData,
]);
const samplerKeys: ReadonlySet<number> = new Set([
  elementKeys.samplerId,
  elementKeys.selectorId,
  elementKeys.selectionSequenceId,
]);
const durationKeys: ReadonlySet<number> = new Set([
  elementKeys.flowDurationMilliseconds,
  elementKeys.flowDurationMicroseconds,
]);
const initiatorKeys: ReadonlySet<number> = new Set([231, 232, 298, 299].map((id) => elementKey(0, id)));

/** Undefined when no record of it could be told from the next: no fields, or records of no length. */
export function compileLayout(
  version: number,
  isOptions: boolean,
  fields: readonly FieldSpecifier[],
  definition: Uint8Array,
): TemplateLayout | undefined {
  const recordLength = fields.reduce((sum, { length }) => sum + (length === variableLength ? 1 : length), 0);
  if (recordLength === 0) return undefined;
  const isVariable = fields.some(({ length }) => length === variableLength);
  const { placed, spans } = placeFields(fields, isOptions);
  const targeted = isOptions ? [] : findTargeted(placed);
  const steps = compileSteps(targeted.filter(({ target }) => target.column !== "list"));
  const hasType = (type: string) => steps.some(({ target }) => target.type === type);
  const startKind = findTimeKind(steps, "flowStartMilliseconds");
  const hasStart =
    startKind !== "delta" && steps.some(({ target }) => target.name === "flowStartMilliseconds");
  return {
    version,
    isOptions,
    definition,
    fieldCount: fields.length,
    steps,
    coreSteps: steps.filter(({ target }) => !target.isDetail),
    specials: placed.filter(({ key }) => (isOptions ? isOptionElement(key) : isSpecialElement(key))),
    labels: targeted.filter(({ target }) => target.type === "mplsLabel"),
    spans: isVariable || isOptions ? spans : [],
    isVariable,
    recordLength,
    hasFlow:
      steps.some(({ target }) => flowColumns.has(target.name)) ||
      placed.some(({ key }) => frameKeys.has(key)),
    hasSampling: steps.some(({ target }) => target.name === "samplingInterval"),
    namesSampler: placed.some(({ key }) => samplerKeys.has(key)),
    hasDuration: placed.some(({ key }) => durationKeys.has(key)),
    systemInitOffset: isVariable ? -1 : findSystemInitOffset(fields),
    isSourceInitiator: steps.some(({ key }) => initiatorKeys.has(key)),
    hasTotals: hasStart && hasType("total"),
    startKind,
    endKind: findTimeKind(steps, "flowEndMilliseconds"),
    describedFields: undefined,
  };
}

/**
 * Finds the fields of interest, and the spans a reader of single records steps through. Bytes of no interest are one
 * span as long as they are in a run, so that a record has no more spans than bytes: many fields of no length must not
 * make a short record slow.
 */
function placeFields(
  fields: readonly FieldSpecifier[],
  isOptions: boolean,
): { placed: PlacedField[]; spans: number[] } {
  const placed: PlacedField[] = [];
  const spans: number[] = [];
  let isRun = false;
  let offset = 0;
  for (const { key, length } of fields) {
    if (length === 0) continue;
    const isWanted = isOptions
      ? isOptionElement(key)
      : isSpecialElement(key) || findElementTarget(key) !== undefined;
    if (isWanted) placed.push({ key, length, offset, span: spans.length });
    const canJoin =
      isRun && !isWanted && length !== variableLength && spans.at(-1)! + length < variableLength;
    if (canJoin) spans[spans.length - 1] = spans.at(-1)! + length;
    else spans.push(length);
    isRun = !isWanted && length !== variableLength;
    offset += length;
  }
  return { placed, spans };
}

type TargetedField = PlacedField & { readonly target: ElementTarget };

/**
 * The fields with a column, without those that another of the template makes pointless or wrong. With two protocols, the
 * record tells of two headers, the outer first (RFC 7011 §8: in the order of treatment): what the outer one leaves 0 must
 * not be filled from the inner. Other repeated elements stand in for each other (Juniper).
 */
function findTargeted(placed: readonly PlacedField[]): TargetedField[] {
  const all = placed.flatMap((field): TargetedField[] => {
    const target = findElementTarget(field.key);
    return target !== undefined && canRead(target, field.length) ? [{ ...field, target }] : [];
  });
  const types = new Map<string, Set<string>>();
  const isTunnel = all.filter(({ target }) => target.name === "protocolIdentifier").length > 1;
  for (const { target } of all)
    types.set(target.name, (types.get(target.name) ?? new Set()).add(typeGroup(target)));
  const firsts = new Map(all.toReversed().map((field) => [field.key, field]));
  return all.filter((field) => {
    const { target, key } = field;
    if (isTunnel && !isCounter(target) && firsts.get(key) !== field) return false;
    const group = typeGroup(target);
    return groupOrder
      .slice(0, groupOrder.indexOf(group))
      .every((better) => !types.get(target.name)!.has(better));
  });
}

/**
 * Values of one column that must not be mixed, the best first: a Unix time and one counted from the exporter's start are
 * converted a set at a time; totals beside deltas would be counted when nothing moved.
 */
const groupOrder = ["plain", "sysUpTime", "deltaMicroseconds", "total", "octets"] as const;

function typeGroup({ type }: ElementTarget): (typeof groupOrder)[number] {
  if (type === "sysUpTime" || type === "deltaMicroseconds" || type === "total") return type;
  return type === "highOctet" || type === "lowOctet" ? "octets" : "plain";
}

function isCounter({ column }: ElementTarget): boolean {
  return column === "f64";
}

/** The tight loop is for the first that fills a column; the others fill where it said nothing. */
function compileSteps(fields: readonly TargetedField[]): FieldStep[] {
  const filled = new Set<string>();
  return [...fields]
    .sort((a, b) => a.target.fieldIndex - b.target.fieldIndex || a.target.rank - b.target.rank)
    .map((field) => {
      const { target, length } = field;
      const isFirst = !filled.has(target.name) && length !== variableLength;
      filled.add(target.name);
      return { ...field, read: isFirst ? findColumnReader(target, length) : undefined };
    });
}

function canRead({ type }: ElementTarget, length: number): boolean {
  if (length === variableLength) return true;
  switch (type) {
    case "ipv4Address":
      return length === 4;
    case "ipv6Address":
      return length === 16;
    case "dateTimeMicroseconds":
    case "dateTimeNanoseconds":
      return length === 8;
    default:
      return true;
  }
}

function findTimeKind(steps: readonly FieldStep[], name: string): TimeKind {
  const first = steps.find(({ target }) => target.name === name);
  if (first?.target.type === "sysUpTime") return "uptime";
  return first?.target.type === "deltaMicroseconds" ? "delta" : "unix";
}

function findSystemInitOffset(fields: readonly FieldSpecifier[]): number {
  let offset = 0;
  for (const { key, length } of fields) {
    if (key === elementKeys.systemInitTimeMilliseconds && length === 8) return offset;
    offset += length;
  }
  return -1;
}
