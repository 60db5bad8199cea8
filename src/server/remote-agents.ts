import type { AddressPeers, NameTable } from "../enrich/index.ts";
import {
  type DropReason,
  dropReasons,
  type FlowBatch,
  identityKey,
  type ObserverTable,
  type ReportDrop,
} from "../flow/index.ts";
import type { AgentReport, IngestMessage } from "../ingest/index.ts";
import type { Store } from "../store/index.ts";
import { type Nat, type PeerTable, type Stitcher, takeOutAttempts } from "../topology/index.ts";

export interface RemoteAgentsDependencies {
  readonly nat: Nat;
  readonly stitcher: Pick<
    Stitcher,
    "enter" | "enterAgain" | "judge" | "mustWait" | "forgetObserver" | "setMachine"
  >;
  readonly addressPeers: Pick<AddressPeers, "enrich" | "rename">;
  readonly store: Pick<Store, "append" | "remember" | "hasIngested" | "freeRows">;
  readonly fold: { fold(batch: FlowBatch): void };
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
  readonly names: NameTable;
  readonly drop: ReportDrop;
  /** Whether this process reads the sockets of that machine itself. */
  isObservedHere(node: string): boolean;
  /** Unix ms. */
  now(): number;
}

/** What else is known of a message's way here. */
export interface Arrival {
  /** Unix ms by the agent's clock at which it was sent, when it said so. */
  readonly sentMilliseconds?: number | undefined;
  /** Whose token it came with; "" without one. */
  readonly tokenName: string;
  readonly address: string;
}

/** `durable`: it is in the store. Otherwise it is not, and why; `conflict` needs somebody to change something. */
export type IngestOutcome =
  | { readonly kind: "durable"; readonly isDuplicate: boolean }
  | { readonly kind: "busy" | "conflict"; readonly reason: string };

/** An agent on another machine, as it was when it was last heard. */
export interface RemoteAgent {
  readonly instance: string;
  node: string;
  version: string;
  /** Whose token it shows. */
  tokenName: string;
  address: string;
  epoch: string;
  startedMilliseconds: number;
  /** By our clock. */
  lastSeenMilliseconds: number;
  /** How far its clock is ahead of ours; undefined when it did not say when it sent. */
  clockAheadMilliseconds: number | undefined;
  /** By our clock. */
  readonly firstSeenMilliseconds: number;
  messageCount: number;
  rowCount: number;
  duplicateCount: number;
  /** Counted by the agent itself, by reason. */
  readonly drops: Map<string, number>;
  report: AgentReport | undefined;
  /** Whether its connections were forgotten because nothing was heard of it. */
  isForgotten: boolean;
}

/** Who was turned away, because its machine is reported already. */
export interface TurnedAway {
  readonly node: string;
  readonly instance: string;
  readonly address: string;
  readonly reason: string;
  /** By our clock. */
  readonly lastSeenMilliseconds: number;
}

export interface RemoteAgents {
  /** Resolves when the message's records are durable, or will not be. */
  accept(message: IngestMessage, arrival: Arrival): Promise<IngestOutcome>;
  /** Hands on what has waited long enough for other ends; at the end, all of it. */
  flush(isLast?: boolean): void;
  /** Marks the peers of what waits. */
  markPeers(mark: (peer: number) => void): void;
  /** How long a server's end waits for its client's: 0 when nobody but this machine's own agent could report it. */
  readonly waitMilliseconds: number;
  list(): readonly RemoteAgent[];
  /** Those turned away of late, at most `remoteLimits.turnedAway`. */
  turnedAway(): readonly TurnedAway[];
  /** Agents heard of late. */
  readonly heardCount: number;
  /** Rows that wait to be judged. */
  readonly waitingRows: number;
}

export const remoteLimits = {
  agents: 4096,
  turnedAway: 64,
  /** Whoever was turned away asks again after half a minute, or has gone. */
  turnedAwayMilliseconds: 120_000,
  /** Memory of what waits to be judged. */
  waitingBytes: 128 * 2 ** 20,
  /** Agents look once a second, each at a time of its own; the rest is for the way. */
  otherEndMilliseconds: 3000,
  /** An agent that is not heard for so long is gone: they report every ten seconds when there is nothing to tell. */
  silentMilliseconds: 30_000,
  /** Clocks that differ by less are left as they are. */
  clockMilliseconds: 1000,
} as const;

