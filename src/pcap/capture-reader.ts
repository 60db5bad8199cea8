import type { PacketBatch } from "../packet/index.ts";
import { PcapReader } from "./pcap.ts";
import { PcapngReader } from "./pcapng.ts";

/** What packets of a capture came from: the file itself, or one of pcapng's interfaces. */
export interface CaptureInterface {
  readonly linkType: number;
  /** Octets that were captured of a packet at most; 0 when there was no limit. */
  readonly snapLength: number;
  readonly name: string | undefined;
}

/** A reader of one format. */
export interface FormatReader {
  readonly interfaces: readonly CaptureInterface[];
  /** See `CaptureReader.read`. */
  read(view: DataView, start: number, end: number, batch: PacketBatch): number;
  readonly problem: string | undefined;
  /** Octets that the reader wants to have in one piece before it can go on. */
  readonly wanted: number;
  /** Packets left out: of an interface that is not there, or longer than any packet is. */
  readonly skippedCount: number;
}

/** Longest record that is taken into memory; libpcap's own limit of a packet is 262,144. */
export const recordBytesMax = 1_048_576;

/**
 * Reads a capture whose format the first octets tell. Whoever calls keeps what was not consumed and calls again with more
 * behind it.
 */
export class CaptureReader {
  #format: FormatReader | undefined;
  #problem: string | undefined;

  get interfaces(): readonly CaptureInterface[] {
    return this.#format?.interfaces ?? [];
  }

  /** Why nothing more can be read, in words; undefined as long as all is well. */
  get problem(): string | undefined {
    return this.#problem ?? this.#format?.problem;
  }

  /** How many octets have to be there in one piece for the next step; never more than a record may have. */
  get wanted(): number {
    return this.#format?.wanted ?? 24;
  }

  get skippedCount(): number {
    return this.#format?.skippedCount ?? 0;
  }

  /**
   * Takes whole packets that lie in the batch's bytes between `start` and `end`, until the batch is full. Returns the octets consumed; 0 says
   * that more are wanted, or that there is a problem.
   */
  read(batch: PacketBatch, start: number, end: number): number {
    if (this.#problem !== undefined) return 0;
    this.#format ??= this.#recognize(batch.view, start, end);
    return this.#format?.read(batch.view, start, end, batch) ?? 0;
  }

  #recognize(view: DataView, start: number, end: number): FormatReader | undefined {
    if (end - start < 24) return undefined;
    const magic = view.getUint32(start);
    if (magic === pcapngMagic) return new PcapngReader();
    const reader = PcapReader.of(view, start);
    if (reader === undefined)
      this.#problem = `no capture: it begins with ${magic.toString(16).padStart(8, "0")}, which neither pcap nor pcapng does`;
    return reader;
  }
}

const pcapngMagic = 0x0a0d0d0a;
