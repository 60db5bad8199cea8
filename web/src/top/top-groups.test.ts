import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilter } from "../../../src/query/index.ts";
import { topGroupings } from "./top-groups.ts";

test("what a click on a group puts into the filter is a filter, also of what has no name", () => {
  for (const [name, { by, heads, term }] of Object.entries(topGroupings)) {
    assert.equal(by.length, heads.length, name);
    for (const group of [
      by.map(() => "7"),
      by.map((each) => (each === "observer" ? "exporter:192.0.2.1" : "7")),
    ])
      assert.equal(parseFilter(term(group), "links").error, undefined, `${name}: ${term(group)}`);
  }
  const { term } = topGroupings.interface;
  assert.equal(
    term(["exporter:192.0.2.1", "3", ""]),
    "observer:exporter:192.0.2.1 client.interface:3 server.interface:0",
  );
  assert.equal(parseFilter(term(["agent:web-1", "", ""]), "links").error, undefined);
});
