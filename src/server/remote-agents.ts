import type { AddressPeers, NameTable } from "../enrich/index.ts";
import {
  type DropReason,
  dropReasons,
  type FlowBatch,
  identityKey,
  type ObserverTable,
  type ReportDrop,
} from "../flow/index.ts";
import type { AgentReport, IngestHead, IngestMessage } from "../ingest/index.ts";
import type { Store } from "../store/index.ts";
import {
  type Nat,
  observedEnd,
  type Peer,
  type PeerAccount,
  type PeerTable,
  type Stitcher,
  takeOutAttempts,
} from "../topology/index.ts";
import { isPeerOf, peerToldBy } from "./told-peers.ts";

export interface RemoteAgentsDependencies {
  readonly nat: Nat;
  readonly stitcher: Pick<
    Stitcher,
    "enter" | "enterAgain" | "judge" | "mustWait" | "forgetObserver" | "setMachine" | "elsewhere"
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
  /** The machines that token is for; undefined: any. */
  readonly nodes?: readonly string[] | undefined;
  readonly address: string;
}

/** `durable`: it is in the store. Otherwise it is not, and why; `conflict` and `forbidden` need somebody to change something. */
export type IngestOutcome =
  | { readonly kind: "durable"; readonly isDuplicate: boolean }
  | { readonly kind: "busy" | "forbidden"; readonly reason: string }
  | { readonly kind: "conflict"; readonly reason: string; readonly retryAfterMilliseconds: number };

/** An agent on another machine, as it was when it was last heard. */
export interface RemoteAgent {
  readonly instance: string;
  /** Fixed for as long as the agent is heard. */
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
  /** It said that it stops: another may report its node at once. */
  hasLeft: boolean;
  /** Whether its connections were forgotten because nothing was heard of it. */
  isForgotten: boolean;
  /** Memory of its messages that wait to be judged. */
  waitingBytes: number;
  /** Its rows that are not durable yet. */
  heldRows: number;
  /** What it has made of the peer table. */
  readonly peers: PeerAccount;
  /** When its share of that was last found taken, by our clock; 0 when it never was. */
  peersRefusedMilliseconds: number;
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
  /** What a message takes beside its rows. */
  messageBytes: 1024,
  /** Agents look once a second, each at a time of its own; the rest is for the way. */
  otherEndMilliseconds: 3000,
  /** An agent that is not heard for so long is gone: they report every ten seconds when there is nothing to tell. */
  silentMilliseconds: 30_000,
  /** Clocks that differ by less are left as they are. */
  clockMilliseconds: 1000,
} as const;

