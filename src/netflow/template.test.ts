import assert from "node:assert/strict";
import { test } from "node:test";
import { elementKey } from "./element.ts";
import { compileLayout, variableLength } from "./template.ts";

const compile = (isOptions: boolean, ...fields: readonly (readonly [id: number, length: number])[]) =>
  compileLayout(
    10,
    isOptions,
    fields.map(([id, length]) => ({ key: elementKey(0, id), length })),
    new Uint8Array(),
  );
const unknown = 9999;
const noLength = Array.from({ length: 500 }, () => [unknown, 0] as const);

test("a record has no more spans than bytes, however many fields have no length", () => {
  assert.deepEqual(compile(true, [34, 1], ...noLength, [unknown, 8], [unknown, 8])?.spans, [1, 16]);
  assert.deepEqual(compile(false, [1, variableLength], ...noLength, [unknown, 3], [unknown, 4])?.spans, [
    variableLength,
    7,
  ]);
  assert.equal(compile(false, [1, 4], ...noLength)?.steps.length, 1);
});

test("of two elements for one column the better is read first, in a tight loop, wherever it stands", () => {
  const steps = compile(false, [23, 8], [85, 8], [1, 8])?.steps;
  assert.deepEqual(
    steps?.map(({ key, offset, read }) => [key, offset, read !== undefined]),
    [
      [1, 16, true],
      [23, 0, false],
    ],
    "and totals are not read beside deltas",
  );
});

test("a column of times is of one kind: Unix before uptime before delta", () => {
  const kinds = (...ids: readonly number[]) => {
    const compiled = compile(false, ...ids.map((id) => [id, id >= 152 && id < 158 ? 8 : 4] as const));
    return [compiled?.startKind, compiled?.steps.length];
  };
  assert.deepEqual(kinds(158, 22, 150, 152), ["unix", 2]);
  assert.deepEqual(kinds(158, 22), ["uptime", 1]);
  assert.deepEqual(kinds(158), ["delta", 1]);
});

test("records of no length cannot be told apart", () => {
  assert.equal(compile(false), undefined);
  assert.equal(compile(false, ...noLength), undefined);
  assert.equal(compile(false, [unknown, variableLength])?.recordLength, 1);
});

test("addresses in another family's length are stepped over", () => {
  const template = compile(false, [8, 16], [27, 4], [12, 4]);
  assert.deepEqual(
    template?.steps.map(({ target, offset }) => [target?.name, offset]),
    [["destinationAddress", 20]],
  );
});

test("bytes stepped over together are never as many as would mean a variable length", () => {
  const spans = compile(
    false,
    [1, variableLength],
    [unknown, variableLength - 1],
    [unknown, 1],
    [unknown, 7],
  )?.spans;
  assert.deepEqual(spans, [variableLength, variableLength - 1, 8]);
});