interface Waiting {
  readonly key: string;
  readonly message: IngestMessage;
  readonly dueMilliseconds: number;
  readonly bytes: number;
  settle(outcome: IngestOutcome): void;
}

/**
 * Messages of agents on other machines, on their way into the store. Each is handed on whole, once, when the other ends of its
 * connections have had their time to be reported; and answered when it is durable.
 */
export function createRemoteAgents(dependencies: RemoteAgentsDependencies): RemoteAgents {
  const { nat, stitcher, addressPeers, store, fold, peers, observers, names, drop, now } = dependencies;
  const agents = new Map<string, RemoteAgent>();
  /** Who reported a machine last. */
  const instanceByNode = new Map<string, string>();
  /** By instance, whoever asked last at the end. */
  const turnedAway = new Map<string, TurnedAway>();
  const pending = new Map<string, Promise<IngestOutcome>>();
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let waitingRows = 0;
  /** Messages whose records the live map has, but not the store: when they come again they are not folded again. */
  const folded = new Set<string>();

  function accept(message: IngestMessage, arrival: Arrival): Promise<IngestOutcome> {
    const { epoch, sequence, instance } = message;
    const key = `${epoch}/${sequence}`;
    const before = store.hasIngested(epoch, sequence)
      ? Promise.resolve<IngestOutcome>({ kind: "durable", isDuplicate: true })
      : pending.get(key);
    if (before !== undefined) {
      const agent = agents.get(instance);
      if (agent !== undefined) agent.duplicateCount++;
      return before.then((outcome) =>
        outcome.kind === "durable" ? { ...outcome, isDuplicate: true } : outcome,
      );
    }
    const refused = refuse(message);
    if (refused !== undefined) {
      if (refused.kind === "conflict") rememberTurnedAway(message, arrival, refused.reason);
      return Promise.resolve(refused);
    }
    turnedAway.delete(instance);
    hear(message, arrival);
    const answer = new Promise<IngestOutcome>((settle) => enter(message, key, arrival, settle));
    pending.set(key, answer);
    return answer.finally(() => pending.delete(key));
  }

  function refuse({ instance, node, batch }: IngestMessage): IngestOutcome | undefined {
    if (dependencies.isObservedHere(node)) {
      return {
        kind: "conflict",
        reason: `${node} is observed by this server itself: start the server as portolan server, or the agent with another --node`,
      };
    }
    const other = agents.get(instanceByNode.get(node) ?? "");
    if (other !== undefined && other.node === node && other.instance !== instance && isHeard(other))
      return {
        kind: "conflict",
        reason: `another agent reports ${node} already; give one of them another --node`,
      };
    if (!agents.has(instance) && agents.size >= remoteLimits.agents && !forgetOldest())
      return { kind: "busy", reason: `${remoteLimits.agents} agents are known already` };
    if (
      waitingBytes + batch.buffer.byteLength > remoteLimits.waitingBytes ||
      store.freeRows < waitingRows + batch.count
    )
      return { kind: "busy", reason: "more records wait to be stored than can be taken" };
    return undefined;
  }

  function rememberTurnedAway({ node, instance }: IngestMessage, { address }: Arrival, reason: string): void {
    turnedAway.delete(instance);
    turnedAway.set(instance, { node, instance, address, reason, lastSeenMilliseconds: now() });
    if (turnedAway.size > remoteLimits.turnedAway) turnedAway.delete(turnedAway.keys().next().value!);
  }

  function isHeard({ lastSeenMilliseconds }: RemoteAgent): boolean {
    return now() - lastSeenMilliseconds < remoteLimits.silentMilliseconds;
  }

  function heardCount(): number {
    let count = 0;
    for (const agent of agents.values()) if (isHeard(agent)) count++;
    return count;
  }

  /** Whoever was silent for longest makes room, unless all are heard. */
  function forgetOldest(): boolean {
    const [oldest] = [...agents.values()].sort((a, b) => a.lastSeenMilliseconds - b.lastSeenMilliseconds);
    if (oldest === undefined || isHeard(oldest)) return false;
    instanceByNode.delete(oldest.node);
    return agents.delete(oldest.instance);
  }

  function hear(message: IngestMessage, { sentMilliseconds, tokenName, address }: Arrival): void {
    const { instance, node, epoch, agentVersion: version, startedMilliseconds } = message;
    const agent = agents.get(instance) ?? newAgent(message, now());
    agents.set(instance, agent);
    if (agent.node !== node) instanceByNode.delete(agent.node);
    instanceByNode.set(node, instance);
    // What a spool has kept of an earlier start comes after a newer start only when somebody copied it.
    if (agent.epoch !== epoch && startedMilliseconds >= agent.startedMilliseconds) {
      stitcher.forgetObserver(observerRow(agent.node)); // what it held open, it will tell again
      Object.assign(agent, { epoch, startedMilliseconds });
    }
    const clockAheadMilliseconds = sentMilliseconds === undefined ? undefined : sentMilliseconds - now();
    const lastSeenMilliseconds = now();
    Object.assign(agent, { node, version, tokenName, address, lastSeenMilliseconds, clockAheadMilliseconds });
    agent.isForgotten = false;
    agent.messageCount++;
    agent.rowCount += message.batch.count;
    agent.report = message.report ?? agent.report;
  }

  /** Everything but the judgement. */
  function enter(
    message: IngestMessage,
    key: string,
    { sentMilliseconds }: Arrival,
    settle: (outcome: IngestOutcome) => void,
  ): void {
    const { batch } = message;
    const seconds = Math.floor(now() / 1000);
    if (!folded.has(key)) {
      learn(message, shiftOf(sentMilliseconds), seconds);
      countDrops(message);
    }
    fill(message, sentMilliseconds);
    nat.undo(batch, seconds);
    addressPeers.enrich(batch);
    stitcher.enter(batch, seconds);
    takeOutAttempts(batch);
    const dueMilliseconds = now() + remoteLimits.otherEndMilliseconds;
    const bytes = batch.buffer.byteLength;
    waiting.push({ key, message, dueMilliseconds, bytes, settle });
    waitingBytes += bytes;
    waitingRows += batch.count;
  }

  function learn(message: IngestMessage, shift: number, seconds: number): void {
    const { renamed, names: learned, translations, node } = message;
    const salt = saltOf(message);
    for (const translation of translations) {
      const networkNamespace = scopeOf(translation.networkNamespace, salt);
      const ended = translation.endedMilliseconds;
      const endedMilliseconds = ended === 0 ? 0 : Math.max(1, ended - shift);
      nat.learn({ ...translation, networkNamespace, endedMilliseconds }, seconds);
    }
    // Of other machines' peers an agent has nothing to say.
    for (const { id, address, name } of renamed) {
      const isItsOwn = id.slice(id.indexOf(":") + 1).startsWith(`${node}/`);
      if (isItsOwn && name !== "") peers.rename({ id, address }, name);
    }
    for (const { address, name, ttlSeconds } of learned)
      if (names.remember(0, address, 0, name, ttlSeconds, seconds)) addressPeers.rename(address, 0, name);
  }

  function countDrops({ drops, node, instance }: IngestMessage): void {
    const agent = agents.get(instance)!;
    for (const { reason, count } of drops) {
      if (reason in dropReasons) drop(reason as DropReason, node, count);
      if (agent.drops.has(reason) || agent.drops.size < 64)
        agent.drops.set(reason, (agent.drops.get(reason) ?? 0) + count);
    }
  }

  /** What stands for tables of the agent becomes what stands for ours. */
  function fill(message: IngestMessage, sentMilliseconds: number | undefined): void {
    const { batch, peers: told, node, instance, machine } = message;
    const { columns, count } = batch;
    const rows = told.map((peer) => {
      const row = peers.intern(peer);
      const isItsOwn = peer.node === node || peer.node.startsWith(`${node}/`); // also in a namespace of its
      if (isItsOwn && peer.name !== "" && row > 1) peers.rename(peer, peer.name);
      return row;
    });
    columns.observer.fill(observerRow(node), 0, count);
    stitcher.setMachine(observerRow(node), machine || instance);
    const salt = saltOf(message);
    const shift = shiftOf(sentMilliseconds);
    for (let row = 0; row < count; row++) {
      columns.sourcePeer[row] = rows[columns.sourcePeer[row]! - 1] ?? 0;
      columns.destinationPeer[row] = rows[columns.destinationPeer[row]! - 1] ?? 0;
      columns.connectionScope[row] = scopeOf(columns.connectionScope[row]!, salt);
      if (shift === 0) continue;
      columns.flowStartMilliseconds[row] = Math.max(0, columns.flowStartMilliseconds[row]! - shift);
      columns.flowEndMilliseconds[row] = Math.max(0, columns.flowEndMilliseconds[row]! - shift);
    }
  }

  /** How far times by the agent's clock are ahead of ours, when that is worth setting right. */
  function shiftOf(sentMilliseconds: number | undefined): number {
    const ahead = sentMilliseconds === undefined ? 0 : sentMilliseconds - now();
    return Math.abs(ahead) > remoteLimits.clockMilliseconds ? ahead : 0;
  }

  function observerRow(node: string): number {
    return observers.intern({ id: `agent:${node}`, kind: "agent", name: node });
  }

  function flush(isLast = false): void {
    const rest: Waiting[] = [];
    for (const one of waiting) {
      const { batch } = one.message;
      const isDue = isLast || now() >= one.dueMilliseconds || !stitcher.mustWait(batch);
      if (!isDue || store.freeRows < batch.count) rest.push(one);
      else handOn(one);
    }
    waiting = rest;
    if (!isLast) forgetSilent();
    else for (const { settle } of rest) settle({ kind: "busy", reason: "the server is stopping" });
  }

  function handOn({ key, message, bytes, settle }: Waiting): void {
    const { batch, instance, epoch, sequence, node, agentVersion } = message;
    waitingBytes -= bytes;
    waitingRows -= batch.count;
    const seen = now();
    batch.columns.collectionTimeMilliseconds.fill(seen, 0, batch.count); // history is ordered by when records are handed on
    const seconds = Math.floor(seen / 1000);
    if (nat.undo(batch, seconds)) {
      stitcher.enterAgain(batch, seconds);
      addressPeers.enrich(batch);
    }
    stitcher.judge(batch, seconds);
    if (!folded.has(key)) fold.fold(batch);
    if (batch.count > 0) store.append(batch);
    store.remember({ instance, epoch, sequence, node, agentVersion, seen }).then((isDurable) => {
      if (isDurable) folded.delete(key);
      else if (folded.size < foldedMax) folded.add(key);
      settle(
        isDurable
          ? { kind: "durable", isDuplicate: false }
          : { kind: "busy", reason: "the store could not write" },
      );
    });
  }

  function forgetSilent(): void {
    for (const agent of agents.values()) {
      if (agent.isForgotten || isHeard(agent)) continue;
      agent.isForgotten = true;
      stitcher.forgetObserver(observerRow(agent.node));
    }
  }

  return {
    accept,
    flush,
    markPeers(mark) {
      for (const { message } of waiting) {
        const { columns, count } = message.batch;
        for (let row = 0; row < count; row++) {
          mark(columns.sourcePeer[row]!);
          mark(columns.destinationPeer[row]!);
        }
      }
    },
    get waitMilliseconds() {
      return heardCount() > 0 ? remoteLimits.otherEndMilliseconds : 0;
    },
    get heardCount() {
      return heardCount();
    },
    list: () => [...agents.values()],
    turnedAway: () =>
      [...turnedAway.values()].filter(
        ({ lastSeenMilliseconds }) => now() - lastSeenMilliseconds < remoteLimits.turnedAwayMilliseconds,
      ),
    get waitingRows() {
      return waitingRows;
    },
  };
}

const foldedMax = 16_384;

function saltOf({ instance }: IngestMessage): number {
  return identityKey(instance) >>> 0;
}

/** Two machines may number their network namespaces alike; 0 is none. */
function scopeOf(networkNamespace: number, salt: number): number {
  return networkNamespace === 0 ? 0 : (Math.imul(networkNamespace, 0x9e3779b1) ^ salt) >>> 0 || 1;
}

function newAgent(
  { instance, node, epoch, agentVersion, startedMilliseconds }: IngestMessage,
  firstSeenMilliseconds: number,
): RemoteAgent {
  return {
    ...{ instance, node, epoch, version: agentVersion, startedMilliseconds, tokenName: "", address: "" },
    firstSeenMilliseconds,
    ...{ lastSeenMilliseconds: 0, clockAheadMilliseconds: undefined, report: undefined, isForgotten: false },
    ...{ messageCount: 0, rowCount: 0, duplicateCount: 0, drops: new Map<string, number>() },
  };
}
