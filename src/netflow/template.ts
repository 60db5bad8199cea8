import { findColumnReader, type ReadColumn } from "./column-reader.ts";
import {
  type ElementTarget,
  elementKey,
  findElementTarget,
  isDomainElement,
  samplingIntervalElement,
  systemInitTimeElement,
} from "./element.ts";

/** One field of a template as announced. `length` is `variableLength` or a number of bytes, which may be 0. */
export interface FieldSpecifier {
  readonly key: number;
  readonly length: number;
}

/** RFC 7011 §7: the length stands in front of each value. Seen in NetFlow v9 too (H3C). */
export const variableLength = 65535;

/** How one field gets from the record to its column. Fields that no column wants are runs of bytes stepped over. */
export interface FieldStep {
  readonly target: ElementTarget | undefined;
  /** The tight loop; undefined when `readEach` has to do. */
  readonly read: ReadColumn | undefined;
  /** From the start of the record; meaningless behind a variable-length field. */
  readonly offset: number;
  readonly length: number;
  /** For options templates and the few elements that concern the whole set. */
  readonly key: number;
}

/** A template compiled once, when it arrives, into what a data set needs. */
export interface Template {
  readonly id: number;
  readonly isOptions: boolean;
  /** The announcement's bytes: the same announced again, as exporters do for ever, costs a comparison. */
  readonly definition: Uint8Array;
  readonly fieldCount: number;
  readonly steps: readonly FieldStep[];
  readonly isVariable: boolean;
  /** Bytes of a record, at least 1; with variable-length fields the least a record can have. */
  readonly recordLength: number;
  /** False when no record can carry an address or a counter, as in interface statistics. */
  readonly hasFlow: boolean;
  readonly hasSampling: boolean;
  readonly isStartUptime: boolean;
  readonly isEndUptime: boolean;
  /** Offset of systemInitTimeMilliseconds in a record of fixed length, or -1. */
  readonly systemInitOffset: number;
}

const flowColumns = new Set([
  "sourceAddress",
  "destinationAddress",
  "octetDeltaCount",
  "packetDeltaCount",
  "reverseOctetDeltaCount",
  "reversePacketDeltaCount",
]);

/** Undefined when no record of it could be told from the next: no fields, or records of no length. */
export function compileTemplate(
  id: number,
  isOptions: boolean,
  fields: readonly FieldSpecifier[],
  definition: Uint8Array,
): Template | undefined {
  const recordLength = fields.reduce((sum, { length }) => sum + (length === variableLength ? 1 : length), 0);
  if (recordLength === 0) return undefined;
  const isVariable = fields.some(({ length }) => length === variableLength);
  const steps = isOptions ? compileOptionSteps(fields) : compileSteps(fields, isVariable);
  const has = (type: string, name: string) =>
    steps.some(({ target }) => target?.type === type && target.name === name);
  return {
    id,
    isOptions,
    definition,
    fieldCount: fields.length,
    steps,
    isVariable,
    recordLength,
    hasFlow: steps.some(({ target }) => target !== undefined && flowColumns.has(target.name)),
    hasSampling: steps.some(({ key }) => key === elementKey(0, samplingIntervalElement)),
    isStartUptime: has("sysUpTime", "flowStartMilliseconds"),
    isEndUptime: has("sysUpTime", "flowEndMilliseconds"),
    systemInitOffset: isVariable ? -1 : findSystemInitOffset(fields),
  };
}

function compileOptionSteps(fields: readonly FieldSpecifier[]): FieldStep[] {
  const steps: FieldStep[] = [];
  for (const { key, length } of fields) {
    if (!isDomainElement(key)) appendSkip(steps, length);
    else if (length > 0) steps.push({ target: undefined, read: undefined, offset: 0, length, key });
  }
  return steps;
}

function compileSteps(fields: readonly FieldSpecifier[], isVariable: boolean): FieldStep[] {
  const steps: FieldStep[] = [];
  const filled = new Set<string>();
  const absoluteTimes = findAbsoluteTimes(fields);
  let offset = 0;
  for (const { key, length } of fields) {
    const target = findUsableTarget(key, length, absoluteTimes);
    if (target !== undefined) {
      const read =
        length === variableLength || filled.has(target.name) ? undefined : findColumnReader(target, length);
      steps.push({ target, read, offset, length, key });
      filled.add(target.name);
    } else if (isVariable) appendSkip(steps, length);
    offset += length;
  }
  return steps;
}

/**
 * Only a record-major reader needs to step over what it does not know. It does so in runs, so that a record has no
 * more steps than bytes: many fields of no length must not make a short record slow.
 */
function appendSkip(steps: FieldStep[], length: number): void {
  const last = steps.at(-1);
  if (length === 0) return;
  const isRun = last?.key === skippedKey && last.length !== variableLength;
  if (isRun && length !== variableLength && last.length + length < variableLength) {
    steps[steps.length - 1] = { ...last, length: last.length + length };
  } else steps.push({ target: undefined, read: undefined, offset: 0, length, key: skippedKey });
}

const skippedKey = -1;

/** A column written from the Unix time must not also be read as uptime: the set is converted as a whole. */
function findAbsoluteTimes(fields: readonly FieldSpecifier[]): Set<string> {
  const names = new Set<string>();
  for (const { key } of fields) {
    const target = findElementTarget(key);
    if (target?.type.startsWith("dateTime")) names.add(target.name);
  }
  return names;
}

function findUsableTarget(
  key: number,
  length: number,
  absoluteTimes: ReadonlySet<string>,
): ElementTarget | undefined {
  const target = findElementTarget(key);
  if (target === undefined || length === 0) return undefined;
  if (target.type === "sysUpTime" && absoluteTimes.has(target.name)) return undefined;
  if (length === variableLength) return target;
  switch (target.type) {
    case "ipv4Address":
      return length === 4 ? target : undefined;
    case "ipv6Address":
      return length === 16 ? target : undefined;
    case "dateTimeMicroseconds":
    case "dateTimeNanoseconds":
      return length === 8 ? target : undefined;
    default:
      return target;
  }
}

function findSystemInitOffset(fields: readonly FieldSpecifier[]): number {
  let offset = 0;
  for (const { key, length } of fields) {
    if (key === elementKey(0, systemInitTimeElement) && length === 8) return offset;
    offset += length;
  }
  return -1;
}
