import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import type { DataSourceRef } from "@grafana/grafana-foundation-sdk/common";
import type { DataTransformerConfig, Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import {
  type ArcOption,
  EdgeOptionsBuilder,
  NodeOptionsBuilder,
  PanelBuilder,
} from "@grafana/grafana-foundation-sdk/nodegraph";
import { type PanelSpec, panelOf } from "./panels.ts";
import { rows } from "./prometheus.ts";

/** Edges drawn: with two ends each they are at most 200 nodes, which is all that the panel shows. */
export const edgesMax = 100;

/**
 * `layoutAlgorithm` is missing in the builder's options: `force` places nodes without positions of their own in a time that does not
 * explode, as `layered` does above a few hundred.
 */
export function nodeGraph(
  spec: PanelSpec & { readonly arcs?: readonly ArcOption[] },
  datasource: DataSourceRef,
): Panel {
  const nodes = new NodeOptionsBuilder().mainStatUnit("Bps").secondaryStatUnit("short");
  if (spec.arcs !== undefined)
    nodes.arcs(spec.arcs.map((arc) => ({ build: () => arc })) as Builder<ArcOption>[]);
  const builder = new PanelBuilder()
    .nodes(nodes)
    .edges(new EdgeOptionsBuilder().mainStatUnit("Bps").secondaryStatUnit("short"));
  const panel = panelOf(builder, spec, datasource);
  return { ...panel, options: { ...panel.options, zoomMode: "cooperative", layoutAlgorithm: "force" } };
}

/** Labels that make an end of a link. */
export interface EndLabels {
  readonly client: readonly string[];
  readonly server: readonly string[];
  /** The one that is its title, without the side: `""` or `_namespace`. */
  readonly title: "" | "_namespace";
}

/** What an end without a namespace is called: every node has to have an id and a title. */
const nobody = "(none)";

/** The two queries of a node graph, over links' rates. `links` has bytes per second, `failing` what is above 0 where links fail. */
export function linkQueries(ends: EndLabels, links: string, failing: string): Builder<Dataquery>[] {
  const by = [...ends.client, ...ends.server].join(", ");
  // A link without bytes, since it only fails, is drawn too; a thickness is a logarithm.
  const edges = `topk(${edgesMax}, clamp_min(sum by (${by}) (${links}), 1))`;
  const failed = `(sum by (${by}) (${failing}) > 0)`;
  const drawn = (expr: string, color: string) => `label_replace(${expr}, "color", "${color}", "", "")`;
  const colored =
    `(${drawn(`(${edges} and on (${by}) ${failed})`, "#F2495C")} or ` +
    `${drawn(`(${edges} unless on (${by}) ${failed})`, "#8AB8FF")})`;
  const identified = join(join(colored, "source", ends.client), "target", ends.server);
  return [
    rows(nodesOf(edges, ends), "nodes"),
    rows(`label_join(${identified}, "id", " > ", "source", "target")`, "edges"),
  ];
}

/**
 * The nodes are the ends of the very edges that are drawn: an edge whose end is missing breaks the panel. Each counts what its edges
 * carry.
 */
function nodesOf(edges: string, ends: EndLabels): string {
  const side = (name: "client" | "server") => {
    const own = `sum by (${ends[name].join(", ")}) (${edges})`;
    const titled = titleOf(own, "title", `${name}${ends.title}`);
    const described =
      ends.title === ""
        ? copy(copy(titled, "subtitle", `${name}_namespace`), "detail__kind", `${name}_kind`)
        : titled;
    // Of ends that are in no namespace both sides have the same labels, and `or` would take one of them for the other.
    return `label_replace(${join(described, "id", ends[name])}, "side", "${name}", "", "")`;
  };
  const shown = ends.title === "" ? "id, title, subtitle, detail__kind" : "id, title";
  return `sum by (${shown}) (${side("client")} or ${side("server")})`;
}

/** One text of several labels; never empty, since an empty label is none. */
const join = (expr: string, to: string, from: readonly string[]) =>
  from.length === 1
    ? titleOf(expr, to, from[0]!)
    : `label_join(${expr}, "${to}", "|", ${from.map((name) => `"${name}"`).join(", ")})`;

const copy = (expr: string, to: string, from: string) =>
  `label_replace(${expr}, "${to}", "$1", "${from}", "(.*)")`;

const titleOf = (expr: string, to: string, from: string) =>
  `label_replace(${copy(expr, to, from)}, "${to}", "${nobody}", "${from}", "")`;

const calculated = (refId: string, alias: string, options: object): DataTransformerConfig => ({
  id: "calculateField",
  filter: { id: "byRefId", options: refId },
  options: { alias, replaceFields: false, ...options },
});

const unary = (operator: string, fieldName: string) => ({ mode: "unary", unary: { operator, fieldName } });
/** Both sides as texts, which every Grafana from 10 on takes. */
const binary = (left: string, operator: string, right: string) => ({
  mode: "binary",
  binary: { left, operator, right },
});

/**
 * A value becomes a statistic under a name of its own: renaming it by "Organize fields" would change what it is displayed by alone, and the
 * panel asks for fields by name. Values of two queries are called after them.
 */
export const statistics: readonly DataTransformerConfig[] = [
  calculated("nodes", "mainstat", unary("abs", "Value #nodes")),
  calculated("edges", "mainstat", unary("abs", "Value #edges")),
  // From 1 px for 1 B/s; 10 MB/s is 9 px.
  calculated("edges", "magnitude", unary("ln", "Value #edges")),
  calculated("edges", "halved", binary("magnitude", "*", "0.5")),
  calculated("edges", "thickness", binary("halved", "+", "1")),
];
