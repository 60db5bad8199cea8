import assert from "node:assert/strict";
import { test } from "node:test";
import { LayoutCache } from "./layout-cache.ts";
import { readTemplateAnnouncement } from "./template-set.ts";
import { template as announcement } from "./testdata/messages.ts";

/** Takes a template of so many fields of this length. */
function take(cache: LayoutCache, fieldLength: number, fieldCount = 1, id = 300) {
  const bytes = announcement(
    id,
    Array.from({ length: fieldCount }, () => [1, fieldLength] as const),
  );
  const read = readTemplateAnnouncement(bytes, 0, bytes.length, 10, false);
  assert.ok(typeof read === "object");
  return cache.take(10, bytes, read);
}

test("a layout is one for all ids, and one that nobody asks for falls out", () => {
  const cache = new LayoutCache(4, 100);
  const [one, two] = [take(cache, 1), take(cache, 2)];
  take(cache, 3);
  assert.equal(take(cache, 1, 1, 999), one);
  take(cache, 4);
  assert.equal(take(cache, 1), one);
  assert.notEqual(take(cache, 2), two);
});

test("layouts of many fields are fewer", () => {
  const cache = new LayoutCache(1000, 100);
  const [one, two] = [take(cache, 1, 40), take(cache, 2, 40)];
  take(cache, 3, 40);
  assert.equal(take(cache, 2, 40), two, "two, of 50 fields at most each time");
  assert.notEqual(take(cache, 1, 40), one);
});

test("what is not valid is not kept", () => {
  const cache = new LayoutCache(1);
  const one = take(cache, 1);
  assert.equal(take(cache, 0), undefined);
  assert.equal(take(cache, 1), one);
});
