import assert from "node:assert/strict";
import { test } from "node:test";
import { filterOfClick } from "./filter-click.ts";

const held = { altKey: false, shiftKey: false };

test("a click with Shift filters in, with Alt out, without either it is no matter of the filter", () => {
  assert.equal(filterOfClick("a", "port:1 protocol:tcp", held), undefined);
  assert.equal(filterOfClick("a OR b", "port:1", { ...held, shiftKey: true }), "(a OR b) port:1");
  assert.equal(filterOfClick("", "a b", { ...held, altKey: true }), "-(a b)");
  assert.equal(filterOfClick("a", "", { ...held, altKey: true }), undefined);
});
