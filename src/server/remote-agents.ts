import type { AddressPeers, NameTable } from "../enrich/index.ts";
import {
  type DropReason,
  dropReasons,
  type FlowBatch,
  type ObserverTable,
  type ReportDrop,
} from "../flow/index.ts";
import type { IngestHead, IngestMessage } from "../ingest/index.ts";
import type { Store } from "../store/index.ts";
import {
  type AskedName,
  type Nat,
  type PeerTable,
  type Stitcher,
  takeOutAttempts,
} from "../topology/index.ts";
import { createAgentRegister } from "./agent-register.ts";
import { createMessageReader } from "./message-reader.ts";
import {
  type Arrival,
  type IngestOutcome,
  type RemoteAgent,
  remoteLimits,
  type TurnedAway,
} from "./remote-agent.ts";

export interface RemoteAgentsDependencies {
  readonly nat: Nat;
  readonly stitcher: Pick<
    Stitcher,
    "enter" | "enterAgain" | "judge" | "mustWait" | "forgetObserver" | "setMachine" | "elsewhere"
  >;
  readonly addressPeers: Pick<AddressPeers, "enrich" | "rename">;
  readonly store: Pick<Store, "append" | "appendAsked" | "remember" | "hasIngested" | "freeRows">;
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

interface Waiting {
  readonly key: string;
  readonly agent: RemoteAgent;
  /** Without what has been taken from it already: peers, names, translations. */
  readonly head: IngestHead;
  readonly batch: FlowBatch;
  /** By rows of our table. */
  readonly asked: readonly AskedName[];
  readonly dueMilliseconds: number;
  readonly bytes: number;
  settle(outcome: IngestOutcome): void;
}

/**
 * Messages of agents on other machines, on their way into the store. Each is handed on whole, once, when the other ends of its
 * connections have had their time to be reported; and answered when it is durable.
 */
export function createRemoteAgents(dependencies: RemoteAgentsDependencies): RemoteAgents {
  const { nat, stitcher, addressPeers, store, fold, peers, drop, now } = dependencies;
  const register = createAgentRegister(dependencies);
  const reader = createMessageReader(dependencies);
  const pending = new Map<string, Promise<IngestOutcome>>();
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let waitingRows = 0;
  /** Messages whose records the live map has, but not the store: when they come again they are not folded again. */
  const folded = new Set<string>();

  function accept(message: IngestMessage, arrival: Arrival): Promise<IngestOutcome> {
    const { epoch, sequence, batch } = message;
    const agent = register.admit(message, arrival); // also one whose message must come again, or has come before
    if ("kind" in agent) return Promise.resolve(agent);
    const key = `${epoch}/${sequence}`;
    const before = store.hasIngested(epoch, sequence)
      ? Promise.resolve<IngestOutcome>({ kind: "durable", isDuplicate: true })
      : pending.get(key);
    if (before !== undefined) {
      agent.duplicateCount++;
      return before.then((outcome) =>
        outcome.kind === "durable" ? { ...outcome, isDuplicate: true } : outcome,
      );
    }
    if (!isRoomFor(agent, message))
      return Promise.resolve({ kind: "busy", reason: "more records wait to be stored than can be taken" });
    agent.messageCount++;
    agent.rowCount += batch.count;
    agent.report = message.report ?? agent.report;
    const answer = enter(agent, message, key, arrival);
    pending.set(key, answer);
    return answer.finally(() => pending.delete(key));
  }

  /**
   * An agent may hold as much as it leaves free: one alone gets half of the room, and whoever comes next finds some, however many
   * hold their share (dynamic thresholds, Choudhury and Hahne 1998).
   */
  function isRoomFor(agent: RemoteAgent, { batch, asked }: IngestMessage): boolean {
    const freeBytes = remoteLimits.waitingBytes - waitingBytes;
    const freeRows = store.freeRows - waitingRows;
    return (
      agent.waitingBytes + bytesOf(batch, asked) <= freeBytes &&
      (batch.count === 0 || agent.heldRows + batch.count <= freeRows)
    );
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
    const isNew = !folded.has(key);
    if (isNew) {
      reader.learn(message, sentMilliseconds);
      countDrops(agent, message);
    }
    let asked: readonly AskedName[] = [];
    charge(agent, () => {
      asked = reader.fill(message, sentMilliseconds);
      nat.undo(batch, seconds);
      addressPeers.enrich(batch);
    });
    const lostCount = message.asked.length - asked.length;
    if (isNew && lostCount > 0) drop("lookup_lost", message.node, lostCount);
    stitcher.enter(batch, seconds);
    takeOutAttempts(batch);
    return wait(agent, { head: headOf(message), batch, asked, key });
  }

  /** The peers that are made meanwhile are the agent's. */
  function charge(agent: RemoteAgent, work: () => void): void {
    const { refusedCount } = agent.peers;
    peers.charge(agent.peers, work);
    if (agent.peers.refusedCount > refusedCount) agent.peersRefusedMilliseconds = now();
  }

  function wait(
    agent: RemoteAgent,
    entered: Pick<Waiting, "head" | "batch" | "asked" | "key">,
  ): Promise<IngestOutcome> {
    const { batch, asked } = entered;
    const bytes = bytesOf(batch, asked);
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
      waiting.push({ ...entered, agent, dueMilliseconds, bytes, settle });
    });
  }

  function countDrops(agent: RemoteAgent, { drops, node }: IngestMessage): void {
    for (const { reason, count } of drops) {
      if (Object.hasOwn(dropReasons, reason)) drop(reason as DropReason, node, count);
      if (agent.drops.has(reason) || agent.drops.size < 64)
        agent.drops.set(reason, (agent.drops.get(reason) ?? 0) + count);
    }
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
    if (!isLast) register.forgetSilent();
    else for (const { settle } of rest) settle({ kind: "busy", reason: "the server is stopping" });
  }

  function handOn({ key, agent, head, batch, asked, bytes, settle }: Waiting): void {
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
    store.appendAsked(asked, seen, node);
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

  return {
    accept,
    flush,
    markPeers(mark) {
      for (const { batch, asked } of waiting) {
        for (const { peer } of asked) mark(peer);
        const { columns, count } = batch;
        for (let row = 0; row < count; row++) {
          mark(columns.sourcePeer[row]!);
          mark(columns.destinationPeer[row]!);
          mark(columns.calledPeer[row]!);
        }
      }
    },
    get waitMilliseconds() {
      return register.heardCount > 0 ? remoteLimits.otherEndMilliseconds : 0;
    },
    get heardCount() {
      return register.heardCount;
    },
    list: register.list,
    turnedAway: register.turnedAway,
    get waitingRows() {
      return waitingRows;
    },
  };
}

const foldedMax = 16_384;

function bytesOf(batch: FlowBatch, asked: readonly AskedName[]): number {
  return batch.buffer.byteLength + asked.length * remoteLimits.askedBytes + remoteLimits.messageBytes;
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
