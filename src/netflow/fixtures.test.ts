import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { coreFields } from "../flow/index.ts";
import { createTrial, type Row, readFixtures } from "./testdata/decode.ts";

/** Every `name.hex` of testdata (a datagram per line) decodes, with details, to its `name.json`. UPDATE=1 rewrites them; read the diff. */
for (const { name, datagrams } of readFixtures()) {
  test(name, () => {
    const trial = createTrial(7, {}, true);
    for (const datagram of datagrams) trial.send(datagram);
    const { rows, drops, interfaces } = trial;
    const actual = interfaces.length === 0 ? { rows, drops } : { rows, drops, interfaces };
    const path = `${import.meta.dirname}/testdata/${name}.json`;
    if (process.env.UPDATE === "1") writeFileSync(path, `${JSON.stringify(actual, null, 1)}\n`);
    assert.deepEqual(actual, JSON.parse(readFileSync(path, "utf8")));
  });

  test(`${name} has the same core fields without details`, () => {
    const [detailed, plain] = [createTrial(7, {}, true), createTrial(3)];
    for (const datagram of datagrams) {
      assert.deepEqual(plain.send(datagram), detailed.send(datagram));
    }
    assert.deepEqual(plain.rows, detailed.rows.map(withoutDetails));
    assert.deepEqual(plain.messages, detailed.messages);
    assert.deepEqual(plain.drops, detailed.drops);
  });

  test(`${name}, cut anywhere, gives its first records and a drop for the rest`, () => {
    for (const [index, datagram] of datagrams.entries()) {
      const rowsByLength = new Map<number, number>();
      const whole = createTrial();
      for (const earlier of datagrams.slice(0, index + 1)) whole.send(earlier);
      for (let length = 0; length < datagram.length; length++) {
        const cut = createTrial();
        for (const earlier of datagrams.slice(0, index)) cut.send(earlier);
        const dropsBefore = sum(cut.drops);
        cut.send(datagram.subarray(0, length));
        rowsByLength.set(length, cut.rows.length);
        assert.deepEqual(cut.rows, whole.rows.slice(0, cut.rows.length), `cut to ${length}`);
        const isDropped = sum(cut.drops) > dropsBefore;
        if (!endsWithWholeSet(datagram, length))
          assert.ok(isDropped, `cut to ${length}: nothing is reported`);
      }
    }
  });
}

const coreNames = new Set<string>(coreFields.map(({ name }) => name));

function withoutDetails(row: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => coreNames.has(name)));
}

/** Where a cut cannot be told from a shorter message: between the sets of v9, between messages, and among zeros. */
function endsWithWholeSet(datagram: Uint8Array, length: number): boolean {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const isZero = (start: number, end: number) => datagram.subarray(start, end).every((byte) => byte === 0);
  const version = length < 2 ? 0 : view.getUint16(0);
  if (version === 10) {
    let offset = 0;
    while (offset + 4 <= length && view.getUint16(offset) === 10) offset += view.getUint16(offset + 2);
    return offset === length || (offset < length && isZero(offset, length));
  }
  if (version !== 9 || length < 20) return false;
  let offset = 20;
  while (offset + 4 <= length && view.getUint16(offset + 2) >= 4) offset += view.getUint16(offset + 2);
  return offset === length || (offset < length && isZero(offset, length));
}

function sum(drops: Readonly<Record<string, number>>): number {
  return Object.values(drops).reduce((total, count) => total + count, 0);
}
