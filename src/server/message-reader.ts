import type { AddressPeers, NameTable } from "../enrich/index.ts";
import { identityKey, type ObserverTable } from "../flow/index.ts";
import type { IngestMessage } from "../ingest/index.ts";
import {
  type AskedName,
  type Nat,
  observedEnd,
  type Peer,
  type PeerTable,
  type Stitcher,
} from "../topology/index.ts";
import { PodClaims } from "./pod-claims.ts";
import { agentRow, remoteLimits } from "./remote-agent.ts";
import { isPeerOf, peerToldBy, toldFacts, withoutPod } from "./told-peers.ts";

export interface MessageReaderDependencies {
  readonly nat: Pick<Nat, "learn">;
  readonly stitcher: Pick<Stitcher, "setMachine" | "elsewhere">;
  readonly addressPeers: Pick<AddressPeers, "rename">;
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
  readonly names: NameTable;
  /** Unix ms. */
  now(): number;
}

/** `sentMilliseconds` is when the agent sent a message by its own clock, unix ms, when it said so. */
export interface MessageReader {
  /** Takes what is told beside records: names and translations. */
  learn(message: IngestMessage, sentMilliseconds: number | undefined): void;
  /**
   * What stands for tables and clock of the agent becomes what stands for ours; its addresses are the machine's. Returns the names that
   * peers asked for, by our rows; without those of peers that are another machine's, or that there is no room for.
   */
  fill(message: IngestMessage, sentMilliseconds: number | undefined): AskedName[];
}

/** Reads agents' messages into this process's tables. */
export function createMessageReader({
  nat,
  stitcher,
  addressPeers,
  peers,
  observers,
  names,
  now,
}: MessageReaderDependencies): MessageReader {
  const claims = new PodClaims(now);

  function learn(message: IngestMessage, sentMilliseconds: number | undefined): void {
    const seconds = Math.floor(now() / 1000);
    const shift = shiftOf(sentMilliseconds);
    const { renamed, names: learned, translations, node } = message;
    const salt = saltOf(message);
    for (const translation of translations) {
      const networkNamespace = scopeOf(translation.networkNamespace, salt);
      const ended = translation.endedMilliseconds;
      const endedMilliseconds = ended === 0 ? 0 : Math.max(1, ended - shift);
      nat.learn({ ...translation, networkNamespace, endedMilliseconds }, seconds);
    }
    for (const peer of renamed) {
      if (!isPeerOf(node, peer.id)) continue;
      if (peer.name !== "") peers.rename(peer, peer.name);
      const { podUid = "" } = peers.get(peers.find(peer));
      if (podUid !== "" && claims.claim(podUid, message))
        peers.learnPod({ id: peer.id, address: peer.address, ...toldFacts(peer) });
    }
    for (const { address, name, ttlSeconds } of learned)
      if (names.remember(0, address, 0, name, ttlSeconds, seconds)) addressPeers.rename(address, 0, name);
  }

  function fill(message: IngestMessage, sentMilliseconds: number | undefined): AskedName[] {
    const { batch, asked, peers: told, node, instance, machine } = message;
    const { columns, count } = batch;
    /** By place in the message; 0 is not looked at yet, or named by the server. Peers that nothing refers to are not kept. */
    const rows = new Uint32Array(told.length + 1);
    const isLookedAt = new Uint8Array(told.length + 1);
    isLookedAt[0] = 1;
    const rowOf = (place: number) => {
      if (isLookedAt[place] === 0) {
        isLookedAt[place] = 1;
        rows[place] = internTold(message, told[place - 1]!);
      }
      return rows[place]!;
    };
    columns.observer.fill(agentRow(observers, node), 0, count);
    // Of an agent there are none; one that numbers its rows would make a link of each.
    columns.ingressInterface.fill(0, 0, count);
    columns.egressInterface.fill(0, 0, count);
    stitcher.setMachine(agentRow(observers, node), machine || instance);
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
    noteAddresses(message, Math.floor(now() / 1000));
    return asked.map((each) => ({ ...each, peer: rowOf(each.peer) })).filter(({ peer }) => peer > 1);
  }

  /** The machine's own addresses, and those that its kernel puts in their place: exporters may see either. */
  function noteAddresses({ batch, node, translations }: IngestMessage, seconds: number): void {
    const { elsewhere } = stitcher;
    const observer = agentRow(observers, node);
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
  function internTold(message: IngestMessage, told: Peer): number {
    const own = peerToldBy(message.node, told);
    if (own === undefined) return 0;
    const peer = own.podUid === undefined || claims.claim(own.podUid, message) ? own : withoutPod(own);
    const row = peers.intern(peer);
    if (row <= 1) return row;
    if (peer.name !== "") peers.rename(peer, peer.name);
    peers.learnPod(peer);
    return row;
  }

  return { learn, fill };
}

function saltOf({ instance }: IngestMessage): number {
  return identityKey(instance) >>> 0;
}

/** Two machines may number their network namespaces alike; 0 is none. */
function scopeOf(networkNamespace: number, salt: number): number {
  return networkNamespace === 0 ? 0 : (Math.imul(networkNamespace, 0x9e3779b1) ^ salt) >>> 0 || 1;
}
