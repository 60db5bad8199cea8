import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { differences, rendered } from "../deploy/grafana/render.ts";
import { parseFilter } from "../src/query/index.ts";
import { parseView } from "../web/src/view.ts";
import {
  chartsOf,
  type DashboardJson,
  grafanaFolder,
  type PanelJson,
  readDashboards,
  substitute,
  variablesIn,
} from "./grafana-panels.ts";
import { temporaryFolder } from "./program.ts";
import { missing } from "./prometheus-process.ts";

const sets = { prometheus: readDashboards("."), infinity: readDashboards("infinity") };
const all = [...sets.prometheus, ...sets.infinity];

/** Of Grafana itself. */
const builtIn = new Set([
  ...[
    "__from",
    "__to",
    "__range",
    "__range_s",
    "__interval",
    "__rate_interval",
    "__data",
    "__field",
    "__all",
  ],
]);

const forEachChart = (visit: (panel: PanelJson, dashboard: DashboardJson, where: string) => void) => {
  for (const dashboard of all)
    for (const panel of chartsOf(dashboard))
      visit(panel, dashboard, `${dashboard.uid} ${panel.id} ${panel.title}`);
};

test("what is committed is what the source renders", () => {
  assert.deepEqual(differences(), [], "node deploy/grafana/render.ts writes them");
});

test("uids, titles and ids of panels are each one's own, and fixed", () => {
  for (const field of ["uid", "title"] as const)
    assert.equal(new Set(all.map((one) => one[field])).size, all.length);
  for (const { id, uid, panels, schemaVersion, tags } of all) {
    assert.equal(id, null, "a dashboard that is provisioned has no id");
    assert.match(uid, /^portolan-[a-z-]{1,30}$/);
    assert.ok(schemaVersion >= 36 && schemaVersion <= 42, "classic JSON");
    assert.ok(tags.includes("portolan"), "links between dashboards go by the tag");
    const ids = panels.map((panel) => panel.id);
    assert.equal(new Set(ids).size, ids.length, uid);
    assert.ok(ids.every((one) => Number.isInteger(one) && one > 0));
  }
});

test("panels do not overlap, stay within 24 columns, and say what they show", () => {
  for (const { uid, panels } of all) {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      const { x, y, w, h } = gridPos;
      assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= 24, `${uid} ${title}`);
      for (let row = y; row < y + h; row++)
        for (let column = x; column < x + w; column++) {
          const key = `${column} ${row}`;
          assert.equal(taken.get(key), undefined, `${uid}: ${title} is over ${taken.get(key)}`);
          taken.set(key, title);
        }
    }
  }
  forEachChart(({ description = "", title }, _dashboard, where) => {
    assert.ok(title.length > 0 && description.length > 10, where);
  });
});

