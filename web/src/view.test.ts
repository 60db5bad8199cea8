import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultView, formatView, parseView, type View } from "./view.ts";

const views: View[] = [
  defaultView,
  { ...defaultView, range: { kind: "last", span: "6h" }, filter: 'name:"a b" -port:53' },
  { ...defaultView, range: { kind: "between", from: 1000, to: 2000 }, group: "network", pane: "links" },
  { ...defaultView, selection: { kind: "link", id: "process:lab/curl>host:2001:db8::1" } },
];

test("a view survives the address bar", () => {
  for (const view of views) assert.deepEqual(parseView(formatView(view)), view);
});

test("the default view leaves the address bar clean", () => {
  assert.equal(formatView(defaultView), "");
});

test("values that make no sense are the default", () => {
  for (const search of [
    "?range=3y&group=colour&view=sphere&peer=",
    "?from=2000&to=1000",
    "?from=x&to=1",
    "?from=1",
    "?from=-5&to=1e300",
  ]) {
    assert.deepEqual(parseView(search), defaultView, search);
  }
});

test("a filter of any length is cut to what the server takes", () => {
  assert.equal(parseView(`?filter=${"a".repeat(9000)}`).filter.length, 4000);
});
