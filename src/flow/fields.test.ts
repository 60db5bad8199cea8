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

test("reverse elements repeat the number of their forward one under RFC 5103's enterprise", () => {
  const reverse = elements.filter(({ enterprise }) => enterprise !== 0);
  assert.equal(reverseEnterpriseNumber, 29305);
  assert.deepEqual(
    reverse.map(({ name, id, enterprise }) => [name, id, enterprise]),
    [
      ["reverseOctetDeltaCount", 1, 29305],
      ["reversePostOctetDeltaCount", 23, 29305],
      ["reverseOctetTotalCount", 85, 29305],
      ["reverseLayer2OctetDeltaCount", 352, 29305],
      ["reversePacketDeltaCount", 2, 29305],
      ["reversePostPacketDeltaCount", 24, 29305],
      ["reversePacketTotalCount", 86, 29305],
      ["reverseTcpControlBits", 6, 29305],
      ["reverseIpClassOfService", 5, 29305],
    ],
  );
});

test("times are read as the element's name says, addresses into address columns", () => {
  for (const field of fields as readonly Field[]) {
    for (const { name, type } of field.elements) {
      if (type === "deltaMicroseconds") {
        assert.match(name, /DeltaMicroseconds$/);
        continue;
      }
      const unit = /(SysUpTime|Seconds|Milliseconds|Microseconds|Nanoseconds)$/.exec(name)?.[1];
      if (unit === "SysUpTime") assert.equal(type, "sysUpTime", name);
      else if (unit !== undefined) assert.equal(type, `dateTime${unit}`, name);
      assert.equal(field.column === "address", /^ipv[46]Address$/.test(type), name);
    }
  }
});

test("what counts since the flow's start is told from what counts since its last record", () => {
  for (const { name, type } of elements) assert.equal(type === "total", /TotalCount$/.test(name), name);
});

test("of the elements of a column the plain one is the best: what an exporter sends before what may stand in", () => {
  const best = (name: string) => fields.find((field) => field.name === name)?.elements[0]?.id;
  for (const [name, id] of [
    ["octetDeltaCount", 1],
    ["packetDeltaCount", 2],
    ["reverseOctetDeltaCount", 1],
    ["reversePacketDeltaCount", 2],
    ["sourceAddress", 8],
    ["vlanId", 58],
  ] as const)
    assert.equal(best(name), id, name);
});

test("counters and times are wide enough for 64 bits' worth of use", () => {
  for (const field of fields as readonly Field[])
    if (field.unit === "bytes" || field.unit === "packets" || field.unit === "milliseconds")
      assert.equal(field.column, "f64", field.name);
});
