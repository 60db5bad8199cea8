import { type FlowBatch, isMappedIPv4 } from "../flow/index.ts";
import type { FlowWriter, FlowWriterConfig, SendMessage } from "./writer-config.ts";

/** Records of a message at most: what fits 1,500 octets; softflowd sends 29 of either kind. */
const recordsMax = { 1: 24, 5: 30 } as const;
const headerBytes = { 1: 16, 5: 24 } as const;
const recordBytes = 48;
const softflowdRecordsMax = 29;

/**
 * Messages of NetFlow 1 and 5, of IPv4 flows, whose records have one layout:
 *
 *  0        4            8          12   14   16        20       24      28     32        36
 *  +--------+------------+----------+----+----+---------+--------+-------+------+---------+--- - -
 *  | source | destination| next hop | in | out| packets | octets | first | last | ports   |
 *  +--------+------------+----------+----+----+---------+--------+-------+------+---------+--- - -
 *  v1: 2 octets unused, protocol, ToS, flags, 7 unused; v5: 1 unused, flags, protocol, ToS, AS numbers, prefix lengths, 2 unused
 */
export class FixedWriter implements FlowWriter {
  readonly #config: FlowWriterConfig;
  readonly #send: SendMessage;
  readonly #version: 1 | 5;
  readonly #recordsMax: number;
  readonly #bytes = new Uint8Array(2048);
  readonly #view = new DataView(this.#bytes.buffer);
  #count = 0;
  #sequence = 0;

  constructor(config: FlowWriterConfig, send: SendMessage) {
    this.#config = config;
    this.#send = send;
    this.#version = config.version === 1 ? 1 : 5;
    this.#recordsMax = config.isSoftflowd ? softflowdRecordsMax : recordsMax[this.#version];
  }

  write(batch: FlowBatch, row: number, now: number): boolean {
    if (!isMappedIPv4(batch.columns.sourceAddress, row * 16)) return false;
    const at = headerBytes[this.#version] + this.#count * recordBytes;
    this.#bytes.fill(0, at, at + recordBytes);
    this.#writeRecord(at, batch, row);
    if (++this.#count === this.#recordsMax) this.flush(now);
    return true;
  }

  flush(now: number): void {
    const count = this.#count;
    if (count === 0) return;
    this.#writeHeader(now);
    this.#sequence += count;
    this.#count = 0;
    const length = headerBytes[this.#version] + count * recordBytes;
    this.#send(this.#bytes.subarray(0, length), count);
  }

  repeatTemplates(): void {}

  sendTemplates(): void {}

  #writeHeader(now: number): void {
    const { bootMilliseconds, samplingInterval, observationDomainId, isSoftflowd } = this.#config;
    const view = this.#view;
    view.setUint16(0, this.#version);
    view.setUint16(2, this.#count);
    view.setUint32(4, Math.floor(now - bootMilliseconds));
    view.setUint32(8, now / 1000);
    view.setUint32(12, (now % 1000) * 1_000_000);
    if (this.#version === 1) return;
    view.setUint32(16, this.#sequence);
    view.setUint8(20, 0);
    view.setUint8(21, isSoftflowd ? 0 : observationDomainId);
    // The upper two bits say how, 1 is by turns; the interval has 14.
    view.setUint16(22, samplingInterval > 1 ? 0x4000 | Math.min(samplingInterval, 0x3fff) : 0);
  }

  #writeRecord(at: number, { columns }: FlowBatch, row: number): void {
    const bytes = this.#bytes;
    const view = this.#view;
    for (let i = 0; i < 4; i++) {
      bytes[at + i] = columns.sourceAddress[row * 16 + 12 + i]!;
      bytes[at + 4 + i] = columns.destinationAddress[row * 16 + 12 + i]!;
    }
    view.setUint16(at + 12, columns.ingressInterface[row]!);
    view.setUint16(at + 14, columns.egressInterface[row]!);
    view.setUint32(at + 16, columns.packetDeltaCount[row]!);
    view.setUint32(at + 20, columns.octetDeltaCount[row]!);
    const { bootMilliseconds } = this.#config;
    view.setUint32(at + 24, Math.floor(columns.flowStartMilliseconds[row]! - bootMilliseconds));
    view.setUint32(at + 28, Math.floor(columns.flowEndMilliseconds[row]! - bootMilliseconds));
    const protocol = columns.protocolIdentifier[row]!;
    view.setUint16(at + 32, columns.sourceTransportPort[row]!);
    // Of ICMP, type and code stand where the port would.
    view.setUint16(
      at + 34,
      protocol === 1 ? columns.icmpTypeCode[row]! : columns.destinationTransportPort[row]!,
    );
    const rest = this.#version === 1 ? [38, 39, 40] : [38, 39, 37];
    bytes[at + rest[0]!] = protocol;
    bytes[at + rest[1]!] = columns.ipClassOfService[row]!;
    bytes[at + rest[2]!] = columns.tcpControlBits[row]!;
  }
}
