import { RecordWindow } from "./record-window.ts";

/** `struct datagram_report` of bpf/datagram.h, byte for byte; `datagram-report.test.ts` compares the two. */
export const datagramReportLayout = {
  bytes_sent: 0,
  bytes_received: 8,
  first_seen_nanoseconds: 16,
  last_seen_nanoseconds: 24,
  cgroup_id: 32,
  packets_sent: 40,
  packets_received: 44,
  network_namespace: 48,
  process: 52,
  local_port: 56,
  remote_port: 58,
  icmp_type_code: 60,
  protocol: 62,
  flags: 63,
  local_address: 64,
  remote_address: 80,
  process_name: 96,
} as const;
export const datagramReportBytes = 112;

const flags = { first: 1, localFirst: 2, answered: 4 } as const;
const at = datagramReportLayout;

/** A window onto one report in the ring buffer; `moveTo` points it at the next. Valid while the record is. */
export class DatagramReport {
  readonly #record: RecordWindow;

  constructor(data: ArrayBuffer) {
    this.#record = new RecordWindow(data);
  }

  moveTo(offset: number): void {
    this.#record.moveTo(offset);
  }
  get bytes(): Uint8Array {
    return this.#record.bytes;
  }

  /** Octets from the IP header on, since the last report. */
  get bytesSent(): number {
    return this.#record.u64(at.bytes_sent);
  }
  get bytesReceived(): number {
    return this.#record.u64(at.bytes_received);
  }
  /** Nanoseconds of the kernel's monotonic clock at the flow's first and last packet. */
  get firstSeenNanoseconds(): number {
    return this.#record.u64(at.first_seen_nanoseconds);
  }
  get lastSeenNanoseconds(): number {
    return this.#record.u64(at.last_seen_nanoseconds);
  }
  get cgroupId(): number {
    return this.#record.u64(at.cgroup_id);
  }
  get packetsSent(): number {
    return this.#record.u32(at.packets_sent);
  }
  get packetsReceived(): number {
    return this.#record.u32(at.packets_received);
  }
  get networkNamespace(): number {
    return this.#record.u32(at.network_namespace);
  }
  /** Thread group id of the owner, 0 when unknown or the kernel itself. */
  get process(): number {
    return this.#record.u32(at.process);
  }
  get localPort(): number {
    return this.#record.u16(at.local_port);
  }
  get remotePort(): number {
    return this.#record.u16(at.remote_port);
  }
  /** Of the flow's first packet: type * 256 + code. */
  get icmpTypeCode(): number {
    return this.#record.u16(at.icmp_type_code);
  }
  /** IANA protocol number. */
  get protocol(): number {
    return this.#record.u8(at.protocol);
  }
  /** Offset of the 16-byte local address in `bytes`. */
  get localAddress(): number {
    return this.#record.offsetOf(at.local_address);
  }
  get remoteAddress(): number {
    return this.#record.offsetOf(at.remote_address);
  }
  get processName(): string {
    return this.#record.name(at.process_name);
  }
  get isFirst(): boolean {
    return this.#has(flags.first);
  }
  /** Whether the first packet that was seen was sent from here. */
  get isLocalFirst(): boolean {
    return this.#has(flags.localFirst);
  }
  /** The kernel here answered echo requests. */
  get isAnswered(): boolean {
    return this.#has(flags.answered);
  }

  #has(flag: number): boolean {
    return (this.#record.u8(at.flags) & flag) !== 0;
  }
}
