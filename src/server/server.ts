import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { agentConfigOf, createAgent, createClock, readBootId } from "../agent/index.ts";
import { createCollector, defaultCollectorConfig, formatListener } from "../collector/index.ts";
import { createReverseNames, reverseNamesDefaults } from "../enrich/dns/index.ts";
import { createGeo } from "../enrich/geo/index.ts";
import {
  type AddressFacts,
  createAddressFacts,
  createAddressPeers,
  localAddresses,
  NameTable,
  NetworkTable,
} from "../enrich/index.ts";
import { createKubernetes } from "../enrich/kubernetes/index.ts";
import { assert, type FlowBatch, ObserverTable, observersMax } from "../flow/index.ts";
import { createTrafficMetrics, DropCounters, type Place } from "../metrics/index.ts";
import { createRemoteWrite, type RemoteWriteConfig, type Secret } from "../metrics/remote-write/index.ts";
import { type Config, homeFolder, isLoopbackHost } from "../settings/index.ts";
import { createDuckDBStore, type PeerDescription, storeDefaults } from "../store/index.ts";
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
import { routeDiff } from "./api/diff.ts";
import { routeExporters } from "./api/exporters.ts";
import { routeFields } from "./api/fields.ts";
import { routeFlows } from "./api/flows.ts";
import { routeIngest } from "./api/ingest.ts";
import { routeLinks } from "./api/links.ts";
import { routeLive } from "./api/live.ts";
import { routeLookups } from "./api/lookups.ts";
import { routeMap } from "./api/map.ts";
import { createReadMetrics, routeMetrics } from "./api/metrics.ts";
import { routeNodeGraph } from "./api/nodegraph.ts";
import { routeOpenApi } from "./api/openapi.ts";
import { routePeers } from "./api/peers.ts";
import { routeReload } from "./api/reload.ts";
import { routeSeries } from "./api/series.ts";
import { routeStatus } from "./api/status.ts";
import { routeTop } from "./api/top.ts";
import { routeValues } from "./api/values.ts";
import { ClientLimits } from "./auth/client-limits.ts";
import { CredentialTable } from "./auth/credential-table.ts";
import { TokenFiles } from "./auth/token-files.ts";
import { createHttp } from "./http.ts";
import { IngestCounts } from "./ingest-counts.ts";
import { createLiveHub } from "./live-hub.ts";
import { createPeerFacts } from "./peer-facts.ts";
import { createPipeline } from "./pipeline.ts";
import { createRemoteAgents } from "./remote-agents.ts";
import { restoreLive } from "./restore-live.ts";
import { followTlsFiles, readTlsFiles, type TlsReload } from "./tls-files.ts";
import { warmUp } from "./warm-up.ts";

/** Peers held in memory at most; about 400 bytes each. */
const peersMax = 200_000;
const tickMilliseconds = 1000;

export interface ServerDependencies {
  readonly version: string;
  readonly logger: FastifyBaseLogger;
  /** What container runtimes' files are under, when it is not this machine's root. */
  readonly runtimeRoot?: string;
  /** The configuration as it is now; throws ConfigError. Without it there is nothing to read again. */
  readonly readConfig?: () => Config;
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
  /** Reads the configuration again and takes its tokens and certificate; returns the settings that want a restart. Throws ConfigError. */
  reload(): string[];
  /** Where the page is, once started. */
  readonly address: string;
  readonly agentStatus: ReturnType<ReturnType<typeof createAgent>["status"]>;
  readonly listeners: readonly string[];
}

