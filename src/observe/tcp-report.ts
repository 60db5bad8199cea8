import { RecordWindow } from "./record-window.ts";

/** `struct tcp_report` of bpf/tcp.h, byte for byte; `tcp-report.test.ts` compares the two. */
export const tcpReportLayout = {
  bytes_sent: 0,
  bytes_received: 8,
  opened_nanoseconds: 16,
  cgroup_id: 24,
  segments_sent: 32,
  segments_received: 36,
  retransmits: 40,
  srtt_microseconds: 44,
  minimum_rtt_microseconds: 48,
  connect_microseconds: 52,
  network_namespace: 56,
  process: 60,
  error: 64,
  local_port: 66,
  remote_port: 68,
  role: 70,
  flags: 71,
  local_address: 72,
  remote_address: 88,
  process_name: 104,
} as const;
export const tcpReportBytes = 120;

export const tcpRole = { client: 1, server: 2 } as const;

export const tcpReportFlags = { first: 1, closed: 2, older: 4, unopened: 8, opened: 16 } as const;
const flags = tcpReportFlags;
const at = tcpReportLayout;

/** A window onto one report in the ring buffer or in a log; `moveTo` points it at the next. Valid while the record is. */
export class TcpReport {
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

  /** Payload octets since the last report. */
  get bytesSent(): number {
    return this.#record.u64(at.bytes_sent);
  }
  get bytesReceived(): number {
    return this.#record.u64(at.bytes_received);
  }
  /** Nanoseconds of the kernel's monotonic clock when the socket was first seen; of a client, when it sent its SYN. */
  get openedNanoseconds(): number {
    return this.#record.u64(at.opened_nanoseconds);
  }
  get cgroupId(): number {
    return this.#record.u64(at.cgroup_id);
  }
  get segmentsSent(): number {
    return this.#record.u32(at.segments_sent);
  }
  get segmentsReceived(): number {
    return this.#record.u32(at.segments_received);
  }
  get retransmits(): number {
    return this.#record.u32(at.retransmits);
  }
  /** Smoothed round trip time, 0 when not measured. */
  get srttMicroseconds(): number {
    return this.#record.u32(at.srtt_microseconds);
  }
  /** The least round trip time of the last minutes, 0 when not measured. */
  get minimumRttMicroseconds(): number {
    return this.#record.u32(at.minimum_rtt_microseconds);
  }
  /** In the report that `opens` a client: from its SYN to the answer; 0 elsewhere, and when not known. */
  get connectMicroseconds(): number {
    return this.isUnopened ? 0 : this.#record.u32(at.connect_microseconds);
  }
  /** In the last report of one that `isUnopened`: for how long it was tried. */
  get triedMicroseconds(): number {
    return this.isUnopened ? this.#record.u32(at.connect_microseconds) : 0;
  }
  get networkNamespace(): number {
    return this.#record.u32(at.network_namespace);
  }
  /** Thread group id of the owner, 0 when unknown. */
  get process(): number {
    return this.#record.u32(at.process);
  }
  /** errno that ended the socket: 111 refused, 110 timed out; 0 none, or when its own side had closed it before. */
  get error(): number {
    return this.#record.u16(at.error);
  }
  get localPort(): number {
    return this.#record.u16(at.local_port);
  }
  get remotePort(): number {
    return this.#record.u16(at.remote_port);
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
  /** `tcpRole.client` or `tcpRole.server`. */
  get role(): number {
    return this.#record.u8(at.role);
  }
  get isFirst(): boolean {
    return this.#has(flags.first);
  }
  get isClosed(): boolean {
    return this.#has(flags.closed);
  }
  /** Open before the observer started: its counts begin at that moment. */
  get isOlder(): boolean {
    return this.#has(flags.older);
  }
  /** Not established: closed without ever having been, or still tried. */
  get isUnopened(): boolean {
    return this.#has(flags.unopened);
  }
  /** Established since the last report. */
  get opens(): boolean {
    return this.#has(flags.opened);
  }

  #has(flag: number): boolean {
    return (this.#record.u8(at.flags) & flag) !== 0;
  }
}
