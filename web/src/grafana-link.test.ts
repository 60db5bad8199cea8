import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { grafanaLink } from "./grafana-link.ts";
import { panes } from "./view.ts";

const folder = new URL("../../deploy/grafana/dashboards/", import.meta.url);
const uids = readdirSync(folder).map(
  (name) => (JSON.parse(readFileSync(new URL(name, folder), "utf8")) as { uid: string }).uid,
);

test("every view leads to a dashboard that there is", () => {
  for (const pane of panes) {
    const url = new URL(grafanaLink("https://g.example/grafana/", { pane, range: { kind: "live" } }));
    const [, uid = ""] = /^\/grafana\/d\/([^/]+)$/.exec(url.pathname) ?? [];
    assert.ok(uids.includes(uid), `${pane}: ${url}`);
  }
});

test("at the time that is looked at", () => {
  const link = (range: Parameters<typeof grafanaLink>[1]["range"]) =>
    grafanaLink("http://g/", { pane: "map", range });
  assert.equal(link({ kind: "live" }), "http://g/d/portolan-topology?from=now-15m&to=now");
  assert.equal(link({ kind: "last", span: "24h" }), "http://g/d/portolan-topology?from=now-24h&to=now");
  assert.equal(link({ kind: "between", from: 5, to: 9 }), "http://g/d/portolan-topology?from=5&to=9");
});
