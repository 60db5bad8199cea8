import assert from "node:assert/strict";
import { test } from "node:test";
import { coreFields, formatAddress, type InformationElement } from "../flow/index.ts";
import { createRandom, createTrial, type Row } from "./testdata/decode.ts";
import {
  concat,
  exportSeconds,
  ipfixMessage,
  type SpecifiedField,
  set,
  template,
  unsigned,
  variable,
} from "./testdata/messages.ts";

/**
 * The slow and obvious reader, as the oracle of the fast one: a record at a time, a field at a time, through bigint.
 * Compared on generated templates: known and unknown elements, all widths, repeated elements, variable lengths.
 */
interface Written {
  readonly element: InformationElement | undefined;
  readonly name: string | undefined;
  readonly value: Uint8Array;
}

function readClearly(record: readonly Written[]): Row | undefined {
  const row: Row = { sourceAddress: "::", destinationAddress: "::" };
  const initiatorElements = new Set([231, 232, 298, 299]);
  const namesInitiator = record.some(
    ({ element }) => element?.enterprise === 0 && initiatorElements.has(element.id),
  );
  for (const { element, name, value } of ofOuterHeader(record).toSorted(byRank)) {
    if (element === undefined || name === undefined || value.length === 0) continue;
    const hasDelta = record.some((other) => other.name === name && other.element?.type !== "total");
    if (element.type === "total" && hasDelta) continue;
    const said = readValue(element, value);
    const unset = name === "flowDirection" ? 255 : 0;
    const isAddress = element.type === "ipv4Address" || element.type === "ipv6Address";
    if (isAddress) {
      const isUnset = row[name] === "::" || row[name] === "0.0.0.0";
      if (isUnset && !(said === "::" && row[name] === "0.0.0.0")) row[name] = said;
    } else if (said !== unset && row[name] === undefined) row[name] = said;
  }
  const hasAddress = [row.sourceAddress, row.destinationAddress].some(
    (text) => text !== "::" && text !== "0.0.0.0",
  );
  const counters = [
    "octetDeltaCount",
    "packetDeltaCount",
    "reverseOctetDeltaCount",
    "reversePacketDeltaCount",
  ];
  if (!hasAddress && counters.every((name) => row[name] === undefined)) return undefined;
  if (namesInitiator) row.clientEnd ??= 1;
  row.flowEndMilliseconds ??= exportSeconds * 1000;
  row.flowStartMilliseconds ??= row.flowEndMilliseconds;
  if (row.protocolIdentifier === 1 || row.protocolIdentifier === 58) {
    const fromPort = row.destinationTransportPort;
    if (row.icmpTypeCode === undefined && fromPort !== undefined) row.icmpTypeCode = fromPort;
    delete row.sourceTransportPort;
    delete row.destinationTransportPort;
  }
  return row;
}

/** With two protocols the record tells of two headers: then only counters may repeat. */
function ofOuterHeader(record: readonly Written[]): Written[] {
  if (record.filter(({ name }) => name === "protocolIdentifier").length < 2) return [...record];
  return record.filter(
    ({ element, name }, i) =>
      record.findIndex((other) => other.element === element) === i || wideColumns.has(name ?? ""),
  );
}

const wideColumns = new Set<string>(
  coreFields.filter(({ column }) => column === "f64").map(({ name }) => name),
);

/** The table of fields lists a column's elements the best first; a prefix comes behind any address. */
function byRank(a: Written, b: Written): number {
  const rank = ({ element }: Written) => {
    if (element?.type.endsWith("Address")) return element.name.endsWith("Prefix") ? -1 : -2;
    return known.findIndex((one) => one.element === element);
  };
  return rank(a) - rank(b);
}

