import { FlowBatch } from "../flow/index.ts";
import {
  type AgentReport,
  type IngestHead,
  type IngestMessage,
  ingestLimits,
  type LearnedName,
  type PeerName,
  writeMessage,
} from "../ingest/index.ts";
import type { Peer, PeerTable, Translation } from "../topology/index.ts";

/** A message, not compressed yet. */
export interface BuiltMessage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly rowCount: number;
}

type Facts = Pick<IngestMessage, "renamed" | "names" | "translations" | "drops" | "report">;
const nothing: Facts = { renamed: [], names: [], translations: [], drops: [] };

/** Of one message. */
const translationsMax = 16_384;
/** Names are told again with every message that needs them; a server keeps them for so long at least. */
const nameTtlSeconds = 3600;

/** Gathers what the next message tells. Rows refer to peers of `peers`, which may be freed when nothing is gathered. */
export class MessageBuilder {
  readonly #peers: PeerTable;
  readonly #batch: FlowBatch;
  #renamed = new Map<string, PeerName>();
  #names = new Map<string, LearnedName>();
  #translations: Translation[] = [];
  #drops = new Map<string, number>();

  constructor(peers: PeerTable, rowsMax: number) {
    this.#peers = peers;
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
      this.#drops.size === 0
    );
  }

  /** Copies rows until it is full; returns how many. */
  add(batch: FlowBatch, from: number): number {
    const count = Math.min(batch.count - from, this.#batch.free);
    const first = this.#batch.append(count);
    for (let i = 0; i < count; i++) this.#batch.copyRow(from + i, first + i, batch);
    return count;
  }

  learn(address: Uint8Array, name: string): void {
    if (this.#names.size < ingestLimits.names)
      this.#names.set(address.join(), { address, name, ttlSeconds: nameTtlSeconds });
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

  countDrop(reason: string, count: number): void {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + count);
  }

  /** Everything gathered, in as many messages as the format's limits ask for, numbered from `sequence` on. */
  build(
    head: Omit<IngestHead, "sequence">,
    sequence: number,
    report: AgentReport | undefined,
  ): BuiltMessage[] {
    const built: BuiltMessage[] = [];
    const write = (batch: FlowBatch, facts: Facts) => {
      const told = this.#tellPeers(batch, facts.names);
      const bytes = writeMessage({ ...head, ...facts, ...told, sequence: sequence + built.length });
      if (bytes.length > ingestLimits.bytes && batch.count > 1) {
        const half = Math.floor(batch.count / 2);
        write(copyRows(batch, 0, half), facts);
        write(copyRows(batch, half, batch.count), nothing);
      } else built.push({ bytes, rowCount: batch.count });
    };
    write(this.#batch, {
      renamed: [...this.#renamed.values()],
      names: [...this.#names.values()],
      translations: this.#translations,
      drops: [...this.#drops].map(([reason, count]) => ({ reason, count })),
      report,
    });
    this.#batch.clear();
    this.#renamed = new Map();
    this.#names = new Map();
    this.#translations = [];
    this.#drops = new Map();
    return built;
  }

  /** Of hosts that are nothing but an address the server knows as much; what workloads call them is told as names. */
  #tellPeers(
    batch: FlowBatch,
    names: readonly LearnedName[],
  ): Pick<IngestMessage, "batch" | "peers" | "names"> {
    const told = copyRows(batch, 0, batch.count);
    const peers: Peer[] = [];
    const places = new Map<number, number>([[0, 0]]);
    const learned = [...names];
    const { sourcePeer, destinationPeer, sourceAddress, destinationAddress } = told.columns;
    for (const [column, addresses] of [
      [sourcePeer, sourceAddress],
      [destinationPeer, destinationAddress],
    ] as const) {
      for (let row = 0; row < told.count; row++) {
        const peerRow = column[row]!;
        let place = places.get(peerRow);
        if (place === undefined) {
          const peer = this.#peers.get(peerRow);
          const isAddress = peer.kind === "host" && peer.node === "";
          place = isAddress ? 0 : peers.push(peer);
          places.set(peerRow, place);
          if (isAddress && peer.name !== peer.address && learned.length < ingestLimits.names)
            learned.push({
              address: addresses.slice(row * 16, row * 16 + 16),
              name: peer.name,
              ttlSeconds: nameTtlSeconds,
            });
        }
        column[row] = place;
      }
    }
    return { batch: told, peers, names: learned };
  }

  #rename({ id, address, name, node, kind }: Peer): void {
    if ((kind === "host" && node === "") || this.#renamed.size >= ingestLimits.names) return;
    this.#renamed.set(`${id}@${address}`, { id, address, name });
  }
}

function copyRows(batch: FlowBatch, from: number, to: number): FlowBatch {
  const copy = new FlowBatch(to - from);
  for (let row = from; row < to; row++) copy.copyRow(row, copy.append(), batch);
  return copy;
}
