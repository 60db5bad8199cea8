import type { Metric, Sample } from "./exposition.ts";

/** What metrics of a cluster need to know, whoever follows it. */
export interface CountedKubernetes {
  readonly state: string;
  readonly resources: readonly {
    readonly resource: string;
    readonly state: string;
    /** Unix milliseconds; 0 before the first word. */
    readonly heard: number;
    readonly events: number;
    readonly relists: number;
    readonly unread: number;
  }[];
  /** Objects known, and what else is counted. */
  readonly counts: Readonly<Record<string, number>>;
  readonly load: { readonly requests: number; readonly failures: number; readonly bytesReceived: number };
  readonly unresolved: readonly { readonly code: string; readonly count: number }[];
}

const objectKinds = ["pods", "services", "endpointSlices", "nodes", "namespaces", "owners"];

/** `portolan_kubernetes_*`; nothing where no cluster is followed. Series are as many as kinds of objects that are watched. */
export function kubernetesMetrics({
  state,
  resources,
  counts,
  load,
  unresolved,
}: CountedKubernetes): Metric[] {
  if (state === "off") return [];
  const metric = (name: string, type: Metric["type"], help: string, samples: readonly Sample[]): Metric => ({
    ...{ name: `portolan_kubernetes_${name}`, type, help, samples },
  });
  const perResource = (read: (resource: CountedKubernetes["resources"][number]) => number) =>
    resources.map((resource) => ({ labels: { resource: resource.resource }, value: read(resource) }));
  return [
    metric("up", "gauge", "1 when the API server answers, also when it denies some.", [
      { value: state === "on" || state === "partly" ? 1 : 0 },
    ]),
    metric(
      "watch_up",
      "gauge",
      "1 when changes of these objects are followed.",
      perResource((r) => (r.state === "watching" ? 1 : 0)),
    ),
    metric(
      "watch_denied",
      "gauge",
      "1 when the API server denies these objects: a rule is missing in the ClusterRole.",
      perResource((r) => (r.state === "denied" ? 1 : 0)),
    ),
    metric(
      "watch_heard_timestamp_seconds",
      "gauge",
      "Unix time of the last word about these objects.",
      perResource((r) => r.heard / 1000),
    ),
    metric(
      "watch_events_total",
      "counter",
      "Changes told.",
      perResource((r) => r.events),
    ),
    metric(
      "watch_relists_total",
      "counter",
      "Times all had to be listed again.",
      perResource((r) => r.relists),
    ),
    metric(
      "unread_objects_total",
      "counter",
      "Objects not of the expected shape.",
      perResource((r) => r.unread),
    ),
    metric(
      "objects",
      "gauge",
      "Objects known.",
      objectKinds.map((kind) => ({ labels: { kind }, value: counts[kind] ?? 0 })),
    ),
    metric("requests_total", "counter", "Requests to the API server.", [{ value: load.requests }]),
    metric("request_failures_total", "counter", "Answers that were no success, and connections that broke.", [
      { value: load.failures },
    ]),
    metric("received_bytes_total", "counter", "Bytes that the API server sent.", [
      { value: load.bytesReceived },
    ]),
    metric(
      "unresolved_total",
      "counter",
      "Times an address's pod was not told, by reason.",
      unresolved.map(({ code: reason, count: value }) => ({ labels: { reason }, value })),
    ),
  ];
}
