import type { Writable } from "node:stream";
import {
  type AgentParts,
  type AgentStatus,
  agentConfigOf,
  createAgent,
  createClock,
  type PartStatus,
  readBootId,
} from "../agent/index.ts";
import { createAddressPeers, localAddresses, NameTable } from "../enrich/index.ts";
import { type DropReason, type FlowBatch, ObserverTable } from "../flow/index.ts";
import { type AgentLookups, type AgentPart, type AgentReport, ingestLimits } from "../ingest/index.ts";
import { DropCounters, formatMetrics } from "../metrics/index.ts";
import type { Config } from "../settings/index.ts";
import { PeerTable } from "../topology/index.ts";
import {
  createSpool,
  createTransport,
  createUplink,
  LossLog,
  type Uplink,
  uplinkDefaults,
} from "../uplink/index.ts";
import type { AgentSettings } from "./agent-flags.ts";
import { createAgentLines } from "./agent-lines.ts";
import { agentMetrics } from "./agent-metrics.ts";
import { type AgentPodsDependencies, type AgentPodsStatus, createAgentPods } from "./agent-pods.ts";
import { createMemoryReturn } from "./give-back-memory.ts";
import { createPlainHttp, plain } from "./plain-http.ts";

export interface AgentServiceDependencies {
  readonly version: string;
  readonly output: Writable;
  log(level: "info" | "warn" | "error", message: string): void;
  /** Nobody reads the lines, and there is no server. */
  onUseless(): void;
  /** Where a pod's service account is told of; this process's own when not given. */
  readonly surroundings?: Pick<AgentPodsDependencies, "environment" | "accountFolder">;
}

export interface AgentService {
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly status: AgentStatus;
  /** Of the names of this node's pods. */
  readonly podsStatus: AgentPodsStatus;
  /** Where metrics are, "" when nowhere. */
  readonly metricsUrl: string;
  /** Messages that an earlier run has left. */
  readonly foundMessages: number;
}

/** Peers held in memory at most: those of a second, and from one second to the next so many, at some 500 bytes each. */
const peersMax = 50_000;
const peersKept = 16_384;
const tickMilliseconds = 1000;
const refreshMilliseconds = 60_000;
const trimMilliseconds = 10_000;
const memoryBytesMax = 16 * 2 ** 20;
const answerMilliseconds = 30_000;
const connectMilliseconds = 5000;

