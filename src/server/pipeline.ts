import type { Agent } from "../agent/index.ts";
import type { Collector } from "../collector/index.ts";
import type { AddressPeers, ReverseNames } from "../enrich/index.ts";
import type { FlowBatch } from "../flow/index.ts";
import type { Store } from "../store/index.ts";
import type { LiveFold, PeerTable, Stitcher } from "../topology/index.ts";
import type { LiveHub } from "./live-hub.ts";

export interface PipelineDependencies {
  readonly addressPeers: AddressPeers;
  readonly reverseNames: Pick<ReverseNames, "refresh">;
  readonly stitcher: Stitcher;
  readonly fold: LiveFold;
  readonly store: Store;
  readonly peers: PeerTable;
  readonly live: LiveHub;
  now(): number;
}

/** Who makes records. They hand them to `accept`. */
export interface Sources {
  readonly agent: Agent;
  readonly collector: Collector;
}

export interface Pipeline {
  /** Steps 3 to 6 for records that were just made. The batch may be cleared when it returns. */
  accept(batch: FlowBatch): void;
  /** The same for exporters' records; they are seen now. The agent looks before, unless it just has. */
  acceptExported(batch: FlowBatch, agent: Agent): void;
  /** One second of the program's life. Resolves when what came in is durable. */
  tick(sources: Sources): Promise<void>;
  /** Hands the store everything that has been observed. */
  finish(sources: Sources): void;
}

/** Peers' rows are freed when this share of the table is taken. */
const sweepShare = 0.8;
const minuteMilliseconds = 60_000;
/** An exporter's record reaches us no sooner after its connection began than this. */
const pollAgainMilliseconds = 250;
/** An exporter's record of a connection that ended this long ago still finds the connection's peers. */
const keepPeersSeconds = 300;

/** The life of a flow, in order; see ARCHITECTURE.md. */
export function createPipeline(dependencies: PipelineDependencies): Pipeline {
  const { addressPeers, reverseNames, stitcher, fold, store, peers, live, now } = dependencies;
  let lastSweep = 0;
  let lastFreed = 0;
  let lastPoll = 0;

  function accept(batch: FlowBatch): void {
    if (batch.count === 0) return;
    addressPeers.enrich(batch);
    stitcher.stitch(batch, Math.floor(now() / 1000));
    record(batch);
  }

  function acceptExported(batch: FlowBatch, agent: Agent): void {
    if (now() - lastPoll >= pollAgainMilliseconds) pollAgent(agent);
    batch.columns.collectionTimeMilliseconds.fill(now(), 0, batch.count); // history is ordered by it
    accept(batch);
  }

  function pollAgent(agent: Agent): void {
    lastPoll = now();
    agent.poll();
    record(stitcher.takeWaited(now()));
  }

  function record(batch: FlowBatch): void {
    fold.fold(batch);
    store.append(batch);
  }

  /** The agent comes first, so that a connection is known before an exporter's record of it is judged. */
  function observe({ agent, collector }: Sources): void {
    pollAgent(agent);
    collector.flush();
  }

  async function tick(sources: Sources): Promise<void> {
    observe(sources);
    fold.tick(now(), (visit) => stitcher.forEachOpen(visit));
    const committed = store.commit();
    live.publish();
    await committed;
    await store.maintain(now());
    if (peers.count > peers.rowsMax * sweepShare && now() - lastFreed >= minuteMilliseconds) {
      lastFreed = now();
      freePeers(peers, stitcher, fold, Math.floor(now() / 1000) - keepPeersSeconds);
    }
    if (now() - lastSweep < minuteMilliseconds) return;
    lastSweep = now();
    addressPeers.refresh();
    reverseNames.refresh(addressPeers.has);
    stitcher.sweep(Math.floor(now() / 1000));
  }

  function finish(sources: Sources): void {
    for (let poll = 0; poll < 2; poll++) observe(sources); // the second takes what waited for the first
  }

  return { accept, acceptExported, tick, finish };
}

function freePeers(peers: PeerTable, stitcher: Stitcher, fold: LiveFold, seconds: number): void {
  peers.sweep((mark) => {
    stitcher.markPeers(mark, seconds);
    for (const entry of fold.entries()) {
      mark(entry.clientPeer);
      mark(entry.serverPeer);
    }
  });
}
