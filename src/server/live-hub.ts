import type { ObserverTable } from "../flow/index.ts";
import { compileFilter, type Filter, type FilterSubject } from "../query/index.ts";
import {
  buildTopology,
  diffTopology,
  type Grouping,
  type LiveFold,
  liveParts,
  mergeParts,
  type PeerTable,
  type PortLink,
  type Topology,
  type TopologyMetric,
} from "../topology/index.ts";
import type { PeerFactsTable } from "./peer-facts.ts";

export interface LiveHubDependencies {
  readonly fold: LiveFold;
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
  readonly peerFacts: PeerFactsTable;
  now(): number;
}

export interface LiveQuery {
  /** Text of the filter, by which equal views are recognised. */
  readonly filterText: string;
  readonly filter: Filter | undefined;
  readonly grouping: Grouping | undefined;
  readonly metric: TopologyMetric;
  readonly linksMax: number;
}

/** Takes events of the live stream. `isBehind` says that it has not yet taken what it was given. */
export interface LiveSubscriber {
  send(event: "map" | "change", data: string): void;
  isBehind(): boolean;
}

export interface LiveHub {
  /** The live map as it is now. */
  snapshot(query: LiveQuery): Topology;
  /** Whether a stream of this view may be opened: each different view costs work every second. */
  hasRoomFor(query: LiveQuery): boolean;
  /** Sends a whole map at once, then a change each second; returns how to leave. */
  subscribe(query: LiveQuery, subscriber: LiveSubscriber): () => void;
  /** Sends every subscriber what changed. Costs nothing without subscribers; equal views are computed once. */
  publish(): void;
  readonly subscriberCount: number;
}

/** Different filters, groupings and bounds looked at at once; any number may look at the same. */
const viewsMax = 16;

interface View {
  readonly query: LiveQuery;
  readonly subscribers: Set<LiveSubscriber>;
  /** Those who missed a change because they were behind, and get a whole map when they have caught up. */
  readonly stale: Set<LiveSubscriber>;
  shown: Topology;
}

export function createLiveHub({ fold, peers, observers, peerFacts, now }: LiveHubDependencies): LiveHub {
  const views = new Map<string, View>();

  /** The fold's links, merged once between two ticks for all views. */
  let merged: PortLink[] | undefined;

  function mergedLinks(): PortLink[] {
    merged ??= mergeParts(liveParts(fold, peers, observers), peerFacts.derivedOf);
    return merged;
  }

  function snapshot({ filter, grouping, metric, linksMax }: LiveQuery): Topology {
    const links = mergedLinks();
    const matches = filter === undefined ? undefined : compileFilter(filter);
    const chosen = matches === undefined ? links : links.filter((link) => matches(filterSubject(link)));
    const to = now();
    const from = to - fold.windowMilliseconds;
    return peerFacts.describe(buildTopology(chosen, { from, to, metric, grouping, linksMax }));
  }

  function publishView(view: View): void {
    const before = view.shown;
    view.shown = snapshot(view.query);
    let change: string | undefined;
    let whole: string | undefined;
    for (const subscriber of view.subscribers) {
      if (subscriber.isBehind()) view.stale.add(subscriber);
      else if (view.stale.delete(subscriber)) {
        whole ??= JSON.stringify(view.shown);
        subscriber.send("map", whole);
      } else {
        change ??= JSON.stringify(diffTopology(before, view.shown));
        subscriber.send("change", change);
      }
    }
  }

  return {
    snapshot,
    hasRoomFor(query) {
      return views.size < viewsMax || views.has(viewKey(query));
    },
    subscribe(query, subscriber) {
      const key = viewKey(query);
      let view = views.get(key);
      if (view === undefined) {
        view = { query, subscribers: new Set(), stale: new Set(), shown: snapshot(query) };
        views.set(key, view);
      }
      const joined = view;
      joined.subscribers.add(subscriber);
      subscriber.send("map", JSON.stringify(joined.shown));
      return () => {
        joined.subscribers.delete(subscriber);
        joined.stale.delete(subscriber);
        if (joined.subscribers.size === 0 && views.get(key) === joined) views.delete(key);
      };
    },
    publish() {
      merged = undefined;
      for (const view of views.values()) publishView(view);
    },
    get subscriberCount() {
      let count = 0;
      for (const view of views.values()) count += view.subscribers.size;
      return count;
    },
  };
}

/** A link as a filter sees it. */
export function filterSubject(link: PortLink): FilterSubject {
  return {
    client: link.client,
    server: link.server,
    called: link.called,
    port: link.port,
    protocol: link.protocol,
    observers: link.observers,
    bytes: link.bytesSent + link.bytesReceived,
    packets: link.packets,
    connections: link.connections,
    failed: link.failed,
    retransmits: link.retransmits,
    refused: link.refused,
    timedOut: link.timedOut,
    unreachable: link.unreachable,
    reset: link.reset,
    lost: link.lost,
    rttMilliseconds: link.rttMicroseconds === null ? null : link.rttMicroseconds / 1000,
  };
}

function viewKey(query: LiveQuery): string {
  return JSON.stringify([query.filterText, query.grouping, query.metric, query.linksMax]);
}
