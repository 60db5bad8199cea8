import type { FlowBatch, ObserverTable } from "../flow/index.ts";
import type { PeerTable, VisitOpen } from "../topology/index.ts";
import type { FindAddressPlace } from "./address-place.ts";
import { carettaMetrics } from "./compat/caretta.ts";
import { ConvisSeries } from "./compat/convis.ts";
import type { FindPlace } from "./compat/geo-database.ts";
import { geoIpMetric } from "./compat/geo-ip.ts";
import { K8spacketSeries } from "./compat/k8spacket.ts";
import type { Metric } from "./exposition.ts";
import { ExternalSeries } from "./external-series.ts";
import { FlowSeries } from "./flow-series.ts";
import { LinkSeries } from "./link-series.ts";
import { NetworkSeries } from "./network-series.ts";

/** Peers whose metrics can be told beside ours. */
export const compatNames = ["caretta", "k8spacket", "convis", "goflow2", "geoip"] as const;
export type CompatName = (typeof compatNames)[number];

export interface TrafficMetricsConfig {
  /** Whether links and flows are told at all. */
  readonly links: boolean;
  /** Series told by name, of each kind. */
  readonly limit: number;
  readonly staleMilliseconds: number;
  readonly compat: readonly CompatName[];
}

export interface TrafficMetricsDependencies {
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
  readonly forEachOpen: (visit: VisitOpen) => void;
  /** Where addresses are, for `geo_ip`; without it there is none. */
  readonly findPlace?: FindPlace | undefined;
  /** In which network, country and system addresses are; without it there are no series of networks and of what is outside. */
  readonly findAddressPlace?: FindAddressPlace | undefined;
  now(): number;
}

export interface TrafficMetrics {
  /** Adds records that were judged. */
  record(batch: FlowBatch): void;
  /** Once a second: forgets what is idle, unless somebody reads. */
  tick(): void;
  /**
   * Begins to read: series stay where they are until `done`, which must be called, or until so much time has passed that they have to
   * move. `sockets` is what the agent looked at last.
   */
  read(sockets: number): TrafficReading;
}

export interface TrafficReading {
  readonly metrics: readonly Metric[];
  /** Whether it took too long: what would be read now is of other series. */
  isOver(): boolean;
  done(): void;
}

/** Readers are waited for so long. */
const waitForReadersMilliseconds = 60_000;

/** What flows between whom, as bounded series. */
export function createTrafficMetrics(
  config: TrafficMetricsConfig,
  { peers, observers, forEachOpen, findPlace, findAddressPlace, now }: TrafficMetricsDependencies,
): TrafficMetrics {
  const has = (name: CompatName) => config.compat.includes(name);
  const links = config.links || has("caretta") ? new LinkSeries(config, peers) : undefined;
  const flows = config.links ? new FlowSeries(config, observers) : undefined;
  const placed = config.links ? findAddressPlace : undefined;
  const external = placed && new ExternalSeries(config, peers, placed);
  const networks = placed && new NetworkSeries(config, peers, placed);
  const k8spacket = has("k8spacket") ? new K8spacketSeries(config, peers) : undefined;
  const convis = has("convis") || has("geoip") ? new ConvisSeries(config, peers) : undefined;
  let readers = 0;
  let lastTick = 0;
  let epoch = 0;

  function* remotes(of: ConvisSeries) {
    for (const { address, pod: k8s_pod, namespace: k8s_namespace, bytesSent: value } of of.remotes())
      yield { address, labels: { k8s_namespace, k8s_pod }, value };
  }

  function metrics(sockets: number): Metric[] {
    const gauge = (
      name: string,
      help: string,
      read: (part: { namedCount: number; hasOther: boolean }) => number,
    ) => ({
      ...{ name: `portolan_metrics_${name}`, type: "gauge" as const, help },
      samples: Object.entries({ links, flows, external, networks }).flatMap(([of, part]) =>
        part === undefined ? [] : [{ labels: { of }, value: read(part) }],
      ),
    });
    return [
      gauge("series", "Links, flows and others told by name.", ({ namedCount }) => namedCount),
      gauge("series_limit", "How many are told by name at most.", () => config.limit),
      gauge("series_other", "1 when there were more: the rest is ~other.", ({ hasOther }) =>
        hasOther ? 1 : 0,
      ),
      ...(config.links ? links!.metrics() : []),
      ...(flows?.metrics() ?? []),
      ...(external?.metrics() ?? []),
      ...(networks?.metrics() ?? []),
      ...(has("caretta") ? carettaMetrics(() => links!.links(), sockets) : []),
      ...(k8spacket?.metrics() ?? []),
      ...(has("convis") ? convis!.metrics() : []),
      ...(has("geoip") && findPlace !== undefined
        ? [geoIpMetric(remotes(convis!), findPlace, config.limit)]
        : []),
    ];
  }

  return {
    record(batch) {
      if (batch.count === 0) return;
      const time = now();
      links?.fold(batch, time);
      flows?.fold(batch, time);
      external?.fold(batch, time);
      networks?.fold(batch, time);
      k8spacket?.fold(batch, time);
      convis?.fold(batch, time);
    },
    tick() {
      const time = now();
      if (readers > 0 && time - lastTick < waitForReadersMilliseconds) return;
      if (readers > 0) epoch++;
      lastTick = time;
      links?.tick(time, forEachOpen);
      flows?.tick(time);
      external?.tick(time);
      networks?.tick(time);
      k8spacket?.tick(time);
      convis?.tick(time);
    },
    read(sockets) {
      let isDone = false;
      const begun = epoch;
      readers++;
      links?.countActive(forEachOpen);
      return {
        metrics: metrics(sockets),
        isOver: () => epoch !== begun,
        done() {
          if (!isDone) readers--;
          isDone = true;
        },
      };
    },
  };
}
