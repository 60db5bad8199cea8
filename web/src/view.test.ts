import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultView, formatView, newerVersion, parseView, selectionOn, type View } from "./view.ts";

const views: View[] = [
  defaultView,
  { ...defaultView, range: { kind: "last", span: "6h" }, filter: 'name:"a b" -port:53' },
  { ...defaultView, range: { kind: "between", from: 1000, to: 2000 }, group: "network", pane: "links" },
  { ...defaultView, selection: { kind: "link", id: "process:lab/curl>host:2001:db8::1" } },
  { ...defaultView, only: ["new", "busy"], heaviest: 50, pane: "agents" },
  { ...defaultView, compare: "7d", pane: "top", metric: "failed", by: "country" },
  {
    ...defaultView,
    openness: {
      detail: "closed",
      opened: ["namespace:shop", "more:network:10.0.0.0/8"],
      closed: ["as:DE/3320"],
    },
    pane: "matrix",
    matrix: "member",
    selection: { kind: "peer", id: "workload:shop/Deployment/a,b&c" },
  },
  { ...defaultView, pane: "exporters", selection: { kind: "exporter", id: "2001:db8::1" } },
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
    "?compare=never&metric=love&by=colour&matrix=red&detail=some&open=&v=1",
    `?open=${"x".repeat(2000)}`,
  ]) {
    assert.deepEqual(parseView(search), defaultView, search);
  }
});

test("a filter of any length is cut to what the server takes", () => {
  assert.equal(parseView(`?filter=${"a".repeat(9000)}`).filter.length, 4000);
});

test("a selection counts on the panes that show what it is of", () => {
  const ofMap = { kind: "peer", id: "10.0.0.1" } as const;
  const ofExporters = { kind: "exporter", id: "10.0.0.1" } as const;
  for (const pane of ["map", "links"] as const) {
    assert.deepEqual(selectionOn({ pane, selection: ofMap }), { ofMap });
    assert.deepEqual(selectionOn({ pane, selection: ofExporters }), {});
  }
  assert.deepEqual(selectionOn({ pane: "exporters", selection: ofExporters }), { ofExporters });
  assert.deepEqual(selectionOn({ pane: "exporters", selection: ofMap }), {});
  for (const selection of [ofMap, ofExporters, undefined])
    assert.deepEqual(selectionOn({ pane: "flows", selection }), {});
});

test("an address of a newer version says so; one without a version is of the first", () => {
  assert.equal(newerVersion("?v=7&filter=a"), 7);
  for (const search of ["", "?v=1", "?v=x", "?v=1.5"]) assert.equal(newerVersion(search), undefined, search);
});

test("an address opens a hundred groups at most", () => {
  const search = `?${Array.from({ length: 500 }, (_, i) => `open=g${i}`).join("&")}`;
  assert.equal(parseView(search).openness.opened.length, 100);
});