/** The agent, its way to the server, its lines and its metrics. */
export function createAgentService(
  settings: AgentSettings,
  config: Config["agent"],
  { version, output, log, onUseless, surroundings = { environment: process.env } }: AgentServiceDependencies,
): AgentService {
  const { node, server } = settings;
  const now = createClock({ onStep: (what) => log("warn", what) });
  const drops = new DropCounters();
  const peers = new PeerTable(peersMax, drop);
  const names = new NameTable();
  const addressPeers = createAddressPeers({
    ...{ peers, node, localAddresses },
    nameOf: (bytes, offset) => names.nameOf(bytes, offset, Math.floor(now() / 1000)),
  });
  const spoolLosses = new LossLog(uplinkDefaults.lossMilliseconds, ({ messageCount, rowCount }) =>
    log(
      "warn",
      `the spool is full: ${messageCount} messages with ${rowCount} records are given up, the oldest`,
    ),
  );
  const spool = createSpool(
    { folder: settings.spoolFolder, bytesMax: settings.spoolBytes, memoryBytesMax },
    {
      onFull(messageCount, rowCount) {
        spoolLosses.add({ messageCount, rowCount });
        drop("spool_full", node, rowCount);
      },
      log: (message) => log("warn", message),
    },
  );
  const uplink = server === undefined ? undefined : createServerUplink(server);
  const lines = settings.isJson
    ? createAgentLines({
        ...{ output, node, peers },
        onSlow: (count) => drop("queue_full", "stdout", count),
        onClosed: () => uplink ?? onUseless(),
      })
    : undefined;
  const agent = createAgent(
    { ...agentConfigOf(config), nat: config.nat && server !== undefined }, // nobody else undoes it
    {
      ...{ node, peers, observers: new ObserverTable(), names, drop, now, deliver },
      onName(bytes, offset, name) {
        addressPeers.rename(bytes, offset, name);
        uplink?.learn(bytes, offset, name);
      },
      ...(uplink === undefined ? {} : { deliverAsked: (asked) => uplink.ask(asked) }),
      onTranslation: (translation) => uplink?.translate(translation),
      log: (message) => log("warn", message),
    },
  );
  const pods = createAgentPods(
    { isWanted: config.pods, node },
    { ...surroundings, peers, drop, now, log: (message) => log("warn", message) },
  );
  const { giveBackHeap, giveBackFiles } = createMemoryReturn();
  const http =
    settings.listen === undefined
      ? undefined
      : createPlainHttp(settings.listen, { answerTo, onError: (message) => log("error", message) });
  let recordCount = 0;
  let foundMessages = 0;
  let metricsUrl = "";
  let refreshed = 0;
  let trimmed = 0;
  let timer: NodeJS.Timeout | undefined;

  function createServerUplink(url: URL): Uplink {
    const transport = createTransport({
      ...{ server: url, token: settings.token, renewToken: settings.renewToken, ca: settings.ca },
      timeoutMilliseconds: answerMilliseconds,
      connectMilliseconds,
      connectionsMax: uplinkDefaults.inFlightMax,
    });
    return createUplink(
      { ...uplinkDefaults, node, agentVersion: version, machine: readBootId() },
      {
        ...{ peers, spool, transport, log, now },
        count: (reason, count) => drops.drop(reason, node, count),
        onServerRestart: () => agent.tellTranslationsAgain(),
      },
    );
  }

  function drop(reason: DropReason, source: string, count = 1): void {
    drops.drop(reason, source, count);
    uplink?.countDrop(reason, count);
  }

  function deliver(batch: FlowBatch): void {
    if (batch.count === 0) return;
    recordCount += batch.count;
    addressPeers.enrich(batch);
    lines?.write(batch);
    uplink?.take(batch);
  }

  function tick(): void {
    if (now() - refreshed >= refreshMilliseconds) {
      refreshed = now();
      addressPeers.refresh();
      giveBackFiles();
    }
    pods.tick();
    agent.poll();
    uplink?.seal(report(agent.parts(), pods.status(), uplink));
    // All that was observed is told now: nothing refers to a row but caches that look at the table's generation.
    if (peers.count > peersKept) peers.sweep(() => {});
    if (now() - trimmed < trimMilliseconds) return;
    trimmed = now();
    giveBackHeap();
  }

  function scheduleTick(): void {
    timer = setTimeout(
      () => {
        scheduleTick();
        tick();
      },
      tickMilliseconds - (Date.now() % tickMilliseconds),
    );
  }

  function answerTo(target: string) {
    if (target === "/healthz") return plain(200, "ok\n");
    if (target === "/readyz") {
      const { state, reason = "", datagrams } = agent.status();
      return state === "on" || datagrams.state === "on"
        ? plain(200, "ready\n")
        : plain(503, `off: ${reason}\n`);
    }
    if (target !== "/metrics")
      return plain(404, "404 page not found: /metrics, /healthz and /readyz are here\n");
    const parts = { agent: agent.status(), pods: pods.status(), uplink: uplink?.status() };
    const text = formatMetrics(agentMetrics({ version, node, ...parts, recordCount, drops }));
    return { status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body: Buffer.from(text) };
  }

  return {
    async start() {
      if (uplink !== undefined) {
        const instance = await spool.start();
        foundMessages = spool.count;
        uplink.start(instance);
      }
      if (http !== undefined) metricsUrl = (await http.start()).url;
      await pods.start();
      giveBackFiles(); // what only loading the program has needed
      agent.start();
      scheduleTick();
    },
    async stop() {
      clearTimeout(timer);
      agent.poll(); // what happened since the last one
      agent.stop();
      pods.stop();
      await uplink?.stop();
      spoolLosses.stop();
      await http?.stop();
    },
    get status() {
      return agent.status();
    },
    get podsStatus() {
      return pods.status();
    },
    get metricsUrl() {
      return metricsUrl;
    },
    get foundMessages() {
      return foundMessages;
    },
  };
}

function report(
  { sockets, datagrams, dns, nat, ...tcp }: AgentParts,
  pods: AgentPodsStatus,
  uplink: Uplink,
): AgentReport {
  const part = (name: string, { state, reason = "" }: PartStatus) => ({ name, isOn: state === "on", reason });
  const { waitingBytes, waitingMessages } = uplink.status();
  return {
    parts: [
      ...[part("tcp", tcp), part("datagrams", datagrams), part("dns", dns), part("nat", nat)],
      ...podsPart(pods),
    ],
    ...{ sockets, spoolBytes: waitingBytes, spoolMessages: waitingMessages },
    ...{ way: tcp.way ?? "", limits: tcp.limits ?? [], dns: lookups(dns) },
  };
}

/** Where there is no cluster to ask nothing is missing. */
function podsPart({ state, reason, remedy = "" }: AgentPodsStatus): AgentPart[] {
  if (state === "off" || state === "starting") return [];
  const why = remedy === "" ? reason : `${reason}; ${remedy}`;
  return [{ name: "pods", isOn: state === "on", reason: state === "on" ? "" : why }];
}

/** Of the resolvers those that were asked most, as many as a message has room for. */
function lookups({ resolvers, ...counts }: AgentStatus["dns"]): AgentLookups {
  const { nameCount, waitingCount, malformedCount, unaskedCount, unbelievedCount } = counts;
  const mostAsked = [...resolvers].sort((a, b) => b.queryCount - a.queryCount);
  return {
    ...{ nameCount, waitingCount, malformedCount, unaskedCount, unbelievedCount },
    resolvers: mostAsked.slice(0, ingestLimits.resolvers).map((resolver) => {
      const { address, queryCount, answerCount, timedOutCount, failureCounts } = resolver;
      return {
        ...{ address, queryCount, answerCount, timedOutCount, failureCounts },
        latencySumMicroseconds: Math.round(resolver.latencySumMilliseconds * 1000),
        latencyMaxMicroseconds: Math.round(resolver.latencyMaxMilliseconds * 1000),
      };
    }),
  };
}