/** Everything on one machine: agent, collector, store, API and page. */
export function createServer(
  config: Config,
  { version, logger, runtimeRoot, capture, readConfig = () => config }: ServerDependencies,
): Server {
  const node = hostname();
  const startedAt = Date.now();
  const now = capture?.now ?? createClock({ onStep: (what) => logger.warn(what) });
  const drops = new DropCounters();
  const observers = new ObserverTable(observersMax, drops.drop);
  const peers = new PeerTable(peersMax, drops.drop);
  const fold = new LiveFold(liveFoldDefaults, drops.drop);
  const stitcher = createStitcher({ ...stitchDefaults, loopbackScope: ownNetworkNamespace() }, drops.drop);
  const nat = createNat(natTableDefaults, stitcher, drops.drop);
  const names = new NameTable();
  const kubernetes = createKubernetes(config.kubernetes, {
    ...{ peers, now },
    log: (message) => logger.warn(message),
    surroundings: { environment: process.env, home: homeFolder() },
  });
  const networks = new NetworkTable(config.networks, kubernetes.index);
  const geo = createGeo(config.geo, { log: (message) => logger.warn(message) });
  const addressFacts = createAddressFacts({ networks, geo });
  const peerFacts = createPeerFacts(addressFacts);
  const facts: PeerDescription = {
    factsOf: (peer) => ({
      network: addressFacts.factsOf(peer.address)?.network,
      ...peerFacts.derivedOf(peer),
    }),
    get generation() {
      // Facts of a run before are better than those of half the databases.
      const isLoading = geo.status().some(({ state }) => state === "loading");
      return isLoading ? undefined : addressFacts.generation;
    },
  };
  const lookedUpName = (bytes: Uint8Array, offset: number) =>
    names.nameOf(bytes, offset, Math.floor(now() / 1000));
  const reverseNames = createReverseNames(
    { ...reverseNamesDefaults, mode: config.reverseDns },
    {
      now,
      isInside: (bytes, offset) => networks.isInside(bytes, offset),
      // What a workload here asked for says more than what the address's owner calls it.
      isNamed: (bytes, offset) => lookedUpName(bytes, offset) !== "",
      onName: (bytes, offset, name) => addressPeers.rename(bytes, offset, name),
    },
  );
  const addressPeers = createAddressPeers({
    ...{ peers, node, localAddresses, cluster: kubernetes.clusterPeers },
    networkOf: (bytes, offset) => networks.nameOf(bytes, offset),
    nameOf: (bytes, offset) => lookedUpName(bytes, offset) || reverseNames.nameOf(bytes, offset),
  });
  const live = createLiveHub({ fold, peers, observers, peerFacts, now });
  const store = createDuckDBStore(
    {
      ...storeDefaults,
      folder: config.data,
      flowsRetentionHours: config.store.flows,
      minutesRetentionHours: config.store.minutes,
      linksRetentionDays: config.store.links / 24,
      sizeMaxBytes: config.store.size,
      memoryMaxBytes: config.store.memory,
    },
    { peers, observers, drop: drops.drop, log: (message) => logger.warn(message), facts },
  );
  const traffic = createTrafficMetrics(
    { ...config.metrics, staleMilliseconds: config.metrics.staleAfter * 1000 },
    {
      ...{ peers, observers, now, forEachOpen: stitcher.forEachOpen },
      findPlace: (address) => placeOf(addressFacts.factsOf(address)),
      findAddressPlace: addressFacts.factsOf,
    },
  );
  const ingestCounts = new IngestCounts();
  const serverEpoch = randomBytes(16).toString("hex");
  const remote = createRemoteAgents({
    ...{ nat, stitcher, addressPeers, store, peers, observers, names, drop: drops.drop, now },
    fold: {
      fold(batch) {
        fold.fold(batch);
        traffic.record(batch);
      },
    },
    isObservedHere: (name) => name === node && isAgentOn(),
  });
  const pipeline = createPipeline({
    ...{ addressPeers, kubernetes, nat, reverseNames, stitcher, fold, store, peers, live, remote, now },
    metrics: traffic,
  });
  stitcher.setMachine(observers.intern({ id: `agent:${node}`, kind: "agent", name: node }), readBootId());
  const agent = createAgent(agentConfigOf(config.agent), {
    ...{ node, peers, observers, names, drop: drops.drop, now },
    deliver: pipeline.acceptObserved,
    deliverAsked: (asked) => store.appendAsked(asked, now(), node),
    onName: addressPeers.rename,
    networkOf: (bytes, offset) => networks.nameOf(bytes, offset),
    onTranslation: (translation) => nat.learn(translation, Math.floor(now() / 1000)),
    ...(runtimeRoot === undefined ? {} : { runtimes: { root: runtimeRoot } }),
    log: (message) => logger.warn(message),
  });
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
  const readMetrics = createReadMetrics({
    ...{ version, agent, collector, store, fold, peers, live, drops, remote, traffic, ingestCounts },
    ...{ kubernetes, startedAt, now, dataFolder: config.data, storeBytesMax: config.store.size },
    compat: config.metrics.compat,
    get remoteWrites() {
      return remoteWrites;
    },
  });
  const remoteWrites = config.metrics.remoteWrite.map((remoteWrite) =>
    createRemoteWrite(remoteWriteConfig(remoteWrite, node), {
      ...{ read: readMetrics, drop: drops.drop, now },
      log: (message) => logger.warn(message),
    }),
  );
  const credentials = typeof config.auth === "object" ? new CredentialTable(config.auth) : undefined;
  const areTokensAsked = typeof config.auth === "object" && config.auth.tokens !== undefined;
  const { certificate, key } = config.tls;
  const tlsPaths = certificate === undefined || key === undefined ? undefined : { certificate, key };
  let tls: TlsReload | undefined;
  let app: FastifyInstance | undefined;
  let timer: NodeJS.Timeout | undefined;
  let glanceTimer: NodeJS.Timeout | undefined;
  let ticking: Promise<void> = Promise.resolve();
  let isReady = false;
  const stopping = new AbortController();

  const tokenFiles = new TokenFiles(takeTokens);

  function isAgentOn(): boolean {
    const { state, datagrams } = agent.status();
    return state === "on" || datagrams.state === "on";
  }

  function reload(): string[] {
    const next = readConfig();
    tls?.reload();
    if (credentials !== undefined && typeof next.auth === "object") {
      credentials.replace(next.auth);
      tokenFiles.follow(next.auth);
    }
    const later = needRestart(config, next);
    const rest = later.length === 0 ? "" : `; taken at the next start: ${later.join(", ")}`;
    logger.info(`the configuration was read again${rest}`);
    return later;
  }

  function takeTokens(): void {
    try {
      reload();
    } catch (error) {
      logger.error(`a token's file was changed; tokens stay as they were: ${(error as Error).message}`);
    }
  }

  function createApp(): FastifyInstance {
    const http = createHttp({
      logger,
      isLoopbackOnly: !areTokensAsked && (isLoopbackHost(config.listen.host) || credentials !== undefined),
      areAgentsChecked: credentials !== undefined,
      credentials: areTokensAsked ? credentials : undefined,
      limits: new ClientLimits(config.limits, () => performance.now()),
      connectionsMax: config.limits.connections,
      tls: tlsPaths && readTlsFiles(tlsPaths.certificate, tlsPaths.key),
    });
    routeIngest(http, {
      agents: remote,
      bearerOf: credentials && ((header) => credentials.ingestBearerOf(header)),
      ...{ counts: ingestCounts, serverEpoch },
    });
    routeAgents(http, { version, node, startedAt, agent, remote, now });
    routeMap(http, store, peerFacts, now);
    routeTop(http, store, now);
    routeSeries(http, store, now);
    routeFlows(http, store, now);
    routeDiff(http, store, now);
    const details = { store, peerFacts, liveLinks: live.links, now };
    routePeers(http, details);
    routeLinks(http, details);
    routeLookups(http, store, now);
    routeFields(http);
    routeValues(http, store, now);
    routeLive(http, live, now);
    routeExporters(http, { collector, drops, doubledCount: stitcher.doubledCount, now });
    routeMetrics(http, readMetrics);
    routeNodeGraph(http, store, { live, fold, peerFacts, now });
    routeStatus(http, {
      version,
      node,
      startedAt,
      agent,
      collector,
      store,
      geo,
      reverseNames,
      kubernetes,
      dataFolder: config.data,
      isCapture: capture !== undefined,
      now,
      grafanaUrl: config.grafana.url?.replace(/\/*$/, "/") ?? null,
      localAddresses,
      isReady: () => isReady,
    });
    routeReload(http, reload);
    routeOpenApi(http, version);
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

  /** One tick a second, never two at once; a late one does not make the next come sooner. Half way to it a glance. */
  function scheduleTick(): void {
    const wait = tickMilliseconds - (Date.now() % tickMilliseconds);
    timer = setTimeout(() => {
      ticking = pipeline
        .tick({ agent, collector })
        .catch((error) => logger.error({ err: error }, "a tick was not completed"))
        .then(() => {
          if (timer !== undefined) scheduleTick();
        });
    }, wait);
    if (wait > tickMilliseconds / 2) glanceTimer = setTimeout(glance, wait - tickMilliseconds / 2);
  }

  function glance(): void {
    try {
      pipeline.glance({ agent, collector });
    } catch (error) {
      logger.error({ err: error }, "a glance was not completed");
    }
  }

  return {
    async start() {
      await store.start();
      kubernetes.start(); // names may be there before the first records are
      await restoreLive({ store, fold, stitcher, nat, peers, observers }, now());
      app = createApp();
      await app.listen({ ...config.listen });
      if (tlsPaths !== undefined)
        tls = followTlsFiles(app.server as never, tlsPaths, (message) => logger.warn(message));
      if (typeof config.auth === "object") tokenFiles.follow(config.auth);
      void geo.start();
      if (capture !== undefined) {
        ticking = readCapture(capture);
        return;
      }
      await collector.start();
      if (config.agent.enabled) agent.start();
      reverseNames.start();
      isReady = true;
      void warmUp(store, now(), stopping.signal);
      for (const remoteWrite of remoteWrites) remoteWrite.start();
      scheduleTick();
    },
    async stop() {
      isReady = false;
      stopping.abort();
      reverseNames.stop();
      geo.stop();
      tls?.stop();
      tokenFiles.stop();
      capture?.stop();
      clearTimeout(timer);
      clearTimeout(glanceTimer);
      timer = undefined;
      await ticking;
      await app?.close();
      await collector.stop(); // what it received is in the pipeline before the agent's last look
      pipeline.finish({ agent, collector });
      await Promise.all(remoteWrites.map((remoteWrite) => remoteWrite.stop()));
      agent.stop();
      kubernetes.stop();
      await store.stop();
    },
    reload,
    get address() {
      assert(app !== undefined, "the address is known once the server was started");
      const { address, family, port } = app.server.address() as AddressInfo;
      return `${tlsPaths === undefined ? "http" : "https"}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    },
    get agentStatus() {
      return agent.status();
    },
    get listeners() {
      return collector.listeners.map((listener) => `udp://${formatListener(listener)}`);
    },
  };
}

/** Settings that differ and are not taken while running. Whether tokens are asked for at all is one of them. */
function needRestart(before: Config, after: Config): string[] {
  const kindOf = ({ auth }: Config) => (typeof auth === "object" ? Object.keys(auth).sort() : auth);
  const names = Object.keys({ ...before, ...after }) as (keyof Config)[];
  return names.filter((name) =>
    name === "auth"
      ? !isDeepStrictEqual(kindOf(before), kindOf(after))
      : !isDeepStrictEqual(before[name], after[name]),
  );
}

/** Where an address outside is, for `geo_ip`; a post code is not among what is kept. */
function placeOf(facts: AddressFacts | undefined): Place | undefined {
  if (facts === undefined || facts.isInside || facts.country === "") return undefined;
  const { country, latitude, longitude } = facts;
  return { country, latitude: String(latitude ?? ""), longitude: String(longitude ?? ""), zip: "" };
}

type RemoteWriteSettings = Config["metrics"]["remoteWrite"][number];

function remoteWriteConfig(settings: RemoteWriteSettings, node: string): RemoteWriteConfig {
  const { interval, queue, labels, basicAuth, bearerToken, bearerTokenFile, ...rest } = settings;
  return {
    ...rest,
    intervalSeconds: interval,
    queueBytesMax: queue,
    labels: { instance: node, ...labels },
    basicAuth: basicAuth && {
      username: basicAuth.username,
      password: secret(basicAuth.password, basicAuth.passwordFile)!,
    },
    bearerToken: secret(bearerToken, bearerTokenFile),
  };
}

function secret(text: string | undefined, file: string | undefined): Secret | undefined {
  if (text !== undefined) return { text };
  return file === undefined ? undefined : { file };
}

/** Inode of the network namespace this process runs in; 0 where there is none. */
function ownNetworkNamespace(): number {
  return statSync("/proc/self/ns/net", { throwIfNoEntry: false })?.ino ?? 0;
}
