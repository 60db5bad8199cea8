import { FlowBatch } from "../flow/index.ts";
import {
  type AgentReport,
  type IngestHead,
  type IngestMessage,
  ingestLimits,
  type LearnedName,
  type PeerName,
  textLimits,
  writeMessage,
} from "../ingest/index.ts";
import {
  type AskedName,
  type Peer,
  type PeerTable,
  podFactsOf,
  type Translation,
} from "../topology/index.ts";
import { BoundedFacts } from "./bounded-facts.ts";

/** A message, not compressed yet. */
export interface BuiltMessage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly rowCount: number;
}

type Facts = Pick<IngestMessage, "renamed" | "names" | "translations" | "drops" | "report">;
const nothing: Facts = { renamed: [], names: [], translations: [], drops: [] };

/** Of one message. */
const translationsMax = 16_384;
const namesMax = 16_384;
/** Of names, of peers that are called otherwise, and of names with who asked for them: what workloads look up must not crowd out what they do. */
const factBytesMax = 2 * 2 ** 20;
/** A message is ended when it has about so many bytes: half of what a server takes, since a row is counted when it is in. */
export const messageBytesMax = ingestLimits.bytes / 2;
/** No less than what an element takes: all columns of a row; the numbers, lengths and tags of the others. */
const [rowBytes, translationBytes, dropBytes, reportBytes] = [256, 128, 256, 64 * 1024];
const askedBytes = 128;
const elementBytes = 64;
/** Names are told again with every message that needs them; a server keeps them for so long at least. */
const nameTtlSeconds = 3600;

