import assert from "node:assert/strict";
import { test } from "node:test";
import { type Field, fields } from "./fields.ts";
import { FlowBatch } from "./flow-batch.ts";

const withDetails = { hasDetails: true };
const widthOf = (field: Field) => (field.column === "address" ? 16 : 1);
const emptyOf = (field: Field) => field.empty ?? 0;

/** Every element of a row's fields. */
function elementsOf(batch: FlowBatch, row: number): [string, number][] {
  return fields.flatMap((field: Field) => {
    const column = batch.columns[field.name as keyof FlowBatch["columns"]];
    const width = widthOf(field);
    return [...column.subarray(row * width, (row + 1) * width)].map((value): [string, number] => [
      field.name,
      value,
    ]);
  });
}

const listNames = new Set<string>(fields.filter(({ column }) => column === "list").map(({ name }) => name));
const scalarsOf = (batch: FlowBatch, row: number) =>
  elementsOf(batch, row).filter(([name]) => !listNames.has(name));

function fillRow(batch: FlowBatch, row: number, value: number): void {
  for (const field of fields) {
    if (field.column === "list") continue; // a place, see the tests of lists
    const width = widthOf(field);
    batch.columns[field.name].fill(value, row * width, (row + 1) * width);
  }
}

const emptyRow = fields.flatMap((field) =>
  Array.from({ length: widthOf(field) }, (): [string, number] => [field.name, emptyOf(field)]),
);

test("each field has a column of the batch's capacity, in its own width", () => {
  const batch = new FlowBatch(5, withDetails);
  const bytes = { u8: 1, u16: 2, u32: 4, f64: 8, address: 16, list: 4 };
  for (const field of fields)
    assert.equal(batch.columns[field.name].byteLength, 5 * bytes[field.column], field.name);
});

test("a new row is empty, also where empty is not 0", () => {
  const batch = new FlowBatch(2, withDetails);
  assert.deepEqual(elementsOf(batch, batch.append()), emptyRow);
  assert.equal(batch.columns.flowDirection[0], 255);
});

test("rows are handed out in order up to the capacity; one more is a broken assumption", () => {
  const batch = new FlowBatch(3);
  assert.deepEqual([batch.append(), batch.append(), batch.append()], [0, 1, 2]);
  assert.deepEqual([batch.count, batch.free], [3, 0]);
  assert.throws(() => batch.append(), /broken assumption/);
  assert.equal(batch.count, 3);
});

test("clear empties every field of the used rows, and does not touch the rest", () => {
  const batch = new FlowBatch(4, withDetails);
  batch.append();
  batch.append();
  for (let row = 0; row < 4; row++) fillRow(batch, row, 7);
  batch.clear();
  assert.deepEqual([batch.count, batch.free], [0, 4]);
  assert.deepEqual(elementsOf(batch, 0), emptyRow);
  assert.deepEqual(elementsOf(batch, 1), emptyRow);
  assert.ok(
    scalarsOf(batch, 2).every(([, value]) => value === 7),
    "unused rows cost nothing",
  );
});

test("two batches share no memory", () => {
  const [a, b] = [new FlowBatch(1, withDetails), new FlowBatch(1, withDetails)];
  fillRow(a, a.append(), 9);
  assert.deepEqual(elementsOf(b, b.append()), emptyRow);
});

test("several rows are taken at once, and none when there is no room for all", () => {
  const batch = new FlowBatch(5);
  assert.deepEqual([batch.append(2), batch.append(3), batch.free], [0, 2, 0]);
  batch.truncate(3);
  assert.throws(() => batch.append(3), /broken assumption/);
  assert.equal(batch.count, 3);
});

test("rows that are given back are empty when they are taken again; those before them stay", () => {
  const batch = new FlowBatch(3, withDetails);
  batch.append(3);
  for (let row = 0; row < 3; row++) fillRow(batch, row, 7);
  batch.truncate(1);
  assert.ok(scalarsOf(batch, 0).every(([, value]) => value === 7));
  assert.equal(batch.append(2), 1);
  for (const row of [1, 2]) assert.deepEqual(elementsOf(batch, row), emptyRow);
});

test("a row is copied whole, within a batch and from another, and its neighbours stay", () => {
  const [a, b] = [new FlowBatch(3, withDetails), new FlowBatch(3, withDetails)];
  a.append(3);
  b.append(3);
  fillRow(a, 2, 9);
  b.copyRow(2, 1, a);
  assert.deepEqual(elementsOf(b, 1), elementsOf(a, 2));
  assert.deepEqual([elementsOf(b, 0), elementsOf(b, 2)], [emptyRow, emptyRow]);
  b.copyRow(1, 0);
  assert.deepEqual(elementsOf(b, 0), elementsOf(a, 2));
});

/** Rows 1, 2, 3 and so on, in every field that is not a list. */
function numbered(count: number, options?: typeof withDetails): FlowBatch {
  const batch = new FlowBatch(count, options);
  batch.append(count);
  for (let row = 0; row < count; row++) fillRow(batch, row, row + 1);
  return batch;
}

