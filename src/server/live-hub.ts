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
  type TopologyLink,
  type TopologyMetric,
} from "../topology/index.ts";
import type { PeerFactsTable } from "./peer-facts.ts";
import { TimeBudget } from "./time-budget.ts";

export interface LiveHubDependencies {
  readonly fold: LiveFold;
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
  readonly peerFacts: PeerFactsTable;
  now(): number;
  /** Milliseconds of a clock that goes on: what views cost is told by it. */
  clock?(): number;
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
  /** Nothing was sent for some seconds: the next change takes longer, but will come. */
  keepAlive(): void;
  isBehind(): boolean;
}

export interface LiveHub {
  /** The live map as it is now. */
  snapshot(query: LiveQuery): Topology;
  /** All links of the live fold, merged at most once between two publications. */
  links(): readonly PortLink[];
  /** Whether a stream of this view may be opened: each different view costs work every second. */
  hasRoomFor(query: LiveQuery): boolean;
  /** Sends a whole map at once, then changes as they are published; returns how to leave. */
  subscribe(query: LiveQuery, subscriber: LiveSubscriber): () => void;
  /** Sends every subscriber what changed. Costs nothing without subscribers; equal views are computed once. */
  publish(): void;
  /** The same between two seconds: links that are there have their figures later, unless they are few or have waited for a second. */
  glance(): void;
  readonly subscriberCount: number;
}

/** Different filters, groupings and bounds looked at at once; any number may look at the same. */
const viewsMax = 16;
/** What views may take of this thread's time, and have saved at most: beyond it they are computed less often, in turn. */
const budgetShare = 0.3;
const budgetMilliseconds = 300;
/** A stream that is silent for longer is taken for dead. */
const silentMilliseconds = 5000;
/** Changed links whose figures a glance sends: of more, a page would redraw much for little. */
const glanceLinksMax = 64;
/** A view whose figures are older has missed a second, and gets them with the glance. Less than a second, since none comes on time. */
const figuresMilliseconds = 750;

interface View {
  readonly query: LiveQuery;
  readonly subscribers: Set<LiveSubscriber>;
  /** Those who missed a change because they were behind, and get a whole map when they have caught up. */
  readonly stale: Set<LiveSubscriber>;
  shown: Topology;
  /** When all its figures were last told; by `clock`, as the next. */
  figuresAt: number;
  /** When anything was last told, if only that more will come. */
  lastToldAt: number;
}

export function createLiveHub(dependencies: LiveHubDependencies): LiveHub {
  const { fold, peers, observers, peerFacts, now, clock = () => performance.now() } = dependencies;
  const budget = new TimeBudget(budgetShare, budgetMilliseconds, clock);
  /** Those that were computed longest ago come first. */
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

  function publishView(view: View, isGlance: boolean): void {
    const before = view.shown;
    const begun = clock();
    const areFiguresLater = isGlance && begun - view.figuresAt < figuresMilliseconds;
    if (!areFiguresLater) view.figuresAt = begun;
    const after = snapshot(view.query);
    view.shown = areFiguresLater ? withFiguresOf(before, after) : after;
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

  function publishAll(isGlance: boolean): void {
    merged = undefined;
    for (const [key, view] of [...views]) {
      if (budget.isLeft()) {
        budget.spend(() => publishView(view, isGlance));
        views.delete(key);
        views.set(key, view);
      } else if (clock() - view.lastToldAt >= silentMilliseconds)
        for (const subscriber of view.subscribers) subscriber.keepAlive();
      else continue;
      view.lastToldAt = clock();
    }
  }

  return {
    snapshot,
    links: mergedLinks,
    hasRoomFor(query) {
      return views.size < viewsMax || views.has(viewKey(query));
    },
    subscribe(query, subscriber) {
      const key = viewKey(query);
      let view = views.get(key);
      if (view === undefined) {
        const begun = clock();
        const shown = snapshot(query);
        view = {
          query,
          subscribers: new Set(),
          stale: new Set(),
          shown,
          figuresAt: begun,
          lastToldAt: begun,
        };
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
    publish: () => publishAll(false),
    glance: () => publishAll(true),
    get subscriberCount() {
      let count = 0;
      for (const view of views.values()) count += view.subscribers.size;
      return count;
    },
  };
}

/** What is new and gone; what was there before as it was then, when much of it has changed. */
function withFiguresOf(before: Topology, after: Topology): Topology {
  const known = new Map(before.links.map((link) => [link.id, link]));
  const isNewer = ({ id, lastSeen }: TopologyLink) => (known.get(id)?.lastSeen ?? lastSeen) < lastSeen;
  if (after.links.filter(isNewer).length <= glanceLinksMax) return after;
  return { ...after, links: after.links.map((link) => known.get(link.id) ?? link) };
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
    interfaces: link.interfaces ?? [],
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