test("what is on or off says so in a word, and off is red", () => {
  const isState = (expr: string) => /^m(in|ax)\b.*_(up|denied)\{/.test(expr);
  let count = 0;
  forEachChart(({ type, targets = [], fieldConfig }, _dashboard, where) => {
    const states = targets.filter(({ expr = "" }) => isState(expr));
    if (states.length === 0) return;
    count += states.length;
    const { defaults, overrides } = fieldConfig!;
    const mappings = [
      ...(defaults.mappings ?? []),
      ...overrides.flatMap(({ properties }) =>
        properties
          .filter(({ id }) => id === "mappings")
          .flatMap(({ value }) => value as typeof defaults.mappings & {}),
      ),
    ];
    assert.equal(mappings.length, states.length, `${where}: a mapping for each`);
    for (const { options } of mappings)
      assert.deepEqual(
        Object.values(options)
          .map(({ color }) => color)
          .sort(),
        ["green", "red"],
        where,
      );
    if (type === "stat")
      assert.equal(defaults.thresholds!.steps[0]!.color, "red", `${where}: below its threshold`);
  });
  assert.equal(count, 8);
});

test("data sources are variables, and every variable that is asked for is there and asked for", () => {
  for (const dashboard of all) {
    const variables = dashboard.templating.list;
    const names = new Set(variables.map(({ name }) => name));
    assert.equal(names.size, variables.length);
    const text = JSON.stringify([dashboard.panels, dashboard.links, variables]);
    for (const name of variablesIn(text))
      assert.ok(names.has(name) || builtIn.has(name), `${dashboard.uid}: $${name} is nobody's`);
    for (const { name } of variables)
      assert.ok(variablesIn(text).includes(name), `${dashboard.uid}: $${name} changes nothing`);
  }
  forEachChart(({ datasource, targets = [] }, { templating }, where) => {
    const variable = templating.list.find(({ name }) => datasource?.uid === `\${${name}}`);
    assert.equal(variable?.type, "datasource", where);
    assert.equal(variable?.query, datasource?.type, where);
    assert.ok(targets.length > 0, where);
    const ids = targets.map(({ refId }) => refId);
    assert.equal(new Set(ids).size, ids.length, `${where}: two queries of one name`);
  });
  for (const { templating } of all)
    for (const { name, type, datasource } of templating.list)
      if (type === "query") assert.equal(datasource?.uid, "${DS_PROMETHEUS}", name);
});

test("every dashboard fits: 200 kB, its ConfigMap what the sidecar and kubectl take", () => {
  const files = [...rendered()].filter(([file]) => file.endsWith(".yaml") && file.includes("configmaps/"));
  assert.equal(files.length, all.length);
  for (const [file, text] of files) {
    assert.ok(text.length < 200_000, `${file}: ${text.length}`);
    const { kind, metadata, data } = parse(text) as {
      kind: string;
      metadata: { name: string; labels: Record<string, string>; annotations: Record<string, string> };
      data: Record<string, string>;
    };
    assert.equal(kind, "ConfigMap");
    assert.equal(metadata.labels.grafana_dashboard, "1");
    assert.equal(metadata.annotations.grafana_folder, "Network");
    assert.deepEqual(Object.keys(data), [`${metadata.name}.json`]);
    const dashboard = all.find(({ uid }) => uid === metadata.name);
    assert.deepEqual(JSON.parse(Object.values(data)[0]!), dashboard);
  }
});

test("Prometheus: what is at one moment is over the whole range, what is over time is by the step", () => {
  for (const dashboard of sets.prometheus) {
    for (const { title, targets = [], type } of chartsOf(dashboard)) {
      for (const { expr = "", instant, range } of targets) {
        const where = `${dashboard.uid} ${title}: ${expr}`;
        assert.notEqual(instant === true, range === true, where);
        if (range === true) assert.doesNotMatch(expr, /\[\$__range\]/, where);
        if (["timeseries", "heatmap"].includes(type)) assert.equal(range, true, where);
        assert.doesNotMatch(expr, /rate\([^()]*_total\{[^}]*\}\)|\[\d+[smh]\]/, `${where}: a fixed window`);
        assert.match(expr, /job=~"\$job"/, `${where}: of every Portolan`);
      }
    }
  }
});