const rowsOf = (batch: FlowBatch) => Array.from({ length: batch.count }, (_, row) => elementsOf(batch, row));

test("rows are copied together as they would be one by one, and their neighbours stay", () => {
  for (const options of [undefined, withDetails]) {
    const [from, one, together] = [numbered(7, options), numbered(9, options), numbered(9, options)];
    for (let i = 0; i < 4; i++) one.copyRow(2 + i, 4 + i, from);
    together.copyRows(2, 4, 4, from);
    assert.deepEqual(rowsOf(together), rowsOf(one));
    together.copyRows(0, 0, 0, from);
    assert.deepEqual(rowsOf(together), rowsOf(one), "none");
  }
});

test("within a batch, rows are copied as they were, whichever way they overlap", () => {
  for (const [from, to] of [
    [1, 3],
    [3, 1],
  ] as const) {
    const [batch, before] = [numbered(8, withDetails), rowsOf(numbered(8, withDetails))];
    batch.copyRows(from, to, 4);
    const expected = before.toSpliced(to, 4, ...before.slice(from, from + 4));
    assert.deepEqual(rowsOf(batch), expected);
  }
});

test("of a batch with details one without takes the rest, and the other way round", () => {
  const [plain, detailed] = [numbered(2), numbered(2, withDetails)];
  plain.copyRows(0, 1, 1, detailed);
  assert.deepEqual(elementsOf(plain, 1), elementsOf(plain, 0));
  detailed.columns.bgpAsPath[0] = detailed.appendList([64_500]);
  detailed.copyRows(1, 0, 1, plain);
  assert.deepEqual([...detailed.listAt(detailed.columns.bgpAsPath[0])], [64_500]);
  assert.equal(detailed.columns.octetDeltaCount[0], 1);
  assert.equal(detailed.columns.natEvent[0], 1, "as it was");
});

test("a batch without details has columns of no length for them; writing there changes nothing", () => {
  const batch = new FlowBatch(2);
  const row = batch.append();
  for (const field of fields as readonly Field[])
    assert.equal(
      batch.columns[field.name as keyof FlowBatch["columns"]].length === 0,
      field.isDetail === true,
    );
  batch.columns.natEvent[row] = 1;
  assert.equal(batch.columns.natEvent[row], undefined);
  assert.equal(batch.appendList([1, 2]), 0);
  const detailed = new FlowBatch(1, withDetails);
  fillRow(detailed, detailed.append(), 9);
  batch.copyRow(0, 0, detailed);
  assert.equal(batch.columns.octetDeltaCount[0], 9);
});

test("lists are kept beside the rows, go with them into another batch, and leave with the last row", () => {
  const batch = new FlowBatch(1, withDetails);
  const other = new FlowBatch(1, withDetails);
  batch.columns.bgpAsPath[batch.append()] = batch.appendList([64_500, 64_501]);
  other.appendList([1]);
  other.copyRow(0, other.append(), batch);
  assert.deepEqual([...other.listAt(other.columns.bgpAsPath[0]!)], [64_500, 64_501]);
  assert.deepEqual([...batch.listAt(batch.columns.bgpCommunities[0]!)], [], "nobody filled it");
  const place = batch.columns.bgpAsPath[0]!;
  batch.clear();
  assert.equal(batch.appendList([7]), place);
});

test("of several rows each takes its list with it", () => {
  const [batch, other] = [new FlowBatch(3, withDetails), new FlowBatch(3, withDetails)];
  batch.append(3);
  for (const row of [1, 2]) batch.columns.bgpAsPath[row] = batch.appendList([64_500 + row]);
  other.appendList([1]);
  other.copyRows(1, other.append(2), 2, batch);
  const pathsOf = () => Array.from(other.columns.bgpAsPath, (place) => [...other.listAt(place)]);
  assert.deepEqual(pathsOf(), [[64_501], [64_502], []]);
  other.copyRows(0, 1, 2);
  assert.deepEqual(pathsOf(), [[64_501], [64_501], [64_502]]);
  assert.equal(other.columns.bgpAsPath[0], other.columns.bgpAsPath[1], "the one list");
});

test("a list that does not fit is empty", () => {
  const batch = new FlowBatch(1, withDetails);
  assert.equal(batch.appendList(new Array(batch.lists.length).fill(1)), 0);
  assert.notEqual(batch.appendList(new Array(batch.lists.length - 2).fill(1)), 0);
  assert.equal(batch.appendList([1]), 0);
});

test("a batch's memory makes the same batch elsewhere", () => {
  const batch = new FlowBatch(3, withDetails);
  fillRow(batch, batch.append(), 5);
  const copy = new FlowBatch(3, { hasDetails: true, buffer: structuredClone(batch.buffer) });
  assert.deepEqual(elementsOf(copy, 0), elementsOf(batch, 0));
  assert.deepEqual(elementsOf(copy, 1), emptyRow);
});