function readValue(element: InformationElement, value: Uint8Array): number | string {
  const whole = value.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  switch (element.type) {
    case "ipv4Address":
      return [...value].join(".");
    case "ipv6Address":
      return formatAddress(value);
    case "dateTimeSeconds":
      return Number(whole) * 1000;
    case "dateTimeMicroseconds":
    case "dateTimeNanoseconds": {
      if (whole === 0n) return 0;
      const seconds = (whole >> 32n) + (whole >> 32n < 2_208_988_800n ? 1n << 32n : 0n) - 2_208_988_800n;
      return Number(seconds * 1000n + (((whole & 0xffff_ffffn) * 1000n) >> 32n));
    }
    case "biflowDirection":
      return whole === 1n || whole === 2n ? Number(whole) : 0;
    default:
      return Number(whole);
  }
}

const naturalWidths: Partial<Record<string, number>> = {
  ipv4Address: 4,
  ipv6Address: 16,
  dateTimeSeconds: 4,
  dateTimeMilliseconds: 8,
  dateTimeMicroseconds: 8,
  dateTimeNanoseconds: 8,
};
const columnWidths = { u8: 1, u16: 2, u32: 4, f64: 8, address: 16, list: 4 } as const;

/** Their meaning depends on the message, or on other fields. */
const otherwiseTested = new Set(["sysUpTime", "deltaMicroseconds", "highOctet", "lowOctet"]);
const known = coreFields.flatMap((field) =>
  (field.elements as readonly InformationElement[])
    .filter(({ type }) => !otherwiseTested.has(type))
    .map((element) => ({ element, name: field.name as string, width: columnWidths[field.column] })),
);

const seed = Number(process.env.SEED ?? 20_251_009);
test(`the fast reader agrees with the clear one (SEED=${seed})`, () => {
  const random = createRandom(seed);
  for (let round = 0; round < 400; round++) {
    const hasVariable = random(3) === 0;
    const chosen = Array.from({ length: 1 + random(20) }, () => {
      const isUnknown = random(5) === 0;
      const { element, name, width } = known[random(known.length)]!;
      const natural = naturalWidths[element.type];
      const length = isUnknown ? random(9) : (natural ?? 1 + random(width));
      const isVariable = hasVariable && random(3) === 0;
      return isUnknown
        ? {
            element: undefined,
            name: undefined,
            id: 1000 + random(100),
            length,
            isVariable,
            natural: undefined,
          }
        : { element, name, id: element.id, length, isVariable, natural };
    });
    const specified = chosen.map(({ id, element, length, isVariable }): SpecifiedField => {
      const announced = isVariable ? 65_535 : length;
      return element === undefined || element.enterprise === 0
        ? [id, announced]
        : [id, announced, element.enterprise];
    });
    if (chosen.every(({ length, isVariable }) => length === 0 && !isVariable)) continue;
    const records = Array.from({ length: 1 + random(40) }, () =>
      chosen.map(({ element, name, length, isVariable, natural }): Written => {
        const width = isVariable && natural === undefined && length > 0 ? 1 + random(length) : length;
        const isZero = random(4) === 0;
        return { element, name, value: Uint8Array.from({ length: width }, () => (isZero ? 0 : random(256))) };
      }),
    );
    const body = records.map((record) =>
      concat(
        ...record.map(({ value }, i) => (chosen[i]!.isVariable ? variable(value, random(4) === 0) : value)),
      ),
    );
    const trial = createTrial(1 + random(9));
    trial.send(ipfixMessage({}, set(2, template(300, specified)), set(300, ...body)));
    const expected = records.map(readClearly).filter((row) => row !== undefined);
    assert.deepEqual(trial.rows, expected, `round ${round}: ${JSON.stringify(specified)}`);
  }
});

test("integers of every width are read to the nearest double", () => {
  for (let width = 1; width <= 16; width++) {
    const value = (1n << BigInt(Math.min(width, 8) * 8)) - 1n;
    const trial = createTrial();
    trial.send(
      ipfixMessage(
        {},
        set(
          2,
          template(300, [
            [1, width],
            [8, 4],
          ]),
        ),
        set(300, unsigned(value, width), unsigned(1, 4)),
      ),
    );
    assert.equal(trial.rows[0]?.octetDeltaCount, Number(value), `${width} bytes`);
  }
});
