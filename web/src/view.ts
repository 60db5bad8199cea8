import { type Metric, metrics } from "./metric.ts";
import { defaultOpenness, details, type Openness, openedMax } from "./nest/openness.ts";
import { type CompareWith, compareSpans, type Span, spans, type TimeRange } from "./time/time-range.ts";

/**
 * What the person looks at, all of it in the address bar so that it can be sent to somebody. An address without `v` is of version 1; a
 * later version that gives a parameter another meaning has to say `v=2` and go on reading the first.
 */
export interface View {
  readonly range: TimeRange;
  readonly compare: CompareWith | undefined;
  readonly filter: string;
  /** Which links of the map are left, beyond what the filter can say. */
  readonly only: readonly Only[];
  /** How many of the heaviest links are left; undefined for all. */
  readonly heaviest: Heaviest | undefined;
  readonly group: Grouping;
  readonly openness: Openness;
  readonly pane: Pane;
  readonly metric: Metric;
  /** What the top table and the series are by. */
  readonly by: TopBy;
  /** What rows and columns of the matrix are. */
  readonly matrix: MatrixBy;
  readonly selection: Selection | ExporterSelection | undefined;
}

/** The newest version of the address that is understood. */
export const viewVersion = 1;

export const groupings = [
  ...(["peer", "workload", "namespace", "address", "node", "network", "country", "asn", "domain"] as const),
] as const;
export type Grouping = (typeof groupings)[number];

export const panes = [
  "map",
  "matrix",
  "geo",
  "series",
  "top",
  "links",
  "flows",
  "exporters",
  "agents",
] as const;
export type Pane = (typeof panes)[number];

/** Views of who reports: no question is asked of the traffic there. */
export function isOfReporters(pane: Pane): boolean {
  return pane === "exporters" || pane === "agents";
}

export const topBys = [
  ...(["pair", "client", "server", "namespace", "workload", "port", "protocol"] as const),
  ...(["network", "country", "system", "domain", "observer", "interface"] as const),
] as const;
export type TopBy = (typeof topBys)[number];

/** `new`: first seen in the window; `busy`: not idle now. */
export const onlys = ["new", "busy"] as const;
export type Only = (typeof onlys)[number];

export const heaviests = [20, 50, 100] as const;
export type Heaviest = (typeof heaviests)[number];

export const matrixBys = ["group", "member"] as const;
export type MatrixBy = (typeof matrixBys)[number];

/** Of the map and its table. A peer may be a group: `namespace:shop`. */
export type Selection = { readonly kind: "peer" | "link"; readonly id: string };
/** Its id is the exporter's address. */
export type ExporterSelection = { readonly kind: "exporter"; readonly id: string };

/** What can be selected on a pane: a selection of another kind waits until its pane comes back. */
export function selectionOn({ pane, selection }: Pick<View, "pane" | "selection">): {
  ofMap?: Selection;
  ofExporters?: ExporterSelection;
} {
  if (selection === undefined || pane === "flows") return {};
  if (selection.kind === "exporter") return pane === "exporters" ? { ofExporters: selection } : {};
  return isOfReporters(pane) ? {} : { ofMap: selection };
}

export const defaultView: View = {
  range: { kind: "live" },
  compare: undefined,
  filter: "",
  only: [],
  heaviest: undefined,
  group: "peer",
  openness: defaultOpenness,
  pane: "map",
  metric: "bytes",
  by: "pair",
  matrix: "group",
  selection: undefined,
};

const filterLengthMax = 4000;
const idLengthMax = 1000;

/** Reads `location.search`; what is missing or makes no sense is the default. */
export function parseView(search: string): View {
  const params = new URLSearchParams(search);
  const one = <T extends string>(values: readonly T[], name: string): T | undefined =>
    oneOf(values, params.get(name));
  return {
    range: parseRange(params),
    compare: one(compareSpans, "compare"),
    filter: (params.get("filter") ?? "").slice(0, filterLengthMax),
    only: onlys.filter((value) => params.get("only")?.split(",").includes(value)),
    heaviest: heaviests.find((count) => String(count) === params.get("heaviest")),
    group: one(groupings, "group") ?? defaultView.group,
    openness: parseOpenness(params),
    pane: one(panes, "view") ?? defaultView.pane,
    metric: one(metrics, "metric") ?? defaultView.metric,
    by: one(topBys, "by") ?? defaultView.by,
    matrix: one(matrixBys, "matrix") ?? defaultView.matrix,
    selection: parseSelection(params),
  };
}

/** The version of the address, where it is newer than this page. */
export function newerVersion(search: string): number | undefined {
  const version = Number(new URLSearchParams(search).get("v") ?? viewVersion);
  return Number.isSafeInteger(version) && version > viewVersion ? version : undefined;
}

/** Only what differs from the default, in a fixed order. */
export function formatView({ range, compare, openness, selection, only, heaviest, ...view }: View): string {
  const params = new URLSearchParams();
  if (range.kind === "last") params.set("range", range.span);
  if (range.kind === "between") {
    params.set("from", String(range.from));
    params.set("to", String(range.to));
  }
  if (compare !== undefined) params.set("compare", compare);
  for (const [name, key] of [
    ["filter", "filter"],
    ["group", "group"],
    ["view", "pane"],
    ["metric", "metric"],
    ["by", "by"],
    ["matrix", "matrix"],
  ] as const) {
    if (view[key] !== defaultView[key]) params.set(name, view[key]);
  }
  if (only.length > 0) params.set("only", only.join(","));
  if (heaviest !== undefined) params.set("heaviest", String(heaviest));
  if (openness.detail !== "auto") params.set("detail", openness.detail);
  for (const id of openness.opened) params.append("open", id);
  for (const id of openness.closed) params.append("close", id);
  if (selection !== undefined) params.set(selection.kind, selection.id);
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

function parseOpenness(params: URLSearchParams): Openness {
  const ids = (name: string) =>
    [...new Set(params.getAll(name))]
      .filter((id) => id !== "" && id.length <= idLengthMax)
      .slice(0, openedMax);
  const opened = ids("open");
  const closed = ids("close").filter((id) => !opened.includes(id));
  const detail = oneOf(details, params.get("detail")) ?? "auto";
  return detail === "auto" && opened.length + closed.length === 0
    ? defaultOpenness
    : { detail, opened, closed };
}

function parseRange(params: URLSearchParams): TimeRange {
  const span: Span | undefined = oneOf(spans, params.get("range"));
  if (span !== undefined) return { kind: "last", span };
  const from = Number(params.get("from") ?? Number.NaN);
  const to = Number(params.get("to") ?? Number.NaN);
  const isWhole = Number.isSafeInteger(from) && Number.isSafeInteger(to);
  return isWhole && from >= 0 && from < to ? { kind: "between", from, to } : { kind: "live" };
}

function parseSelection(params: URLSearchParams): View["selection"] {
  for (const kind of ["link", "peer", "exporter"] as const) {
    const id = params.get(kind);
    if (id !== null && id !== "") return { kind, id };
  }
  return undefined;
}

function oneOf<T extends string>(values: readonly T[], text: string | null): T | undefined {
  return values.find((value) => value === text);
}
