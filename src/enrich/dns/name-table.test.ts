import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../flow/index.ts";
import { NameTable } from "./name-table.ts";

const config = { namesMax: 3, floorSeconds: 60, ceilingSeconds: 1000 };
const web = parseAddress("192.0.2.1")!;
const mail = parseAddress("2001:db8::25")!;

test("an address has the name it was looked up by, in its namespace and anywhere", () => {
  const names = new NameTable(config);
  assert.equal(names.remember(1, web, 0, "a.example", 100, 0), true);
  assert.equal(names.nameOf(web, 0, 50, 1), "a.example");
  assert.equal(names.nameOf(web, 0, 50, 2), "", "another namespace did not ask");
  assert.equal(names.nameOf(web, 0, 50), "a.example");
  assert.equal(names.nameOf(mail, 0, 50), "");
});

test("the last name counts, and only another name is news", () => {
  const names = new NameTable(config);
  names.remember(1, web, 0, "a.example", 100, 0);
  assert.equal(names.remember(1, web, 0, "a.example", 100, 10), false);
  assert.equal(names.remember(2, web, 0, "b.example", 100, 20), true);
  assert.deepEqual(
    [1, 2, undefined].map((ns) => names.nameOf(web, 0, 21, ns)),
    ["a.example", "b.example", "b.example"],
  );
  assert.equal(names.count, 2);
});

test("a name lasts as long as its time to live, within a floor and a ceiling", () => {
  const lasts = (ttl: number) => {
    const names = new NameTable(config);
    names.remember(1, web, 0, "a.example", ttl, 0);
    return [59, 60, 61, 500, 501, 1000, 1001].filter((second) => names.nameOf(web, 0, second) !== "").at(-1);
  };
  assert.deepEqual([lasts(0), lasts(500), lasts(1e9)], [60, 500, 1000]);
});

test("beyond the bound the one learned longest ago goes; a sweep takes what is too old", () => {
  const names = new NameTable(config);
  for (const [i, octet] of [1, 2, 3, 1, 4].entries())
    names.remember(1, parseAddress(`192.0.2.${octet}`)!, 0, `${octet}.example`, octet * 100, i);
  assert.deepEqual(
    [1, 2, 3, 4].map((octet) => names.nameOf(parseAddress(`192.0.2.${octet}`)!, 0, 10)),
    ["1.example", "", "3.example", "4.example"],
  );
  names.sweep(350);
  assert.equal(names.count, 1);
});
