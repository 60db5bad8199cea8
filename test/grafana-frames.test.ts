import assert from "node:assert/strict";
import { test } from "node:test";
import { loadGrafanaData, nodeGraphOf, problemsOf, tableFrame, transform } from "./grafana-frames.ts";
import { chartsOf, readDashboards } from "./grafana-panels.ts";

const grafana = loadGrafanaData();
const skip = typeof grafana === "string" ? grafana : false;
const data = grafana as Exclude<typeof grafana, string>;
const dashboards = [...readDashboards("."), ...readDashboards("infinity")];
const map = dashboards
  .find(({ uid }) => uid === "portolan-topology")!
  .panels.find(({ type }) => type === "nodeGraph")!;

const end = (id: string) => ({ id, title: id, subtitle: "shop", detail__kind: "Deployment" });
const nodes = ["a", "b"].map((id) => ({ labels: end(id), value: 1000 }));
const edges = [
  { labels: { id: "a > b", source: "a", target: "b", color: "#8AB8FF" }, value: 1e6 },
  { labels: { id: "b > b", source: "b", target: "b", color: "#F2495C" }, value: 1 },
];
const frames = () => [tableFrame(data, "nodes", nodes, 2), tableFrame(data, "edges", edges, 2)];

test("a value becomes a statistic and a thickness, by names that the panel finds", { skip }, async () => {
  const graph = nodeGraphOf(data, await transform(data, map.transformations!, frames()));
  assert.deepEqual(problemsOf(graph), []);
  assert.deepEqual(graph.node("mainstat"), [1000, 1000]);
  assert.deepEqual(graph.edge("mainstat"), [1e6, 1]);
  const [thick, thin] = graph.edge("thickness") as number[];
  assert.ok(thick! > 7 && thick! < 9 && thin === 1, `${thick} and ${thin} px`);
  assert.deepEqual(graph.edge("color"), ["#8AB8FF", "#F2495C"]);
});

test("the trap: renaming by Organize leaves the field's name, and the panel without its statistic", {
  skip,
}, async () => {
  const organize = (refId: string) => ({
    id: "organize",
    filter: { id: "byRefId", options: refId },
    options: { renameByName: { [`Value #${refId}`]: "mainstat" }, excludeByName: {}, indexByName: {} },
  });
  const graph = nodeGraphOf(data, await transform(data, ["nodes", "edges"].map(organize), frames()));
  assert.equal(graph.node("mainstat"), undefined);
  assert.ok(problemsOf(graph).includes("a node is without a statistic"));
});

test("the trap: merging both queries leaves one frame, and no graph", { skip }, async () => {
  const graph = nodeGraphOf(data, await transform(data, [{ id: "merge", options: {} }], frames()));
  assert.ok(graph.nodes === undefined || graph.edges === undefined);
});

test("an edge whose end is missing is found, and an id that is empty", { skip }, async () => {
  const bad = [tableFrame(data, "nodes", nodes.slice(1), 2), tableFrame(data, "edges", edges, 2)];
  const graph = nodeGraphOf(data, await transform(data, map.transformations!, bad));
  assert.deepEqual(problemsOf(graph), ["source a is not among the nodes"]);
});

test("units are Grafana's", { skip }, () => {
  const known = new Set(
    data.getValueFormats().flatMap(({ submenu = [] }) => submenu.map(({ value }) => value)),
  );
  for (const dashboard of dashboards) {
    for (const { title, fieldConfig, options } of chartsOf(dashboard)) {
      const overridden = fieldConfig?.overrides.flatMap(({ properties }) =>
        properties.filter(({ id }) => id === "unit").map(({ value }) => value as string),
      );
      const ofGraph = Object.values((options?.nodes as object) ?? {}).filter(
        (one) => typeof one === "string",
      );
      const units = [fieldConfig?.defaults.unit, ...(overridden ?? []), ...ofGraph];
      for (const unit of units)
        assert.ok(unit === undefined || known.has(unit), `${dashboard.uid} ${title}: ${unit}`);
    }
  }
});
