import type { TargetJson, TransformationJson } from "./grafana-panels.ts";
import { installPackages } from "./installed-packages.ts";

/** As much of a frame of Grafana's as the tests look at. */
export interface Frame {
  readonly refId?: string;
  readonly name?: string;
  readonly meta?: { readonly preferredVisualisationType?: string };
  readonly fields: readonly FrameField[];
  readonly length: number;
}

export interface FrameField {
  readonly name: string;
  readonly type: string;
  readonly values: readonly unknown[];
  readonly config: { readonly displayName?: string };
}

/** What is used of `@grafana/data`. */
export interface GrafanaData {
  toDataFrame(frame: object): Frame;
  transformDataFrame(
    options: readonly TransformationJson[],
    frames: readonly Frame[],
  ): { subscribe(observer: { next(frames: readonly Frame[]): void; error(error: Error): void }): void };
  readonly FieldCache: new (frame: Frame) => { getFieldByName(name: string): FrameField | undefined };
  readonly standardTransformers: Readonly<Record<string, { readonly id: string }>>;
  readonly standardTransformersRegistry: { setInit(init: () => object[]): void };
  getValueFormats(): { submenu?: { value?: string }[] }[];
}

const version = "13.2.3";

/**
 * Grafana's own package, by its lock file, installed once for all runs (a minute, 180 MB): it handles frames in tests as Grafana does in
 * the browser, and needs no page for it. A text says why it is not there.
 */
export function loadGrafanaData(): GrafanaData | string {
  loaded ??= load();
  return loaded;
}

let loaded: GrafanaData | string | undefined;

function load(): GrafanaData | string {
  const installed = installPackages("grafana-data", version);
  if (typeof installed === "string") return installed;
  const data = installed.require("@grafana/data") as GrafanaData;
  // All that transformations ask of a browser; while it loads there must be none.
  Object.assign(globalThis, { window: {} });
  // As Grafana registers them: each by its id once, its code loaded when it is wanted.
  const transformers = new Map(Object.values(data.standardTransformers).map((one) => [one.id, one]));
  data.standardTransformersRegistry.setInit(() =>
    [...transformers.values()].map((transformation) => ({
      ...{ id: transformation.id, name: transformation.id, editor: () => null },
      transformation: async () => transformation,
    })),
  );
  return data;
}

/** An instant vector as a query answers it. */
export type Vector = readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];

/**
 * What Grafana's Prometheus data source makes of a query in the form of a table: a column per label, sorted, and the value, which is
 * called after its query when there are several.
 */
export function tableFrame(data: GrafanaData, refId: string, vector: Vector, queryCount: number): Frame {
  const names = [...new Set(vector.flatMap(({ labels }) => Object.keys(labels)))].sort();
  return data.toDataFrame({
    refId,
    fields: [
      { name: "Time", type: "time", values: vector.map(() => 1_700_000_000_000) },
      ...names.map((name) => ({
        name,
        type: "string",
        values: vector.map(({ labels }) => labels[name] ?? ""),
      })),
      {
        name: queryCount > 1 ? `Value #${refId}` : "Value",
        type: "number",
        values: vector.map(({ value }) => value),
      },
    ],
  });
}

/** What Infinity's backend makes of an answer: a column per configured one, by its `text`. */
export function infinityFrame(data: GrafanaData, target: TargetJson, answer: unknown): Frame {
  const rows = pick(answer, target.root_selector ?? "");
  const list = (Array.isArray(rows) ? rows : [rows]) as unknown[];
  const isGraph = target.format?.startsWith("node-graph") === true;
  return data.toDataFrame({
    refId: target.refId,
    ...(isGraph ? { meta: { preferredVisualisationType: "nodeGraph" } } : {}),
    fields: (target.columns ?? []).map(({ selector, text, type }) => ({
      name: text,
      type: type === "number" ? "number" : type === "string" ? "string" : "time",
      values: list.map((row) => pick(row, selector) ?? null),
    })),
  });
}

/** By names and indexes with dots between, as Infinity's selectors go. */
export function pick(value: unknown, path: string): unknown {
  if (path === "") return value;
  let at = value;
  for (const part of path.split(".")) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}

export function transform(
  data: GrafanaData,
  transformations: readonly TransformationJson[],
  frames: readonly Frame[],
): Promise<readonly Frame[]> {
  return new Promise((next, error) =>
    data.transformDataFrame(transformations, frames).subscribe({ next, error }),
  );
}

/** The two frames that the Node Graph panel would take, as its code chooses them, and what is wrong with them in words. */
export function nodeGraphOf(data: GrafanaData, frames: readonly Frame[]) {
  const isOne = ({ meta, name, refId, fields }: Frame) =>
    meta?.preferredVisualisationType === "nodeGraph" ||
    [name, refId].some((text) => text === "nodes" || text === "edges") ||
    fields.some((field) => field.name === "id");
  const chosen = frames.filter(isOne);
  const isEdges = ({ fields }: Frame) => fields.some(({ name }) => name === "source");
  const [edges, nodes] = [chosen.find(isEdges), chosen.find((frame) => !isEdges(frame))];
  // The panel compares names in lower case, but for `arc__` and `detail__`.
  const read = (frame: Frame | undefined, name: string) => {
    const field = frame?.fields.find((one) => one.name.toLowerCase() === name.toLowerCase());
    return field === undefined ? undefined : new data.FieldCache(frame!).getFieldByName(field.name)?.values;
  };
  return {
    nodes,
    edges,
    node: (name: string) => read(nodes, name),
    edge: (name: string) => read(edges, name),
  };
}

/** What would break the panel, or leave something out of it. */
export function problemsOf(graph: ReturnType<typeof nodeGraphOf>): string[] {
  const problems: string[] = [];
  const [ids, edgeIds] = [graph.node("id") ?? [], graph.edge("id") ?? []];
  const known = new Set(ids);
  for (const [what, list] of [
    ["node", ids],
    ["edge", edgeIds],
  ] as const) {
    if (list.length === 0) problems.push(`no ${what} has an id`);
    if (list.some((id) => typeof id !== "string" || id === "")) problems.push(`a ${what} is without its id`);
    if (new Set(list).size !== list.length) problems.push(`two ${what}s have one id`);
  }
  if (ids.length > 200) problems.push(`${ids.length} nodes: the panel shows 200`);
  for (const end of ["source", "target"])
    for (const id of graph.edge(end) ?? [undefined])
      if (!known.has(id)) problems.push(`${end} ${String(id)} is not among the nodes`);
  for (const [what, read] of [
    ["node", graph.node],
    ["edge", graph.edge],
  ] as const)
    if (!read("mainstat")?.every((value) => Number.isFinite(value)))
      problems.push(`a ${what} is without a statistic`);
  if (!(graph.node("title") ?? []).every((title) => typeof title === "string" && title !== ""))
    problems.push("a node is without a title");
  const thickness = graph.edge("thickness") ?? [];
  if (thickness.length === 0 || !thickness.every((px) => typeof px === "number" && px >= 0 && px < 20))
    problems.push(`an edge has no drawable thickness: ${thickness.join(" ")}`);
  const [x, y] = [graph.node("fixedx"), graph.node("fixedy")];
  if ((x === undefined) !== (y === undefined)) problems.push("one coordinate is there without the other");
  if (![...(x ?? []), ...(y ?? [])].every((at) => Number.isFinite(at)))
    problems.push("a node is without its place");
  return problems;
}