/** Gathers what the next message tells. Rows and names asked for refer to peers of `peers`, which may be freed when nothing is gathered. */
export class MessageBuilder {
  readonly #peers: PeerTable;
  readonly #batch: FlowBatch;
  readonly #renamed = new BoundedFacts<PeerName>(namesMax, factBytesMax, renamedBytes);
  readonly #names = new BoundedFacts<LearnedName>(
    namesMax,
    factBytesMax,
    ({ name }) => elementBytes + textBytes(name),
  );
  readonly #onNameLost: () => void;
  #translations: Translation[] = [];
  /** Their peers are rows of the table. */
  #asked: AskedName[] = [];
  /** What they take in a message, with their peers. */
  #askedBytes = 0;
  readonly #askers = new Set<number>();
  #drops = new Map<string, number>();

  /** `onNameLost` is told of each name for which a message has no room. */
  constructor(peers: PeerTable, rowsMax: number, onNameLost: () => void) {
    this.#peers = peers;
    this.#onNameLost = onNameLost;
    this.#batch = new FlowBatch(rowsMax);
    peers.onRename((row) => this.#rename(peers.get(row)));
  }

  get isFull(): boolean {
    return this.#batch.free === 0 || this.#translations.length >= translationsMax;
  }

  get isEmpty(): boolean {
    return (
      this.#batch.count === 0 &&
      this.#renamed.size === 0 &&
      this.#names.size === 0 &&
      this.#translations.length === 0 &&
      this.#asked.length === 0 &&
      this.#drops.size === 0
    );
  }

  /** Copies rows until it is full; returns how many. */
  add(batch: FlowBatch, from: number): number {
    const count = Math.min(batch.count - from, this.#batch.free);
    this.#batch.copyRows(from, this.#batch.append(count), count, batch);
    return count;
  }

  learn(address: Uint8Array, name: string): void {
    const isKept = this.#names.set(address.join(), { address, name, ttlSeconds: nameTtlSeconds });
    if (!isKept) this.#onNameLost();
  }

  /** Copies it. */
  translate({ addresses, ...numbers }: Translation): void {
    const { originalSourcePort, originalDestinationPort, replySourcePort, replyDestinationPort } = numbers;
    const { protocol, networkNamespace, endedMilliseconds } = numbers;
    this.#translations.push({
      addresses: addresses.slice(),
      ...{ originalSourcePort, originalDestinationPort, replySourcePort, replyDestinationPort },
      ...{ protocol, networkNamespace, endedMilliseconds },
    });
  }

  /** Takes as many as a message has room for; returns how many it left. */
  ask(asked: readonly AskedName[]): number {
    const before = this.#asked.length;
    for (const each of asked) {
      const { peer, name } = each;
      const peerRoom = this.#askers.has(peer) ? 0 : peerBytes(this.#peers.get(peer));
      const bytes = this.#askedBytes + askedBytes + textBytes(name) + peerRoom;
      if (this.#asked.length >= ingestLimits.asked || bytes > factBytesMax) continue;
      this.#asked.push(each);
      this.#askers.add(peer);
      this.#askedBytes = bytes;
    }
    return asked.length - (this.#asked.length - before);
  }

  countDrop(reason: string, count: number): void {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + count);
  }

  /** Everything gathered, in as many messages as the format's limits ask for, numbered from `sequence` on. The first has all but the further rows. */
  build(
    head: Omit<IngestHead, "sequence">,
    sequence: number,
    report: AgentReport | undefined,
  ): BuiltMessage[] {
    const built: BuiltMessage[] = [];
    let factBytes = this.#factBytes(report);
    let facts: Facts = {
      renamed: this.#renamed.take(),
      names: this.#names.take(),
      translations: this.#translations,
      drops: [...this.#drops].map(([reason, count]) => ({ reason, count })),
      report,
    };
    let asked: readonly AskedName[] = this.#asked;
    let from = 0;
    do {
      const { to, ...told } = this.#tellRows(from, facts.names, asked, factBytes);
      const bytes = writeMessage({ ...head, ...facts, ...told, sequence: sequence + built.length });
      built.push({ bytes, rowCount: to - from });
      [from, facts, factBytes, asked] = [to, nothing, 0, []];
    } while (from < this.#batch.count);
    this.#batch.clear();
    this.#translations = [];
    this.#asked = [];
    this.#askedBytes = 0;
    this.#askers.clear();
    this.#drops = new Map();
    return built;
  }

  #factBytes(report: AgentReport | undefined): number {
    const lists = this.#translations.length * translationBytes + this.#drops.size * dropBytes;
    const named = this.#renamed.bytes + this.#names.bytes + this.#askedBytes;
    return named + lists + (report === undefined ? 0 : reportBytes);
  }

  /**
   * The rows from `from` on until a message of `bytes` already is as long as it may be, and what their peers are. Of hosts that are
   * nothing but an address the server knows as much; what workloads call them is told as names.
   */
  #tellRows(
    from: number,
    names: readonly LearnedName[],
    asked: readonly AskedName[],
    bytes: number,
  ): Pick<IngestMessage, "batch" | "peers" | "names" | "asked"> & { readonly to: number } {
    const peers: Peer[] = [];
    const learned = [...names];
    const { columns, count } = this.#batch;
    const { sourcePeer, destinationPeer, sourceAddress, destinationAddress } = columns;
    // Of each row of the table, one more than its place; 0 where it was not met yet.
    const met = new Uint32Array(this.#peers.rowsEnd);
    met[0] = 1;
    const meet = (peerRow: number): number => {
      const peer = this.#peers.get(peerRow);
      const place = isAddress(peer) ? 0 : peers.push(peer);
      met[peerRow] = place + 1;
      return place === 0 ? 0 : peerBytes(peer);
    };
    /** Returns what it takes in a message. */
    const meetEnd = (peerRow: number, addresses: Uint8Array, row: number): number => {
      const more = meet(peerRow);
      const { name, address } = this.#peers.get(peerRow);
      if (met[peerRow] !== 1 || name === address || learned.length >= ingestLimits.names) return more;
      const own = addresses.slice(row * 16, row * 16 + 16);
      learned.push({ address: own, name, ttlSeconds: nameTtlSeconds });
      return more + elementBytes + textBytes(name);
    };
    let messageBytes = bytes;
    for (const { peer } of asked) if (met[peer] === 0) messageBytes += meet(peer);
    const askedOf = asked.map((each) => ({ ...each, peer: met[each.peer]! - 1 }));
    let to = from;
    for (; to < count && messageBytes < messageBytesMax; to++) {
      const [source, destination] = [sourcePeer[to]!, destinationPeer[to]!];
      messageBytes += rowBytes;
      if (met[source] === 0) messageBytes += meetEnd(source, sourceAddress, to);
      if (met[destination] === 0) messageBytes += meetEnd(destination, destinationAddress, to);
    }
    // All of them, as a rule: then without a copy, since they are cleared behind the message.
    const batch = from === 0 && to === count ? this.#batch : copyRows(this.#batch, from, to);
    for (const column of [batch.columns.sourcePeer, batch.columns.destinationPeer])
      for (let row = 0; row < batch.count; row++) column[row] = met[column[row]!]! - 1;
    return { to, batch, peers, names: learned, asked: askedOf };
  }

  #rename(peer: Peer): void {
    if (isAddress(peer)) return;
    const { id, address, name } = peer;
    const renamed = { id, address, name, ...podFactsOf(peer) };
    if (!this.#renamed.set(`${id}@${address}`, renamed)) this.#onNameLost();
  }
}

function isAddress({ kind, node }: Peer): boolean {
  return kind === "host" && node === "";
}

function peerBytes(peer: Peer): number {
  const { kind, node, network, process, container, podUid = "" } = peer;
  const texts = [kind, node, network, process, container, podUid];
  return texts.reduce((sum, text) => sum + textBytes(text), renamedBytes(peer));
}

function renamedBytes({ id, address, name, namespace = "", pod = "", ...rest }: PeerName): number {
  const texts = [id, address, name, namespace, pod, rest.workload ?? "", rest.workloadKind ?? ""];
  return texts.reduce((sum, text) => sum + textBytes(text), elementBytes);
}

/** No text of a peer is written longer. */
const peerTextBytesMax = Math.max(...Object.values(textLimits.peer));

/** As it is written: what is longer is cut off. */
function textBytes(text: string): number {
  return Math.min(Buffer.byteLength(text), peerTextBytesMax);
}

function copyRows(batch: FlowBatch, from: number, to: number): FlowBatch {
  const copy = new FlowBatch(to - from);
  copy.copyRows(from, copy.append(to - from), to - from, batch);
  return copy;
}
