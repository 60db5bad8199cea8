import { formatAddress } from "../flow/index.ts";
import type { SflowLimits } from "./config.ts";
import { type DataSource, type DataSourceDescription, SourceList } from "./data-source.ts";

/** What an agent sends, in the order of sFlow's numbers for it; `unknown` is what is not read. */
export const sampleKinds = [
  "unknown",
  "flow",
  "counter",
  "expandedFlow",
  "expandedCounter",
  "discarded",
] as const;
export type SampleKind = (typeof sampleKinds)[number];

/** One agent behind an exporter's address, for people to look at. */
export interface AgentDescription {
  readonly address: string;
  readonly subAgentId: number;
  readonly datagramCount: number;
  readonly sampleCounts: Readonly<Record<SampleKind, number>>;
  /** Records of those samples, read or stepped over. */
  readonly recordCounts: Readonly<Record<SampleKind, number>>;
  readonly sources: readonly DataSourceDescription[];
}

export interface SflowDescription {
  readonly agents: readonly AgentDescription[];
}

/** Uptime goes back a little between datagrams that were reordered. */
const uptimeSlackMilliseconds = 60_000;

/** The counts of one agent and sub-agent. */
export class AgentAccount {
  readonly address: Uint8Array;
  readonly addressText: string;
  readonly subAgentId: number;
  readonly sampleCounts = new Float64Array(sampleKinds.length);
  readonly recordCounts = new Float64Array(sampleKinds.length);
  readonly sources = new Map<number, DataSource>();
  datagramCount = 0;
  lastSeenMilliseconds = 0;
  #uptimeMilliseconds = 0;

  constructor(address: Uint8Array, subAgentId: number) {
    this.address = address.slice();
    this.addressText = formatAddress(address);
    this.subAgentId = subAgentId;
  }

  begin(uptimeMilliseconds: number, receivedMilliseconds: number): void {
    this.datagramCount++;
    this.lastSeenMilliseconds = receivedMilliseconds;
    const hasRestarted = uptimeMilliseconds < this.#uptimeMilliseconds - uptimeSlackMilliseconds;
    if (hasRestarted) for (const source of this.sources.values()) source.restart();
    if (hasRestarted || uptimeMilliseconds > this.#uptimeMilliseconds)
      this.#uptimeMilliseconds = uptimeMilliseconds;
  }

  isOf(address: Uint8Array, subAgentId: number): boolean {
    if (this.subAgentId !== subAgentId) return false;
    for (let i = 0; i < 16; i++) if (this.address[i] !== address[i]) return false;
    return true;
  }

  describe(): AgentDescription {
    return {
      address: this.addressText,
      subAgentId: this.subAgentId,
      datagramCount: this.datagramCount,
      sampleCounts: countsByKind(this.sampleCounts),
      recordCounts: countsByKind(this.recordCounts),
      sources: [...this.sources.values()].map((source) => source.describe()),
    };
  }
}

function countsByKind(counts: Float64Array): Record<SampleKind, number> {
  return Object.fromEntries(sampleKinds.map((kind, i) => [kind, counts[i]!])) as Record<SampleKind, number>;
}

interface ExporterAccount {
  readonly agents: AgentAccount[];
  lastSeenMilliseconds: number;
  readonly sources: SourceList;
}

/** The counts of all agents, within their limits. Only for people to look at: decoding does not need them. */
export class Accounts {
  readonly #limits: SflowLimits;
  readonly #exporters = new Map<string, ExporterAccount>();
  #sourceCount = 0;
  #nextEvictionMilliseconds = 0;

  constructor(limits: SflowLimits) {
    this.#limits = limits;
  }

  /** The account of an agent that has one. */
  find(addressText: string, address: Uint8Array, subAgentId: number): AgentAccount | undefined {
    const exporter = this.#exporters.get(addressText);
    return exporter?.agents.find((agent) => agent.isOf(address, subAgentId));
  }

  /** The account of an agent, made when it has none. Undefined when there is no room for another exporter. */
  take(
    addressText: string,
    address: Uint8Array,
    subAgentId: number,
    receivedMilliseconds: number,
  ): AgentAccount | undefined {
    const exporter = this.#takeExporter(addressText, receivedMilliseconds);
    if (exporter === undefined) return undefined;
    exporter.lastSeenMilliseconds = receivedMilliseconds;
    const known = this.find(addressText, address, subAgentId);
    if (known !== undefined) return known;
    const { agents } = exporter;
    if (agents.length >= this.#limits.agentsPerExporterMax) this.#evictAgent(addressText);
    const agent = new AgentAccount(address, subAgentId);
    agent.lastSeenMilliseconds = receivedMilliseconds;
    agents.push(agent);
    return agent;
  }

  /** A data source of the agent; undefined when there is no room for it. */
  source(addressText: string, agent: AgentAccount, type: number, index: number): DataSource | undefined {
    const key = (type & 0xff) * 0x100000000 + index;
    const sources = this.#exporters.get(addressText)!.sources;
    const known = agent.sources.get(key);
    if (known !== undefined) {
      sources.touch(known);
      return known;
    }
    if (sources.count >= this.#limits.sourcesPerExporterMax || this.#sourceCount >= this.#limits.sourcesMax) {
      if (sources.count === 0) return undefined;
      sources.removeOldest();
      this.#sourceCount--;
    }
    this.#sourceCount++;
    return sources.add(agent.sources, key, type & 0xff, index);
  }

  describe(addressText: string): SflowDescription | undefined {
    const exporter = this.#exporters.get(addressText);
    return exporter && { agents: exporter.agents.map((agent) => agent.describe()) };
  }

  forget(addressText: string): void {
    this.#sourceCount -= this.#exporters.get(addressText)?.sources.count ?? 0;
    this.#exporters.delete(addressText);
  }

  get usage(): { exporterCount: number; sourceCount: number } {
    return { exporterCount: this.#exporters.size, sourceCount: this.#sourceCount };
  }

  #takeExporter(addressText: string, nowMilliseconds: number): ExporterAccount | undefined {
    const known = this.#exporters.get(addressText);
    if (known !== undefined) return known;
    if (this.#exporters.size >= this.#limits.exportersMax && !this.#evictIdle(nowMilliseconds))
      return undefined;
    const exporter = { agents: [], sources: new SourceList(), lastSeenMilliseconds: nowMilliseconds };
    this.#exporters.set(addressText, exporter);
    return exporter;
  }

  /** Makes room by forgetting the exporter longest silent, if it is silent for long. Looks once a second at most. */
  #evictIdle(nowMilliseconds: number): boolean {
    if (nowMilliseconds < this.#nextEvictionMilliseconds) return false;
    this.#nextEvictionMilliseconds = nowMilliseconds + 1000;
    let oldest: [addressText: string, ExporterAccount] | undefined;
    for (const entry of this.#exporters)
      if (oldest === undefined || entry[1].lastSeenMilliseconds < oldest[1].lastSeenMilliseconds)
        oldest = entry;
    const [addressText, { lastSeenMilliseconds }] = oldest!;
    if (nowMilliseconds - lastSeenMilliseconds <= this.#limits.idleMilliseconds) return false;
    this.forget(addressText);
    return true;
  }

  #evictAgent(addressText: string): void {
    const { agents, sources } = this.#exporters.get(addressText)!;
    let oldest = 0;
    for (const [i, agent] of agents.entries())
      if (agent.lastSeenMilliseconds < agents[oldest]!.lastSeenMilliseconds) oldest = i;
    const [agent] = agents.splice(oldest, 1);
    for (const source of agent!.sources.values()) {
      sources.remove(source);
      this.#sourceCount--;
    }
  }
}
