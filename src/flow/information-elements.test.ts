import assert from "node:assert/strict";
import { test } from "node:test";
import { type ElementType, type Field, fields, reverseEnterpriseNumber } from "./fields.ts";
import {
  type AbstractDataType,
  abstractDataTypes,
  findInformationElement,
  findInformationElementByName,
  informationElements,
} from "./information-elements.ts";

const ids = informationElements.map(([, id]) => id as number);

test("ids ascend, so no two elements have one; no two have one name", () => {
  for (const [index, id] of ids.entries()) {
    if (index > 0) assert.ok(id > ids[index - 1]!, `${id} after ${ids[index - 1]}`);
  }
  const names = informationElements.map(([name]) => name);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[A-Za-z][A-Za-z0-9]*$/);
});

test("every abstract data type is one of the closed list, which is in the order of IANA's numbers", () => {
  const known = new Set<string>(abstractDataTypes);
  for (const [name, , type] of informationElements) assert.ok(known.has(type), `${name}: ${type}`);
  // RFC 5610 §3.1, RFC 9740 §8.3.1.
  const numbers = {
    octetArray: 0,
    unsigned64: 4,
    signed64: 8,
    boolean: 11,
    ipv4Address: 18,
    unsigned256: 23,
  };
  for (const [type, number] of Object.entries(numbers)) assert.equal(abstractDataTypes[number], type);
});

test("only the ids that IANA left without a name are missing", () => {
  const present = new Set(ids);
  const missing = Array.from({ length: 534 }, (_, id) => id).filter((id) => !present.has(id));
  const compatibility = [65, 66, 67, 68, 69, 97, ...Array.from({ length: 23 }, (_, index) => 105 + index)];
  assert.deepEqual(missing, [0, ...compatibility, 416, 419]);
  assert.equal(ids.length, 502);
  assert.equal(ids.at(-1), 533);
});

/** A few of every range, by the RFC that brought them. */
const spots: readonly (readonly [string, number, AbstractDataType, string?])[] = [
  // RFC 5102
  ["octetDeltaCount", 1, "unsigned64", "octets"],
  ["sourceIPv4Address", 8, "ipv4Address"],
  ["flowEndSysUpTime", 21, "unsigned32", "milliseconds"],
  ["sourceMacAddress", 56, "macAddress"],
  ["interfaceName", 82, "string"],
  ["mplsTopLabelStackSection", 70, "octetArray"],
  ["destinationIPv6Address", 28, "ipv6Address"],
  ["flowEndReason", 136, "unsigned8"],
  ["flowStartSeconds", 150, "dateTimeSeconds", "seconds"],
  ["flowEndNanoseconds", 157, "dateTimeNanoseconds", "nanoseconds"],
  ["ipTTL", 192, "unsigned8", "hops"],
  // RFC 5103, RFC 5655, RFC 6313
  ["biflowDirection", 239, "unsigned8"],
  ["collectionTimeMilliseconds", 258, "dateTimeMilliseconds", "milliseconds"],
  ["basicList", 291, "basicList"],
  ["subTemplateList", 292, "subTemplateList"],
  ["subTemplateMultiList", 293, "subTemplateMultiList"],
  // RFC 5477, RFC 5610, RFC 7270
  ["selectorId", 302, "unsigned64"],
  ["samplingProbability", 311, "float64"],
  ["hashDigestOutput", 333, "boolean"],
  ["informationElementDataType", 339, "unsigned8"],
  ["forwardingStatus", 89, "unsigned32"],
  // RFC 8038, RFC 8158, RFC 8549, RFC 9487, RFC 9740
  ["mibObjectValueInteger", 434, "signed32"],
  ["natInstanceID", 463, "unsigned32"],
  ["bgpCommunity", 483, "unsigned32"],
  ["srhFlagsIPv6", 492, "unsigned8"],
  ["srhActiveSegmentIPv6", 495, "ipv6Address"],
  ["srhSegmentIPv6EndpointBehavior", 502, "unsigned16"],
  ["tcpOptionsFull", 520, "unsigned256"],
  // Deprecated, still sent in NetFlow v9's option data
  ["samplerId", 48, "unsigned8"],
  ["samplerName", 84, "string"],
];

test("elements are found by id and by name", () => {
  for (const [name, id, type, unit] of spots) {
    const expected = unit === undefined ? { name, id, type } : { name, id, type, unit };
    assert.deepEqual(findInformationElement(id), expected);
    assert.deepEqual(findInformationElementByName(name), expected);
  }
  for (const [name, id] of informationElements)
    assert.equal(findInformationElement(id), findInformationElementByName(name));
});

test("what is not in the registry is not found", () => {
  for (const id of [-1, 0, 97, 416, 534, 0x8001, 1.5, Number.NaN])
    assert.equal(findInformationElement(id), undefined);
  for (const name of ["", "octetdeltacount", "reverseOctetDeltaCount", "constructor"])
    assert.equal(findInformationElementByName(name), undefined);
});

test("times and durations have the unit that their name ends in", () => {
  for (const [name, id, type, unit] of informationElements) {
    const scale = /(milli|micro|nano)?seconds$/i.exec(name)?.[0].toLowerCase();
    if (type.startsWith("dateTime")) assert.equal(type.toLowerCase(), `datetime${scale}`, name);
    // RFC 9951 registered the path delays, 530 to 533, without a unit.
    if (scale !== undefined) assert.equal(unit, id >= 530 ? undefined : scale, name);
  }
});

/** What a decoder of `fields` may read each of its types from. */
const readFrom: Readonly<Record<ElementType, RegExp>> = {
  unsigned: /^(unsigned(8|16|32|64)|boolean|macAddress)$/,
  total: /^unsigned64$/,
  highOctet: /^unsigned8$/,
  lowOctet: /^unsigned8$/,
  biflowDirection: /^unsigned8$/,
  mplsLabel: /^octetArray$/,
  ipv4Address: /^ipv4Address$/,
  ipv6Address: /^ipv6Address$/,
  dateTimeSeconds: /^dateTimeSeconds$/,
  dateTimeMilliseconds: /^dateTimeMilliseconds$/,
  dateTimeMicroseconds: /^dateTimeMicroseconds$/,
  dateTimeNanoseconds: /^dateTimeNanoseconds$/,
  sysUpTime: /^unsigned32$/,
  deltaMicroseconds: /^unsigned32$/,
};

test("the elements of the table of fields agree with the registry", () => {
  for (const { name, id, enterprise, type } of fields.flatMap((field: Field) => field.elements)) {
    if (enterprise !== 0 && enterprise !== reverseEnterpriseNumber) continue;
    const registered = findInformationElement(id);
    assert.ok(registered, name);
    assert.equal(name, enterprise === 0 ? registered.name : reverseName(registered.name));
    assert.match(registered.type, readFrom[type], name);
  }
});

/** RFC 5103 §6.1: "reverse" before the name, whose first letter becomes a capital. */
const reverseName = (name: string) => `reverse${name[0]!.toUpperCase()}${name.slice(1)}`;