test("node graphs: the traps of the panel", () => {
  let count = 0;
  forEachChart(({ type, targets = [], transformations = [], options }, _dashboard, where) => {
    if (type !== "nodeGraph") return;
    count++;
    // Frames are told apart by these names, exactly; of several only the first would be taken.
    assert.deepEqual(targets.map(({ refId }) => refId).sort(), ["edges", "nodes"], where);
    assert.equal(options?.layoutAlgorithm, "force", where);
    // Joining both queries into one frame, or renaming what is only displayed, loses the fields that the panel asks for.
    for (const { id, filter } of transformations) {
      assert.equal(id, "calculateField", where);
      assert.equal(filter?.id, "byRefId", where);
    }
    for (const { expr, format, instant, url_options, columns = [], refId } of targets) {
      if (expr !== undefined) {
        assert.equal(format, "table", where);
        assert.equal(instant, true, where);
        assert.match(expr, /topk\(100, /, `${where}: 100 edges have 200 ends at most`);
      } else {
        assert.equal(format, `node-graph-${refId}`, where);
        assert.deepEqual(
          url_options?.params.find(({ key }) => key === "limit"),
          { key: "limit", value: "200" },
        );
        const names = columns.map(({ text }) => text);
        const wanted = refId === "nodes" ? ["id", "title", "fixedx", "fixedy"] : ["id", "source", "target"];
        for (const name of wanted) assert.ok(names.includes(name), `${where}: ${name}`);
        // Positions are taken when both are there.
        assert.equal(names.includes("fixedx"), names.includes("fixedy"), where);
      }
    }
    // The nodes' query draws the ends of the very edges that are drawn: the one is in the other.
    const [edges, nodes] = ["edges", "nodes"].map(
      (name) => targets.find(({ refId }) => refId === name)?.expr,
    );
    const top = /topk\(100, clamp_min\(sum by .*?, 1\)\)/.exec(edges ?? "")?.[0];
    if (edges !== undefined) assert.ok(top !== undefined && nodes!.includes(top), where);
  });
  assert.ok(count >= 3);
});

test("links lead to a view of Portolan's page, with a filter that it takes, and between the dashboards", () => {
  let count = 0;
  const check = (url: string, where: string) => {
    const values = {
      portolan: "http://127.0.0.1:8080",
      __from: "1700000000000",
      __to: "1700000900000",
      filter: "port%3A443",
    };
    const filled = substitute(url, values)
      .replaceAll(/\$\{__data\.fields\["(\w+)[^"]*"\]:percentencode\}/g, (_, name) => exampleOf(name))
      .replaceAll(/\$\{__field\.labels\.(\w+):percentencode\}/g, (_, name) => exampleOf(name));
    assert.ok(!filled.includes("$"), `${where}: ${filled}`);
    const { searchParams, search, pathname } = new URL(filled);
    assert.equal(pathname, "/");
    const view = parseView(search);
    assert.deepEqual(view.range, { kind: "between", from: 1_700_000_000_000, to: 1_700_000_900_000 }, where);
    if (searchParams.has("group")) assert.equal(view.group, searchParams.get("group"), where);
    if (searchParams.has("view")) assert.equal(view.pane, searchParams.get("view"), where);
    if (searchParams.has("exporter"))
      assert.deepEqual(view.selection, { kind: "exporter", id: "192.0.2.1" }, where);
    if (view.filter !== "") {
      const parsed = parseFilter(view.filter, view.pane === "flows" ? "flows" : "links");
      assert.equal(parsed.error?.message, undefined, `${where}: ${view.filter}`);
    }
    count++;
  };
  for (const dashboard of all) {
    const toPage = dashboard.links.filter(({ url }) => url !== undefined && url !== "");
    assert.equal(toPage.length, 1, dashboard.uid);
    check(toPage[0]!.url!, dashboard.uid);
  }
  forEachChart(({ fieldConfig }, _dashboard, where) => {
    for (const { url } of fieldConfig?.defaults.links ?? []) check(url, where);
  });
  assert.ok(count > 30, `${count} links`);
});

/** A value of such a field, as it is in a URL. */
function exampleOf(name: string): string {
  if (/addr|exporter|address|Exporter|Source|Destination/.test(name)) return "192.0.2.1";
  if (/network/.test(name)) return "office%20lan";
  return name === "asn" ? "64500" : name === "country" ? "CH" : "a%20b";
}

test("a filter that somebody writes means the same beside a panel's own terms", () => {
  const texts = sets.infinity.map((dashboard) => JSON.stringify(dashboard.panels)).join();
  const filters = [...texts.matchAll(/"key":"filter","value":"([^"]*)"/g)].map(([, filter]) => filter!);
  assert.ok(filters.length > 10);
  for (const filter of filters) {
    if (filter !== "${filter}") assert.match(filter, / \(\$\{filter\}\)$/);
    for (const written of ["", "port:443 OR port:80"])
      assert.equal(parseFilter(filter.replace("${filter}", written)).error, undefined, filter);
  }
});

test("promtool parses every query", async (t) => {
  const lacking = missing("promtool");
  if (lacking !== undefined) return t.skip(lacking);
  const values = {
    ...{ job: ".*", namespace: ".*", exporter: ".*", direction: ".*", known: "1d" },
    ...{ __range: "3600s", __rate_interval: "1m", __interval: "15s" },
  };
  const rules = sets.prometheus.flatMap((dashboard) =>
    chartsOf(dashboard).flatMap(({ id, targets = [] }) =>
      targets.map(({ refId, expr = "" }) => ({
        record: `${dashboard.uid}_${id}_${refId}`.replaceAll("-", "_"),
        expr: substitute(expr, values),
      })),
    ),
  );
  const file = join(temporaryFolder(t), "queries.yaml");
  writeFileSync(file, stringify({ groups: [{ name: "queries", rules }] }, { lineWidth: 0 }));
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", file], { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, new RegExp(`${rules.length} rules found`));
});

test("metrics that dashboards and rules ask for are all written down in the reference", () => {
  const reference = ["metrics.md", "exporters.md", "agent.md"]
    .map((file) => readFileSync(join(grafanaFolder, "../../docs/reference", file), "utf8"))
    .join("\n");
  const asked =
    JSON.stringify(sets.prometheus) + readFileSync(join(grafanaFolder, "rules/portolan.yaml"), "utf8");
  const names = new Set(asked.match(/(?<![\w:])(?:portolan_|flow_bytes|flow_packets)\w*(?=[{[ ,)])/g));
  assert.ok(names.size > 40);
  const lacking = [...names].filter((name) => !reference.includes(name.replace(/_(bucket|sum|count)$/, "")));
  assert.deepEqual(lacking, []);
});
