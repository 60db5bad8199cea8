import { type Span, spans, type TimeRange } from "./time/time-range.ts";

/** What the person looks at, all of it in the address bar so that it can be sent to somebody. */
export interface View {
  readonly range: TimeRange;
  readonly filter: string;
  readonly group: Grouping;
  readonly pane: Pane;
  readonly selection: Selection | ExporterSelection | undefined;
}

export const groupings = ["peer", "workload", "namespace", "address", "node", "network"] as const;
export type Grouping = (typeof groupings)[number];

export const panes = ["map", "links", "flows", "exporters"] as const;
export type Pane = (typeof panes)[number];

/** Of the map and its table. */
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
  return pane === "exporters" ? {} : { ofMap: selection };
}

export const defaultView: View = {
  range: { kind: "live" },
  filter: "",
  group: "peer",
  pane: "map",
  selection: undefined,
};

const filterLengthMax = 4000;

/** Reads `location.search`; what is missing or makes no sense is the default. */
export function parseView(search: string): View {
  const params = new URLSearchParams(search);
  return {
    range: parseRange(params),
    filter: (params.get("filter") ?? "").slice(0, filterLengthMax),
    group: oneOf(groupings, params.get("group")) ?? "peer",
    pane: oneOf(panes, params.get("view")) ?? "map",
    selection: parseSelection(params),
  };
}

/** Only what differs from the default, in a fixed order. */
export function formatView({ range, filter, group, pane, selection }: View): string {
  const params = new URLSearchParams();
  if (range.kind === "last") params.set("range", range.span);
  if (range.kind === "between") {
    params.set("from", String(range.from));
    params.set("to", String(range.to));
  }
  if (filter !== "") params.set("filter", filter);
  if (group !== "peer") params.set("group", group);
  if (pane !== "map") params.set("view", pane);
  if (selection !== undefined) params.set(selection.kind, selection.id);
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
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
