import { createContainerNames, createSocketOwners, type NameSource, NameTable } from "../enrich/index.ts";
import { FlowBatch, type ObserverTable, type ReportDrop } from "../flow/index.ts";
import {
  type KernelFacts,
  readKernelFacts,
  readSockDiagFacts,
  type SockDiagFacts,
  type TranslatedConnection,
} from "../observe/index.ts";
import type { AskedName, PeerTable } from "../topology/index.ts";
import type { AgentConfig } from "./agent-config.ts";
import { type ConnectionsStatus, createConnections } from "./connections.ts";
import { createDatagrams, type DatagramsStatus, type DnsStatus } from "./datagrams.ts";
import { createTranslations, type TranslationsStatus } from "./translations.ts";

export interface AgentDependencies {
  /** Name of this machine. */
  readonly node: string;
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
  readonly drop: ReportDrop;
  /** Takes records of a poll; the batch is cleared when it returns. */
  deliver(batch: FlowBatch): void;
  /** Unix ms. */
  now(): number;
  /** Takes the names that peers looked up since the last poll. */
  deliverAsked?(asked: readonly AskedName[]): void;
  /** Where names that workloads looked up are kept; a table of the agent's own when not given. */
  readonly names?: NameTable;
  /** An address, the 16 bytes at `bytes[offset]`, has got a name or another one. */
  onName?(bytes: Uint8Array, offset: number, name: string): void;
  /** The kernel translates a connection's addresses, or no more; valid until it returns. Told before the connection's records are delivered. */
  onTranslation?(translation: TranslatedConnection): void;
  /** The name of the network that the address at `bytes[offset]` is in; by its prefix when not given. */
  networkOf?(bytes: Uint8Array, offset: number): string;
  /** What this kernel can do; read from the machine when not given. */
  readonly kernelFacts?: KernelFacts;
  readonly sockDiagFacts?: SockDiagFacts;
  log?(message: string): void;
  /** Where container runtimes are found, when not in the usual places. */
  readonly runtimes?: { readonly root: string; readonly dockerSocketPath?: string };
}

/** The state of its first part, TCP, and of the others. */
export interface AgentParts extends ConnectionsStatus {
  readonly datagrams: DatagramsStatus;
  readonly dns: DnsStatus;
  readonly nat: TranslationsStatus;
}

export interface AgentStatus extends AgentParts {
  /** Where names of containers come from; empty when nobody is asked. */
  readonly names: readonly NameSource[];
}

export interface Agent {
  /** Attaches to the kernel where that can be; otherwise the status says why not. Never throws. */
  start(): void;
  /** Reads what happened since the last poll, and delivers it. */
  poll(): void;
  /** Has the polls that follow tell of every translation there is: whoever takes them has lost what it was told. */
  tellTranslationsAgain(): void;
  /** For whoever asks every second: without a look at the machine. */
  parts(): AgentParts;
  status(): AgentStatus;
  stop(): void;
}

/** 1.5 MB. What a poll finds comes in as many batches as it takes, one after the other. */
const batchRows = 8192;

const notStarted = {
  state: "off",
  reason: "the server was started without the agent",
  remedy:
    "portolan up, as root and without --no-agent, shows what this machine's processes and containers say too",
  isWanted: false,
} as const;

export function createAgent(config: AgentConfig, dependencies: AgentDependencies): Agent {
  const { node, peers, observers, drop, now, names = new NameTable() } = dependencies;
  const { log = () => {}, runtimes = {} } = dependencies;
  const containerNames = config.containers ? createContainerNames({ log, ...runtimes }) : undefined;
  const owners = createSocketOwners({
    peers,
    node,
    commandLine: config.commandLine,
    ...(dependencies.networkOf && { networkOf: dependencies.networkOf }),
    cgroupNameOf: (id) => connections.cgroupNameOf(id),
    ...(containerNames && { containerNames }),
  });
  const onName = dependencies.onName?.bind(dependencies);
  const translations = createTranslations(config, {
    ...{ node, drop },
    onTranslation: (translation) => dependencies.onTranslation?.(translation),
  });
  const deliverAsked = dependencies.deliverAsked?.bind(dependencies);
  const datagrams = createDatagrams(config, {
    ...{ node, names, owners, drop, deliver },
    ...(onName === undefined ? {} : { onName }),
    ...(deliverAsked === undefined ? {} : { deliverAsked }),
  });
  let batch: FlowBatch | undefined;
  const connections = createConnections(
    config,
    {
      ...{ node, owners, drop, deliver },
      sockDiagFacts: () => dependencies.sockDiagFacts ?? readSockDiagFacts(),
    },
    notStarted,
  );
  let lastPoll = 0;

  /** Translations come first: what the kernel translates it tells before a connection's first packet leaves. */
  function deliver(rows: FlowBatch): void {
    translations.poll(now());
    dependencies.deliver(rows);
  }

  function parts(): AgentParts {
    return { ...connections.status(), ...datagrams.status(), nat: translations.status() };
  }

  return {
    start() {
      const facts = dependencies.kernelFacts ?? readKernelFacts();
      connections.start(facts);
      datagrams.start(facts);
      if (!connections.isOn && !datagrams.isOn) return;
      translations.start();
      containerNames?.start();
      batch = new FlowBatch(batchRows);
      lastPoll = now();
    },
    poll() {
      if (batch === undefined) return;
      owners.refresh();
      const seen = now();
      const bootTime = seen - Number(process.hrtime.bigint()) / 1e6;
      const observerRow = observers.intern({ id: `agent:${node}`, kind: "agent", name: node });
      const poll = { seen, since: lastPoll, bootTime, observerRow };
      datagrams.poll(batch, poll); // first, since it brings the names of what TCP connects to
      connections.poll(batch, poll);
      lastPoll = seen;
    },
    tellTranslationsAgain: () => translations.tellAgain(),
    parts,
    status: () => ({
      ...parts(),
      names: batch === undefined ? [] : (containerNames?.status() ?? []),
    }),
    stop() {
      const stopped = { state: "off", reason: "the agent was stopped", remedy: "start it" } as const;
      connections.stop(stopped);
      datagrams.stop(stopped);
      translations.stop(stopped);
      containerNames?.stop();
      batch = undefined;
    },
  };
}
