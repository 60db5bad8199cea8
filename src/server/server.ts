import { statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { agentDefaults, createAgent } from "../agent/index.ts";
import { createCollector, defaultCollectorConfig, formatListener } from "../collector/index.ts";
import { createAddressPeers, createKubernetes, NameTable } from "../enrich/index.ts";
import { assert, ObserverTable } from "../flow/index.ts";
import { DropCounters } from "../metrics/index.ts";
import { type Config, isLoopbackHost } from "../settings/index.ts";
import { createDuckDBStore, storeDefaults } from "../store/index.ts";
import {
  createNat,
  createStitcher,
  LiveFold,
  liveFoldDefaults,
  natTableDefaults,
  PeerTable,
  stitchDefaults,
} from "../topology/index.ts";
import { routeAgents } from "./api/agents.ts";
import { routeExporters } from "./api/exporters.ts";
import { routeFlows } from "./api/flows.ts";
import { ingestPath, routeIngest } from "./api/ingest.ts";
import { routeLive } from "./api/live.ts";
import { routeMap } from "./api/map.ts";
import { routeMetrics } from "./api/metrics.ts";
import { routeSeries } from "./api/series.ts";
import { routeStatus } from "./api/status.ts";
import { routeTop } from "./api/top.ts";
import { createClock } from "./clock.ts";
import { createHttp } from "./http.ts";
import { createLiveHub } from "./live-hub.ts";
import { localAddresses } from "./local-addresses.ts";
import { createPipeline } from "./pipeline.ts";
import { createRemoteAgents } from "./remote-agents.ts";
import { restoreLive } from "./restore-live.ts";

/** Peers held in memory at most; about 400 bytes each. */
const peersMax = 200_000;
const tickMilliseconds = 1000;

export interface ServerDependencies {
  readonly version: string;
  readonly logger: FastifyBaseLogger;
  /** What container runtimes' files are under, when it is not this machine's root. */
  readonly runtimeRoot?: string;
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
export function createServer(config: Config, { version, logger, runtimeRoot }: ServerDependencies): Server {
  const node = hostname();
  const startedAt = Date.now();
  const now = createClock({ onStep: (what) => logger.warn(what) });
  const drops = new DropCounters();
  const observers = new ObserverTable();
  const peers = new PeerTable(peersMax, drops.drop);
  const fold = new LiveFold(liveFoldDefaults, drops.drop);
  const stitcher = createStitcher({ ...stitchDefaults, loopbackScope: ownNetworkNamespace() }, drops.drop);
  const nat = createNat(natTableDefaults, stitcher, drops.drop);
  const names = new NameTable();
  const kubernetes = createKubernetes(config.kubernetes, {
    ...{ peers, now },
    log: (message) => logger.warn(message),
    surroundings: { environment: process.env, home: homedir() },
  });
  const addressPeers = createAddressPeers({
    ...{ peers, node, localAddresses, cluster: kubernetes.clusterPeers },
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
  const remote = createRemoteAgents({
    ...{ nat, stitcher, addressPeers, store, fold, peers, observers, names, drop: drops.drop, now },
    isObservedHere: (name) => name === node && isAgentOn(),
  });
  const pipeline = createPipeline({
    ...{ addressPeers, kubernetes, nat, stitcher, fold, store, peers, live, remote, now },
  });
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
      nat: config.agent.nat,
    },
    {
      ...{ node, peers, observers, names, drop: drops.drop, now },
      deliver: pipeline.accept,
      onName: addressPeers.rename,
      onTranslation: (translation) => nat.learn(translation, Math.floor(now() / 1000)),
      ...(runtimeRoot === undefined ? {} : { runtimes: { root: runtimeRoot } }),
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
  const ingestTokens = typeof config.auth === "object" ? config.auth.ingestTokens : undefined;
  let app: FastifyInstance | undefined;
  let timer: NodeJS.Timeout | undefined;
  let ticking: Promise<void> = Promise.resolve();
  let isReady = false;

  function isAgentOn(): boolean {
    const { state, datagrams } = agent.status();
    return state === "on" || datagrams.state === "on";
  }

  function createApp(): FastifyInstance {
    const http = createHttp({
      logger,
      isLoopbackOnly: isLoopbackHost(config.listen.host) || ingestTokens !== undefined,
      openPaths: ["/healthz", "/readyz", ...(ingestTokens === undefined ? [] : [ingestPath])],
    });
    routeIngest(http, { agents: remote, tokens: ingestTokens });
    routeAgents(http, { version, node, startedAt, agent, remote, now });
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
      kubernetes,
      dataFolder: config.data,
      localAddresses,
      isReady: () => isReady,
    });
    return http;
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
      kubernetes.start(); // names may be there before the first records are
      await restoreLive({ store, fold, stitcher, peers, observers }, now());
      app = createApp();
      await app.listen(config.listen);
      await collector.start();
      if (config.agent.enabled) agent.start();
      isReady = true;
      scheduleTick();
    },
    async stop() {
      isReady = false;
      clearTimeout(timer);
      timer = undefined;
      await ticking;
      await app?.close();
      await collector.stop(); // what it received is in the pipeline before the agent's last look
      pipeline.finish({ agent, collector });
      agent.stop();
      kubernetes.stop();
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

/** Inode of the network namespace this process runs in; 0 where there is none. */
function ownNetworkNamespace(): number {
  return statSync("/proc/self/ns/net", { throwIfNoEntry: false })?.ino ?? 0;
}
