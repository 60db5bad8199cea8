import assert from "node:assert/strict";
import { test } from "node:test";
import { elementKey } from "./element.ts";
import { compileTemplate, variableLength } from "./template.ts";

const compile = (isOptions: boolean, ...fields: readonly (readonly [id: number, length: number])[]) =>
  compileTemplate(
    300,
    isOptions,
    fields.map(([id, length]) => ({ key: elementKey(0, id), length })),
    new Uint8Array(),
  );
const unknown = 9999;
const noLength = Array.from({ length: 500 }, () => [unknown, 0] as const);

test("a record has no more steps than bytes, however many fields have no length", () => {
  assert.equal(compile(true, [34, 1], ...noLength, [82, 8], [83, 8])?.steps.length, 2);
  assert.equal(compile(false, [1, variableLength], ...noLength, [unknown, 3], [unknown, 4])?.steps.length, 2);
  assert.equal(compile(false, [1, 4], ...noLength)?.steps.length, 1);
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
