import type { Topology } from "../../../src/topology/topology.ts";
import type {
  Agents,
  Diff,
  Exporters,
  ExporterWhole,
  FlowPage,
  LinkHistory,
  Lookups,
  PeerHistory,
  Series,
  Status,
  Top,
} from "./answers.ts";
import { readProblem } from "./problem.ts";

/** The API's requests, one function each. Paths are relative, so the page also works below a proxy's prefix. */
export type Params = Readonly<Record<string, string | number | undefined>>;

export const apiBase = "api/v1/";

export function apiUrl(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return `${apiBase}${path}${text === "" ? "" : `?${text}`}`;
}

async function get<T>(path: string, params: Params, signal?: AbortSignal): Promise<T> {
  const response = await fetch(apiUrl(path, params), signal === undefined ? {} : { signal });
  if (!response.ok) throw await readProblem(response);
  return (await response.json()) as T;
}

/** A file that was built with the page, by the address that the build gave it. */
export async function fetchAsset<T>(url: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw await readProblem(response);
  return (await response.json()) as T;
}

export const fetchMap = (params: Params, signal?: AbortSignal) => get<Topology>("map", params, signal);
export const fetchSeries = (params: Params, signal?: AbortSignal) => get<Series>("series", params, signal);
export const fetchTop = (params: Params, signal?: AbortSignal) => get<Top>("top", params, signal);
export const fetchFlows = (params: Params, signal?: AbortSignal) => get<FlowPage>("flows", params, signal);
export const fetchExporters = (params: Params, signal?: AbortSignal) =>
  get<Exporters>("exporters", params, signal);
export const fetchExporter = (address: string, signal?: AbortSignal) =>
  get<ExporterWhole>(`exporters/${encodeURIComponent(address)}`, {}, signal);
export const fetchAgents = (params: Params, signal?: AbortSignal) => get<Agents>("agents", params, signal);
export const fetchStatus = (signal?: AbortSignal) => get<Status>("status", {}, signal);
/** Values that a field of the filter language has had, those that most peers have first. */
export const fetchValues = (params: Params, signal?: AbortSignal) =>
  get<{ values: readonly string[] }>("values", params, signal);
/** Names that peers asked the DNS for; the filter says by whom. */
export const fetchLookups = (params: Params, signal?: AbortSignal) => get<Lookups>("lookups", params, signal);
export const fetchDiff = (params: Params, signal?: AbortSignal) => get<Diff>("diff", params, signal);
/** By the id that a map without `group` gives it. */
export const fetchPeer = (id: string, params: Params, signal?: AbortSignal) =>
  get<PeerHistory>(`peers/${encodeURIComponent(id)}`, params, signal);
export const fetchLink = (id: string, params: Params, signal?: AbortSignal) =>
  get<LinkHistory>(`links/${encodeURIComponent(id)}`, params, signal);