interface Waiting {
  readonly key: string;
  readonly agent: RemoteAgent;
  /** Without what has been taken from it already: peers, names, translations. */
  readonly head: IngestHead;
  readonly batch: FlowBatch;
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
    const conflict = forbid(message, arrival) ?? findConflict(message);
    if (conflict !== undefined) {
      if (conflict.kind !== "durable") rememberTurnedAway(message, arrival, conflict.reason);
      return Promise.resolve(conflict);
    }
    const key = `${epoch}/${sequence}`;
    const before = store.hasIngested(epoch, sequence)
      ? Promise.resolve<IngestOutcome>({ kind: "durable", isDuplicate: true })
      : pending.get(key);
    const known = agents.get(instance);
    if (known === undefined && agents.size >= remoteLimits.agents && !forgetOldest())
      return Promise.resolve({ kind: "busy", reason: `${remoteLimits.agents} agents are known already` });
    const agent = hear(message, arrival); // also one whose message must come again, or has come before
    if (before !== undefined) {
      agent.duplicateCount++;
      return before.then((outcome) =>
        outcome.kind === "durable" ? { ...outcome, isDuplicate: true } : outcome,
      );
    }
    turnedAway.delete(instance);
    if (!isRoomFor(agent, message.batch))
      return Promise.resolve({ kind: "busy", reason: "more records wait to be stored than can be taken" });
    agent.messageCount++;
    agent.rowCount += message.batch.count;
    agent.report = message.report ?? agent.report;
    const answer = enter(agent, message, key, arrival);
    pending.set(key, answer);
    return answer.finally(() => pending.delete(key));
  }

  function forbid({ node }: IngestMessage, { nodes, tokenName }: Arrival): IngestOutcome | undefined {
    if (nodes === undefined || nodes.includes(node)) return undefined;
    return {
      kind: "forbidden",
      reason: `the token ${tokenName} is not for ${node}: auth.ingestTokens, nodes`,
    };
  }

  function findConflict({ instance, node }: IngestMessage): IngestOutcome | undefined {
    if (dependencies.isObservedHere(node)) {
      return {
        kind: "conflict",
        reason: `${node} is observed by this server itself: start the server as portolan server, or the agent with another --node`,
        retryAfterMilliseconds: remoteLimits.silentMilliseconds,
      };
    }
    const other = agents.get(instanceByNode.get(node) ?? "");
    if (other !== undefined && other.instance !== instance && !other.hasLeft && isHeard(other))
      return {
        kind: "conflict",
        reason: `another agent reports ${node} already; give one of them another --node`,
        retryAfterMilliseconds: untilSilent(other),
      };
    const known = agents.get(instance);
    if (known !== undefined && known.node !== node && isHeard(known))
      return {
        kind: "conflict",
        reason: `this agent reported ${known.node} just now; it may report ${node} when ${remoteLimits.silentMilliseconds / 1000} s have gone by, or with a spool of its own`,
        retryAfterMilliseconds: untilSilent(known),
      };
    return undefined;
  }

  function rememberTurnedAway({ node, instance }: IngestMessage, { address }: Arrival, reason: string): void {
    turnedAway.delete(instance);
    turnedAway.set(instance, { node, instance, address, reason, lastSeenMilliseconds: now() });
    if (turnedAway.size > remoteLimits.turnedAway) turnedAway.delete(turnedAway.keys().next().value!);
  }

  /**
   * An agent may hold as much as it leaves free: one alone gets half of the room, and whoever comes next finds some, however many
   * hold their share (dynamic thresholds, Choudhury and Hahne 1998).
   */
  function isRoomFor(agent: RemoteAgent, batch: FlowBatch): boolean {
    const freeBytes = remoteLimits.waitingBytes - waitingBytes;
    const freeRows = store.freeRows - waitingRows;
    return (
      agent.waitingBytes + bytesOf(batch) <= freeBytes &&
      (batch.count === 0 || agent.heldRows + batch.count <= freeRows)
    );
  }

  function isHeard(agent: RemoteAgent): boolean {
    return untilSilent(agent) > 0;
  }

  function untilSilent({ lastSeenMilliseconds }: RemoteAgent): number {
    return lastSeenMilliseconds + remoteLimits.silentMilliseconds - now();
  }

  function heardCount(): number {
    let count = 0;
    for (const agent of agents.values()) if (isHeard(agent)) count++;
    return count;
  }

  /** Whoever was silent for longest makes room, unless all are heard. */
  function forgetOldest(): boolean {
    let oldest: RemoteAgent | undefined;
    for (const agent of agents.values())
      if (oldest === undefined || agent.lastSeenMilliseconds < oldest.lastSeenMilliseconds) oldest = agent;
    if (oldest === undefined || isHeard(oldest)) return false;
    giveUpNode(oldest);
    return agents.delete(oldest.instance);
  }

  /** The machine may be another agent's by now. */
  function giveUpNode({ node, instance }: RemoteAgent): void {
    if (instanceByNode.get(node) === instance) instanceByNode.delete(node);
  }

  function hear(message: IngestMessage, { sentMilliseconds, tokenName, address }: Arrival): RemoteAgent {
    const { instance, node, epoch, agentVersion: version, startedMilliseconds } = message;
    const agent = agents.get(instance) ?? newAgent(message, now());
    agents.set(instance, agent);
    if (agent.node !== node) giveUpNode(agent);
    follow(instanceByNode.get(node), node, instance);
    instanceByNode.set(node, instance);
    // What a spool has kept of an earlier start comes after a newer start only when somebody copied it.
    if (agent.epoch !== epoch && startedMilliseconds >= agent.startedMilliseconds) {
      stitcher.forgetObserver(observerRow(agent.node)); // what it held open, it will tell again
      Object.assign(agent, { epoch, startedMilliseconds, hasLeft: false });
    }
    if (message.isLast && agent.epoch === epoch) agent.hasLeft = true;
    const clockAheadMilliseconds = sentMilliseconds === undefined ? undefined : sentMilliseconds - now();
    const lastSeenMilliseconds = now();
    Object.assign(agent, { node, version, tokenName, address, lastSeenMilliseconds, clockAheadMilliseconds });
    agent.isForgotten = false;
    return agent;
  }

  /** Who reports a node in another's place tells again what that one held open. */
  function follow(before: string | undefined, node: string, instance: string): void {
    const other = agents.get(before ?? "");
    if (other === undefined || other.instance === instance || other.isForgotten) return;
    other.isForgotten = true;
    stitcher.forgetObserver(observerRow(node));
  }

  /** Everything but the judgement. What is kept until then is the head and the rows. */
  function enter(
    agent: RemoteAgent,
    message: IngestMessage,
    key: string,
    { sentMilliseconds }: Arrival,
  ): Promise<IngestOutcome> {
    const { batch } = message;
    const seconds = Math.floor(now() / 1000);
    if (!folded.has(key)) {
      learn(message, shiftOf(sentMilliseconds), seconds);
      countDrops(message);
    }
    charge(agent, () => {
      fill(message, sentMilliseconds);
      noteAddresses(message, seconds);
      nat.undo(batch, seconds);
      addressPeers.enrich(batch);
    });
    stitcher.enter(batch, seconds);
    takeOutAttempts(batch);
    return wait(agent, headOf(message), batch, key);
  }

  /** The peers that are made meanwhile are the agent's. */
  function charge(agent: RemoteAgent, work: () => void): void {
    const { refusedCount } = agent.peers;
    peers.charge(agent.peers, work);
    if (agent.peers.refusedCount > refusedCount) agent.peersRefusedMilliseconds = now();
  }

  function wait(agent: RemoteAgent, head: IngestHead, batch: FlowBatch, key: string): Promise<IngestOutcome> {
    const bytes = bytesOf(batch);
    const rows = batch.count;
    waitingBytes += bytes;
    waitingRows += rows;
    agent.waitingBytes += bytes;
    agent.heldRows += rows;
    const dueMilliseconds = now() + remoteLimits.otherEndMilliseconds;
    return new Promise((resolve) => {
      const settle = (outcome: IngestOutcome) => {
        agent.heldRows -= rows;
        resolve(outcome);
      };
      waiting.push({ key, agent, head, batch, dueMilliseconds, bytes, settle });
    });
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
    for (const { id, address, name } of renamed)
      if (isPeerOf(node, id) && name !== "") peers.rename({ id, address }, name);
    for (const { address, name, ttlSeconds } of learned)
      if (names.remember(0, address, 0, name, ttlSeconds, seconds)) addressPeers.rename(address, 0, name);
  }

  function countDrops({ drops, node, instance }: IngestMessage): void {
    const agent = agents.get(instance)!;
    for (const { reason, count } of drops) {
      if (Object.hasOwn(dropReasons, reason)) drop(reason as DropReason, node, count);
      if (agent.drops.has(reason) || agent.drops.size < 64)
        agent.drops.set(reason, (agent.drops.get(reason) ?? 0) + count);
    }
  }

  /** What stands for tables of the agent becomes what stands for ours. */
  function fill(message: IngestMessage, sentMilliseconds: number | undefined): void {
    const { batch, peers: told, node, instance, machine } = message;
    const { columns, count } = batch;
    /** By place in the message; 0 is not looked at yet, or named by the server. Peers that no row refers to are not kept. */
    const rows = new Uint32Array(told.length + 1);
    const isLookedAt = new Uint8Array(told.length + 1);
    isLookedAt[0] = 1;
    const rowOf = (place: number) => {
      if (isLookedAt[place] === 0) {
        isLookedAt[place] = 1;
        rows[place] = internTold(node, told[place - 1]!);
      }
      return rows[place]!;
    };
    columns.observer.fill(observerRow(node), 0, count);
    stitcher.setMachine(observerRow(node), machine || instance);
    const salt = saltOf(message);
    const shift = shiftOf(sentMilliseconds);
    for (let row = 0; row < count; row++) {
      columns.sourcePeer[row] = rowOf(columns.sourcePeer[row]!);
      columns.destinationPeer[row] = rowOf(columns.destinationPeer[row]!);
      columns.connectionScope[row] = scopeOf(columns.connectionScope[row]!, salt);
      if (shift === 0) continue;
      columns.flowStartMilliseconds[row] = Math.max(0, columns.flowStartMilliseconds[row]! - shift);
      columns.flowEndMilliseconds[row] = Math.max(0, columns.flowEndMilliseconds[row]! - shift);
    }
  }

  /** The machine's own addresses, and those that its kernel puts in their place: exporters may see either. */
  function noteAddresses({ batch, node, translations }: IngestMessage, seconds: number): void {
    const { elsewhere } = stitcher;
    const observer = observerRow(node);
    const { columns, sourceWords, destinationWords } = batch;
    for (let row = 0; row < batch.count; row++) {
      const isClient = columns.observedEnd[row] === observedEnd.client;
      elsewhere.note(isClient ? sourceWords : destinationWords, row * 4, observer, seconds);
    }
    for (const { addresses } of translations) {
      const words = new Uint32Array(Uint8Array.from(addresses).buffer);
      const [originalSource, originalDestination, replySource, replyDestination] = [0, 4, 8, 12] as const;
      const differ = (one: number, other: number) =>
        words.subarray(one, one + 4).some((word, i) => word !== words[other + i]);
      if (differ(originalSource, replyDestination))
        elsewhere.note(words, replyDestination, observer, seconds);
      if (differ(originalDestination, replySource))
        elsewhere.note(words, originalDestination, observer, seconds);
    }
  }

  /** How far times by the agent's clock are ahead of ours, when that is worth setting right. */
  function shiftOf(sentMilliseconds: number | undefined): number {
    const ahead = sentMilliseconds === undefined ? 0 : sentMilliseconds - now();
    return Math.abs(ahead) > remoteLimits.clockMilliseconds ? ahead : 0;
  }

  /** 0: the server names it. */
  function internTold(node: string, told: Peer): number {
    const peer = peerToldBy(node, told);
    if (peer === undefined) return 0;
    const row = peers.intern(peer);
    if (peer.name !== "" && row > 1) peers.rename(peer, peer.name);
    return row;
  }

  function observerRow(node: string): number {
    return observers.intern({ id: `agent:${node}`, kind: "agent", name: node });
  }

  function flush(isLast = false): void {
    const rest: Waiting[] = [];
    for (const one of waiting) {
      const { batch } = one;
      const isDue = isLast || now() >= one.dueMilliseconds || !stitcher.mustWait(batch);
      if (!isDue || store.freeRows < batch.count) rest.push(one);
      else handOn(one);
    }
    waiting = rest;
    if (!isLast) forgetSilent();
    else for (const { settle } of rest) settle({ kind: "busy", reason: "the server is stopping" });
  }

  function handOn({ key, agent, head, batch, bytes, settle }: Waiting): void {
    const { instance, epoch, sequence, node, agentVersion } = head;
    waitingBytes -= bytes;
    agent.waitingBytes -= bytes;
    waitingRows -= batch.count;
    const seen = now();
    batch.columns.collectionTimeMilliseconds.fill(seen, 0, batch.count); // history is ordered by when records are handed on
    const seconds = Math.floor(seen / 1000);
    if (nat.undo(batch, seconds)) {
      stitcher.enterAgain(batch, seconds);
      charge(agent, () => addressPeers.enrich(batch));
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
      for (const { batch } of waiting) {
        const { columns, count } = batch;
        for (let row = 0; row < count; row++) {
          mark(columns.sourcePeer[row]!);
          mark(columns.destinationPeer[row]!);
          mark(columns.calledPeer[row]!);
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

function bytesOf(batch: FlowBatch): number {
  return batch.buffer.byteLength + remoteLimits.messageBytes;
}

/** A copy: what a message holds beside is let go. */
function headOf(message: IngestMessage): IngestHead {
  const { node, instance, epoch, sequence, agentVersion, machine, isLast } = message;
  const { startedMilliseconds, sealedMilliseconds } = message;
  return {
    ...{ node, instance, epoch, sequence, agentVersion, machine, isLast },
    ...{ startedMilliseconds, sealedMilliseconds },
  };
}

function newAgent(
  { instance, node, epoch, agentVersion, startedMilliseconds }: IngestMessage,
  firstSeenMilliseconds: number,
): RemoteAgent {
  return {
    ...{ instance, node, epoch, version: agentVersion, startedMilliseconds, tokenName: "", address: "" },
    firstSeenMilliseconds,
    ...{ lastSeenMilliseconds: 0, clockAheadMilliseconds: undefined, report: undefined, isForgotten: false },
    hasLeft: false,
    ...{ waitingBytes: 0, heldRows: 0 },
    peers: { name: node, rows: 0, characters: 0, refusedCount: 0 },
    peersRefusedMilliseconds: 0,
    ...{ messageCount: 0, rowCount: 0, duplicateCount: 0, drops: new Map<string, number>() },
  };
}
