import { isLinkTypeKnown, PacketBatch } from "../packet/index.ts";
import {
  type BpfInstruction,
  type CaptureInterface,
  CaptureReader,
  recordBytesMax,
  runBpf,
} from "../pcap/index.ts";

/** What is read at a time leaves room in the second cache for what it is counted in; less would cost more calls. */
const readBytes = 524_288;
/**
 * Where it is put: in front there is room for a record that began before, and the processor copies faster to where one of its cache's lines
 * begins. The C library puts what is large 16 octets behind such a place.
 */
const readStart = recordBytesMax + 64 - 16;
const batchPackets = 1024;

export interface CaptureFeedConfig {
  /** Compiled for a link type; what it does not want is not handed on. */
  readonly compileFilter?: ((linkType: number) => readonly BpfInstruction[]) | undefined;
  /** Octets read at a time at most. */
  readonly pieceBytes?: number;
  /** Told each interface as the capture names it. */
  readonly onInterface: (captureInterface: CaptureInterface) => void;
}

/** A capture's octets, in whatever pieces they come, to batches of packets. */
export class CaptureFeed {
  readonly #reader = new CaptureReader();
  readonly #batch = new PacketBatch(batchPackets);
  readonly #buffer = new Uint8Array(readStart + readBytes);
  /** Where the next octets go: written there by the caller, who says then how many there are. */
  readonly room: Uint8Array;
  readonly #config: CaptureFeedConfig;
  readonly #deliver: (batch: PacketBatch) => void;
  readonly #filters = new Map<number, readonly BpfInstruction[]>();
  /** Octets whose packets have not been handed on lie between these. */
  #begin = readStart;
  #end = readStart;
  #interfaceCount = 0;
  packetCount = 0;

  /** The batch is valid until `deliver` returns. */
  constructor(config: CaptureFeedConfig, deliver: (batch: PacketBatch) => void) {
    this.#config = config;
    this.#deliver = deliver;
    this.room = this.#buffer.subarray(readStart, readStart + (config.pieceBytes ?? readBytes));
  }

  /** Why nothing more can be read; undefined as long as all is well. */
  get problem(): string | undefined {
    return this.#reader.problem;
  }

  /** Octets of a packet, or of the file's header, whose rest has not come. */
  get pendingBytes(): number {
    return this.#end - this.#begin;
  }

  get skippedCount(): number {
    return this.#reader.skippedCount;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#reader.interfaces;
  }

  taken(count: number): void {
    this.#end += count;
    this.#drain();
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.problem === undefined; ) {
      const part = bytes.subarray(at, at + this.room.length);
      this.room.set(part);
      this.taken(part.length);
      at += part.length;
    }
  }

  #drain(): void {
    const batch = this.#batch;
    let at = this.#begin;
    for (;;) {
      batch.begin(this.#buffer);
      const consumed = this.#reader.read(batch, at, this.#end);
      at += consumed;
      this.#noteInterfaces();
      this.packetCount += batch.count;
      if (batch.count > 0) {
        if (this.#config.compileFilter !== undefined) this.#filter(batch);
        this.#deliver(batch);
      }
      if (consumed === 0) break;
    }
    if (this.problem !== undefined) {
      this.#begin = at;
      return;
    }
    // A record that is not whole, and shorter than the longest, is put in front of what will be read.
    this.#begin = readStart - (this.#end - at);
    this.#buffer.copyWithin(this.#begin, at, this.#end);
    this.#end = readStart;
  }

  #noteInterfaces(): void {
    const { interfaces } = this.#reader;
    for (; this.#interfaceCount < interfaces.length; this.#interfaceCount++) {
      const found = interfaces[this.#interfaceCount]!;
      this.#config.onInterface(found);
      if (this.#config.compileFilter !== undefined && isLinkTypeKnown(found.linkType))
        this.#filters.set(found.linkType, this.#config.compileFilter(found.linkType));
    }
  }

  /** Leaves the packets that the program wants; those of link types that cannot be read go on, to be counted as such. */
  #filter(batch: PacketBatch): void {
    let kept = 0;
    for (let i = 0; i < batch.count; i++) {
      const program = this.#filters.get(batch.linkTypes[i]!);
      if (
        program !== undefined &&
        runBpf(program, batch.view, batch.offsets[i]!, batch.capturedLengths[i]!, batch.wireLengths[i]!) === 0
      )
        continue;
      batch.copyRow(i, kept++);
    }
    batch.count = kept;
  }
}
