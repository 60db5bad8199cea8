import { statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { agentDefaults, createAgent } from "../agent/index.ts";
import { createCollector, defaultCollectorConfig, formatListener } from "../collector/index.ts";
import { createAddressPeers, NameTable } from "../enrich/index.ts";
import { assert, type FlowBatch, ObserverTable, observerOf } from "../flow/index.ts";
import { DropCounters } from "../metrics/index.ts";
import { createDuckDBStore, type Store, storeDefaults } from "../store/index.ts";
import { createStitcher, LiveFold, liveFoldDefaults, PeerTable, stitchDefaults } from "../topology/index.ts";
import { routeExporters } from "./api/exporters.ts";
import { routeFlows } from "./api/flows.ts";
import { routeLive } from "./api/live.ts";
import { routeMap } from "./api/map.ts";
import { routeMetrics } from "./api/metrics.ts";
import { routeSeries } from "./api/series.ts";
import { routeStatus } from "./api/status.ts";
import { routeTop } from "./api/top.ts";
import { createClock } from "./clock.ts";
import { type Config, isLoopbackHost } from "./config.ts";
import { createHttp } from "./http.ts";
import { createLiveHub } from "./live-hub.ts";
import { localAddresses } from "./local-addresses.ts";
import { createPipeline } from "./pipeline.ts";

/** Peers held in memory at most; about 400 bytes each. */
const peersMax = 200_000;
const tickMilliseconds = 1000;

export interface ServerDependencies {
  readonly version: string;
  readonly logger: FastifyBaseLogger;
  /** A capture to be shown in place of what happens now. */
  readonly capture?: CaptureSource | undefined;
}

/** A capture's records, at its own time. */
export interface CaptureSource {
  /** Unix milliseconds: the server's clock, which never goes back and stands still at the capture's end. */
  now(): number;
  /** Hands on all records, and resolves at the end. What is handed on may be changed until `accept` returns. */
  read(sink: {
    readonly observers: ObserverTable;
    accept(batch: FlowBatch): void;
    /** Waited for now and then as the capture's time goes on. */
    tick(): Promise<void>;
  }): Promise<void>;
  stop(): void;
}

export interface Server {
  /** Opens the store, binds the sockets, attaches the agent. Throws when one of them cannot be had. */
  start(): Promise<void>;
  /** Takes what has arrived, makes it durable, closes. */
  stop(): Promise<void>;
  /** Where the page is, once started. */
  readonly address: string;
  readonly agentStatus: ReturnType<ReturnType<typeof createAgent>["status"]>;
  readonly listeners: readonly string[];
}

/** Everything on one machine: agent, collector, store, API and page. */
export function createServer(config: Config, { version, logger, capture }: ServerDependencies): Server {
  const node = hostname();
  const startedAt = Date.now();
  const now = capture?.now ?? createClock({ onStep: (what) => logger.warn(what) });
  const drops = new DropCounters();
  const observers = new ObserverTable();
  const peers = new PeerTable(peersMax, drops.drop);
  const fold = new LiveFold(liveFoldDefaults, drops.drop);
  const stitcher = createStitcher({ ...stitchDefaults, loopbackScope: ownNetworkNamespace() }, drops.drop);
  const names = new NameTable();
  const addressPeers = createAddressPeers({
    ...{ peers, node, localAddresses },
    nameOf: (bytes, offset) => names.nameOf(bytes, offset, Math.floor(now() / 1000)),
  });
  const live = createLiveHub({ fold, peers, observers, now });
  const store = createDuckDBStore(
    {
      ...storeDefaults,
      folder: config.data,
      flowsRetentionHours: config.store.flows,
      linksRetentionDays: config.store.links / 24,
      sizeMaxBytes: config.store.size,
      memoryMaxBytes: config.store.memory,
    },
    { peers, observers, drop: drops.drop, log: (message) => logger.warn(message) },
  );
  const pipeline = createPipeline({ addressPeers, stitcher, fold, store, peers, live, now });
  const agent = createAgent(
    {
      ...agentDefaults,
      connectionsMax: config.agent.connections,
      includeLoopback: config.agent.loopback,
      containers: config.agent.containers,
      commandLine: config.agent.commandLine,
      datagrams: config.agent.datagrams,
      dns: config.agent.dns,
      flowsMax: config.agent.flows,
    },
    {
      ...{ node, peers, observers, names, drop: drops.drop, now },
      deliver: pipeline.accept,
      onName: addressPeers.rename,
      log: (message) => logger.warn(message),
    },
  );
  const collector = createCollector(
    {
      ...defaultCollectorConfig,
      listeners: config.flows,
      allow: config.exporters.allow,
      workers: config.exporters.workers,
      templatesFile: join(config.data, "templates.json"),
    },
    {
      deliver: (batch) => pipeline.acceptExported(batch, agent),
      observers,
      drop: drops.drop,
      now,
      log: (message) => logger.warn(message),
    },
  );
  let app: FastifyInstance | undefined;
  let timer: NodeJS.Timeout | undefined;
  let ticking: Promise<void> = Promise.resolve();
  let isReady = false;

  function createApp(): FastifyInstance {
    const http = createHttp({
      logger,
      isLoopbackOnly: isLoopbackHost(config.listen.host),
    });
    routeMap(http, store, now);
    routeTop(http, store, now);
    routeSeries(http, store, now);
    routeFlows(http, store, now);
    routeLive(http, live, now);
    routeExporters(http, { collector, drops, doubledCount: stitcher.doubledCount, now });
    routeMetrics(http, { version, agent, collector, store, fold, peers, live, drops });
    routeStatus(http, {
      version,
      node,
      startedAt,
      agent,
      collector,
      store,
      dataFolder: config.data,
      localAddresses,
      isReady: () => isReady,
    });
    return http;
  }

  /** What is there is shown while the rest is read; from then on the clock stands still. */
  async function readCapture(source: CaptureSource): Promise<void> {
    const tick = () => pipeline.tick({ agent, collector });
    try {
      await source.read({ observers, accept: pipeline.accept, tick });
      await tick();
      isReady = true;
    } catch (error) {
      logger.error({ err: error }, "the capture was not read to its end");
    }
  }

  /** One tick a second, never two at once; a late one does not make the next come sooner. */
  function scheduleTick(): void {
    timer = setTimeout(
      () => {
        ticking = pipeline
          .tick({ agent, collector })
          .catch((error) => logger.error({ err: error }, "a tick was not completed"))
          .then(() => {
            if (timer !== undefined) scheduleTick();
          });
      },
      tickMilliseconds - (Date.now() % tickMilliseconds),
    );
  }

  return {
    async start() {
      await store.start();
      await restoreLive(store, fold, peers, observers, now());
      app = createApp();
      await app.listen(config.listen);
      if (capture !== undefined) {
        ticking = readCapture(capture);
        return;
      }
      await collector.start();
      if (config.agent.enabled) agent.start();
      isReady = true;
      scheduleTick();
    },
    async stop() {
      isReady = false;
      capture?.stop();
      clearTimeout(timer);
      timer = undefined;
      await ticking;
      await app?.close();
      await collector.stop(); // what it received is in the pipeline before the agent's last look
      pipeline.finish({ agent, collector });
      agent.stop();
      await store.stop();
    },
    get address() {
      assert(app !== undefined, "the address is known once the server was started");
      const { address, family, port } = app.server.address() as AddressInfo;
      return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    },
    get agentStatus() {
      return agent.status();
    },
    get listeners() {
      return collector.listeners.map((listener) => `udp://${formatListener(listener)}`);
    },
  };
}

/** The live window as it was before a restart. */
async function restoreLive(
  store: Store,
  fold: LiveFold,
  peers: PeerTable,
  observers: ObserverTable,
  now: number,
): Promise<void> {
  fold.tick(now, () => {});
  for (const link of await store.recentLinks(now - fold.windowMilliseconds)) {
    const { client, server, observer, rttMicroseconds, minute, ...rest } = link;
    fold.restore(
      {
        ...rest,
        totals: rest,
        clientPeer: peers.intern(client),
        serverPeer: peers.intern(server),
        observer: observers.intern(observerOf(observer)),
        rttMicroseconds: rttMicroseconds ?? 0,
      },
      Math.floor(minute / 60_000),
    );
  }
}

/** Inode of the network namespace this process runs in; 0 where there is none. */
function ownNetworkNamespace(): number {
  return statSync("/proc/self/ns/net", { throwIfNoEntry: false })?.ino ?? 0;
}
