import assert from "node:assert/strict";
import { test } from "node:test";
import { type Field, fields, reverseEnterpriseNumber } from "./fields.ts";

const elements = fields.flatMap((field: Field) => field.elements);

test("no two fields have one name, no two labels read alike", () => {
  assert.equal(new Set(fields.map(({ name }) => name)).size, fields.length);
  assert.equal(new Set(fields.map(({ label }) => label)).size, fields.length);
});

test("an information element is written into one column only", () => {
  const keys = elements.map(({ enterprise, id }) => `${enterprise}/${id}`);
  assert.deepEqual([...new Set(keys)], keys);
  assert.equal(new Set(elements.map(({ name }) => name)).size, elements.length);
});

/** From the IANA IPFIX registry. */
const registered: Readonly<Record<string, number>> = {
  octetDeltaCount: 1,
  packetDeltaCount: 2,
  protocolIdentifier: 4,
  ipClassOfService: 5,
  tcpControlBits: 6,
  sourceTransportPort: 7,
  sourceIPv4Address: 8,
  ingressInterface: 10,
  destinationTransportPort: 11,
  destinationIPv4Address: 12,
  egressInterface: 14,
  bgpSourceAsNumber: 16,
  bgpDestinationAsNumber: 17,
  flowEndSysUpTime: 21,
  flowStartSysUpTime: 22,
  sourceIPv6Address: 27,
  destinationIPv6Address: 28,
  icmpTypeCodeIPv4: 32,
  samplingInterval: 34,
  vlanId: 58,
  flowDirection: 61,
  flowEndReason: 136,
  icmpTypeCodeIPv6: 139,
  observationDomainId: 149,
  flowStartSeconds: 150,
  flowEndSeconds: 151,
  flowStartMilliseconds: 152,
  flowEndMilliseconds: 153,
  flowStartMicroseconds: 154,
  flowEndMicroseconds: 155,
  flowStartNanoseconds: 156,
  flowEndNanoseconds: 157,
  collectionTimeMilliseconds: 258,
};

test("elements have the numbers that IANA gave them", () => {
  const ours = elements.filter(({ enterprise }) => enterprise === 0);
  assert.deepEqual(Object.fromEntries(ours.map(({ name, id }) => [name, id])), registered);
});

test("reverse elements repeat the number of their forward one under RFC 5103's enterprise", () => {
  const reverse = elements.filter(({ enterprise }) => enterprise !== 0);
  assert.equal(reverseEnterpriseNumber, 29305);
  assert.deepEqual(
    reverse.map(({ name, id, enterprise }) => [name, id, enterprise]),
    [
      ["reverseOctetDeltaCount", 1, 29305],
      ["reversePacketDeltaCount", 2, 29305],
    ],
  );
});

test("times are read as the element's name says, addresses into address columns", () => {
  for (const field of fields as readonly Field[]) {
    for (const { name, type } of field.elements) {
      const unit = /(SysUpTime|Seconds|Milliseconds|Microseconds|Nanoseconds)$/.exec(name)?.[1];
      if (unit === "SysUpTime") assert.equal(type, "sysUpTime", name);
      else if (unit !== undefined) assert.equal(type, `dateTime${unit}`, name);
      assert.equal(field.column === "address", /^ipv[46]Address$/.test(type), name);
    }
  }
});

test("counters and times are wide enough for 64 bits' worth of use", () => {
  for (const field of fields as readonly Field[])
    if (field.unit === "bytes" || field.unit === "packets" || field.unit === "milliseconds")
      assert.equal(field.column, "f64", field.name);
});
