import { type PacketBatch, packetDirection, usedLinkType } from "../packet/index.ts";
import { type CaptureInterface, type FormatReader, recordBytesMax } from "./capture-reader.ts";

const fileHeaderBytes = 24;

/**
 * libpcap's format (draft-ietf-opsawg-pcap), in either byte order; its variant with nanoseconds; and Kuznetzov's, whose
 * records have 8 octets more.
 *
 *  0         4       6       8          16         20          24
 *  +---------+-------+-------+----------+----------+-----------+   then per packet:
 *  |  magic  | major | minor |  0    0  | snapLen  | link type |
 *  +---------+-------+-------+----------+----------+-----------+
 *  0         4          8          12         16
 *  +---------+----------+----------+----------+----------------+
 *  | seconds | fraction | captured | on wire  | packet         |
 *  +---------+----------+----------+----------+----------------+
 */
export class PcapReader implements FormatReader {
  readonly interfaces: readonly CaptureInterface[];
  problem: string | undefined;
  wanted = fileHeaderBytes;
  readonly skippedCount = 0;
  readonly #isLittleEndian: boolean;
  readonly #fractionsPerMillisecond: number;
  readonly #headerBytes: number;
  readonly #linkType: number;
  #isHeaderRead = false;
  /** Of this batch every row says already what all packets of the file have in common. */
  #described: PacketBatch | undefined;
  #packetCount = 0;

  private constructor(view: DataView, start: number, isLittleEndian: boolean, magic: number) {
    this.#isLittleEndian = isLittleEndian;
    this.#fractionsPerMillisecond = magic === magicNanoseconds ? 1_000_000 : 1000;
    this.#headerBytes = magic === magicKuznetzov ? 24 : 16;
    // Above the link type's 16 bits stands how long the frame check sequence is.
    this.#linkType = usedLinkType(view.getUint32(start + 20, isLittleEndian) & 0xffff);
    const snapLength = view.getUint32(start + 16, isLittleEndian);
    this.interfaces = [{ linkType: this.#linkType, snapLength, name: undefined }];
  }

  /** Undefined when the file begins otherwise. The file header's 24 octets are there. */
  static of(view: DataView, start: number): PcapReader | undefined {
    for (const isLittleEndian of [true, false]) {
      const magic = view.getUint32(start, isLittleEndian);
      if (magic === magicMicroseconds || magic === magicNanoseconds || magic === magicKuznetzov)
        return new PcapReader(view, start, isLittleEndian, magic);
    }
    return undefined;
  }

  read(view: DataView, start: number, end: number, batch: PacketBatch): number {
    let at = start;
    if (!this.#isHeaderRead) {
      at += fileHeaderBytes;
      this.#isHeaderRead = true;
    }
    const headerBytes = this.#headerBytes;
    const isLittleEndian = this.#isLittleEndian;
    const fractions = this.#fractionsPerMillisecond;
    if (batch !== this.#described) {
      batch.describeAll(this.#linkType, 0, packetDirection.unknown);
      this.#described = batch;
    }
    const { offsets, capturedLengths, wireLengths, times, capacity } = batch;
    let { count } = batch;
    this.wanted = headerBytes;
    while (count < capacity && at + headerBytes <= end) {
      const captured = view.getUint32(at + 8, isLittleEndian);
      if (captured > recordBytesMax - headerBytes) {
        this.problem = `packet ${this.#packetCount + count - batch.count + 1} claims ${captured} octets: the capture is corrupt from there on`;
        break;
      }
      if (at + headerBytes + captured > end) {
        this.wanted = headerBytes + captured;
        break;
      }
      offsets[count] = at + headerBytes;
      capturedLengths[count] = captured;
      const wire = view.getUint32(at + 12, isLittleEndian);
      wireLengths[count] = Math.max(wire, captured);
      times[count] =
        view.getUint32(at, isLittleEndian) * 1000 + view.getUint32(at + 4, isLittleEndian) / fractions;
      count++;
      at += headerBytes + captured;
    }
    this.#packetCount += count - batch.count;
    batch.count = count;
    return at - start;
  }
}

const magicMicroseconds = 0xa1b2c3d4;
const magicNanoseconds = 0xa1b23c4d;
const magicKuznetzov = 0xa1b2cd34;
