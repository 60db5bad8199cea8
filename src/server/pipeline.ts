import type { Agent } from "../agent/index.ts";
import type { Collector } from "../collector/index.ts";
import type { ReverseNames } from "../enrich/dns/index.ts";
import type { AddressPeers } from "../enrich/index.ts";
import type { Kubernetes } from "../enrich/kubernetes/index.ts";
import { FlowBatch } from "../flow/index.ts";
import type { TrafficMetrics } from "../metrics/index.ts";
import type { Store } from "../store/index.ts";
import { type LiveFold, type Nat, type PeerTable, type Stitcher, stitchDefaults } from "../topology/index.ts";
import type { LiveHub } from "./live-hub.ts";
import type { RemoteAgents } from "./remote-agents.ts";

export interface PipelineDependencies {
  readonly addressPeers: AddressPeers;
  readonly kubernetes?: Pick<Kubernetes, "tick">;
  readonly nat: Nat;
  readonly reverseNames: Pick<ReverseNames, "refresh">;
  readonly stitcher: Stitcher;
  readonly fold: LiveFold;
  readonly metrics: Pick<TrafficMetrics, "record" | "tick">;
  readonly store: Store;
  readonly peers: PeerTable;
  readonly live: LiveHub;
  readonly remote: Pick<RemoteAgents, "flush" | "markPeers" | "waitMilliseconds">;
  now(): number;
  /** Milliseconds of a clock that goes on: how long the agent looks, and how long ago it has, is told by it. */
  clock?(): number;
}

/** Who makes records. They hand them to `accept`. */
export interface Sources {
  readonly agent: Agent;
  readonly collector: Collector;
}

export interface Pipeline {
  /** Steps 3 to 6 for records that were just made. The batch may be cleared when it returns. */
  accept(batch: FlowBatch): void;
  /**
   * The same for what the agent here reports. A poll may have several batches: they are judged at its end, so that both ends of a
   * connection are known, whichever batch they are in.
   */
  acceptObserved(batch: FlowBatch): void;
  /** The same for exporters' records; they are seen now. The agent looks before, unless it just has. */
  acceptExported(batch: FlowBatch, agent: Agent): void;
  /** One second of the program's life. Resolves when what came in is durable. */
  tick(sources: Sources): Promise<void>;
  /** Between two ticks: what came in is shown to those who look at the live map. */
  glance(sources: Sources): void;
  /** Hands the store everything that has been observed. */
  finish(sources: Sources): void;
}

/** Of one poll; about 80 MB. Beyond it what came first is judged before the rest is known. */
const observedRowsMax = 262_144;
/** Peers' rows are freed when this share of the table is taken. */
const sweepShare = 0.8;
const minuteMilliseconds = 60_000;
/** An exporter's record reaches us no sooner after its connection began than this. */
const pollAgainMilliseconds = 250;
/** An agent whose look takes longer than this is asked for none by a glance, nor the collector, whose records would want one. */
const glancePollMilliseconds = 20;
/** An exporter's record of a connection that ended this long ago still finds the connection's peers. */
const keepPeersSeconds = 300;
/** Exporters, and agents that were cut off, may report a flow long after its connection ended. */
const keepTranslationsSeconds = stitchDefaults.rememberSeconds;

/** The life of a flow, in order; see ARCHITECTURE.md. */
export function createPipeline(dependencies: PipelineDependencies): Pipeline {
  const { addressPeers, kubernetes, nat, reverseNames, stitcher, fold } = dependencies;
  const { metrics, store, peers, live, remote, now, clock = () => performance.now() } = dependencies;
  let lastSweep = 0;
  let lastFreed = 0;
  let lastPoll = Number.NEGATIVE_INFINITY;
  /** What the last look of the agent took. */
  let pollMilliseconds = 0;
  /** What this poll has brought so far. */
  const observed: FlowBatch[] = [];
  let observedRows = 0;

  function accept(batch: FlowBatch): void {
    if (batch.count === 0) return;
    identify(batch);
    stitcher.stitch(batch, Math.floor(now() / 1000));
    record(batch);
  }

  function acceptObserved(batch: FlowBatch): void {
    if (batch.count === 0) return;
    identify(batch);
    stitcher.enter(batch, Math.floor(now() / 1000));
    const copy = new FlowBatch(batch.count);
    copy.copyRows(0, copy.append(batch.count), batch.count, batch);
    observed.push(copy);
    observedRows += batch.count;
    if (observedRows > observedRowsMax) settleObserved();
  }

  function settleObserved(): void {
    for (const batch of observed.splice(0)) {
      stitcher.settle(batch, Math.floor(now() / 1000));
      record(batch);
    }
    observedRows = 0;
  }

  /** Who the ends are, as far as that is known now. */
  function identify(batch: FlowBatch): void {
    nat.undo(batch, Math.floor(now() / 1000));
    addressPeers.enrich(batch);
  }

  /** Of rows that waited: what was translated on another machine may be known only now. */
  function identifyAgain(batch: FlowBatch): void {
    const seconds = Math.floor(now() / 1000);
    if (nat.undo(batch, seconds)) stitcher.enterAgain(batch, seconds);
    addressPeers.enrich(batch);
  }

  function acceptExported(batch: FlowBatch, agent: Agent): void {
    if (clock() - lastPoll >= pollAgainMilliseconds) pollAgent(agent);
    batch.columns.collectionTimeMilliseconds.fill(now(), 0, batch.count); // history is ordered by it
    accept(batch);
  }

  function pollAgent(agent: Agent): void {
    lastPoll = clock();
    agent.poll();
    settleObserved();
    pollMilliseconds = clock() - lastPoll;
    record(stitcher.takeWaited(now(), remote.waitMilliseconds, identifyAgain));
  }

  function record(batch: FlowBatch): void {
    fold.fold(batch);
    metrics.record(batch);
    store.append(batch);
  }

  /** The agent comes first, so that a connection is known before an exporter's record of it is judged. */
  function observe({ agent, collector }: Sources): void {
    pollAgent(agent);
    collector.flush();
    remote.flush();
  }

  async function tick(sources: Sources): Promise<void> {
    kubernetes?.tick();
    observe(sources);
    fold.tick(now(), (visit) => stitcher.forEachOpen(visit));
    metrics.tick();
    const committed = store.commit();
    live.publish();
    await committed;
    await store.maintain(now());
    if (peers.takenShare > sweepShare && now() - lastFreed >= minuteMilliseconds) {
      lastFreed = now();
      freePeers(dependencies, Math.floor(now() / 1000) - keepPeersSeconds);
    }
    if (now() - lastSweep < minuteMilliseconds) return;
    lastSweep = now();
    addressPeers.refresh();
    reverseNames.refresh(addressPeers.has);
    stitcher.sweep(Math.floor(now() / 1000));
    nat.sweep(Math.floor(now() / 1000) - keepTranslationsSeconds);
  }

  function glance(sources: Sources): void {
    if (live.subscriberCount === 0) return;
    if (pollMilliseconds <= glancePollMilliseconds) {
      pollAgent(sources.agent);
      sources.collector.flush();
      fold.countOpen((visit) => stitcher.forEachOpen(visit)); // what opened is open along with its bytes
    }
    live.glance();
  }

  function finish(sources: Sources): void {
    for (let poll = 0; poll < 2; poll++) observe(sources); // the second takes what waited for the first
    remote.flush(true);
    record(stitcher.takeWaited(now(), 0, identifyAgain)); // what would wait longer, for agents elsewhere
  }

  return { accept, acceptObserved, acceptExported, tick, glance, finish };
}

function freePeers({ peers, stitcher, fold, remote }: PipelineDependencies, seconds: number): void {
  peers.sweep((mark) => {
    stitcher.markPeers(mark, seconds);
    remote.markPeers(mark);
    for (const entry of fold.entries()) {
      mark(entry.clientPeer);
      mark(entry.serverPeer);
      mark(entry.calledPeer);
    }
  });
}
