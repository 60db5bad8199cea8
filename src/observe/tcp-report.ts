/** `struct tcp_report` of bpf/tcp.h, byte for byte; `tcp-report.test.ts` compares the two. */
export const tcpReportLayout = {
  bytes_sent: 0,
  bytes_received: 8,
  opened_nanoseconds: 16,
  closed_nanoseconds: 24,
  cgroup_id: 32,
  segments_sent: 40,
  segments_received: 44,
  retransmits: 48,
  srtt_microseconds: 52,
  minimum_rtt_microseconds: 56,
  connect_microseconds: 60,
  network_namespace: 64,
  process: 68,
  error: 72,
  local_port: 76,
  remote_port: 78,
  local_address: 80,
  remote_address: 96,
  process_name: 112,
  role: 128,
  flags: 129,
  reserved: 130,
} as const;
export const tcpReportBytes = 136;

export const tcpRole = { client: 1, server: 2 } as const;

export const tcpReportFlags = { first: 1, closed: 2, older: 4, unopened: 8, opened: 16 } as const;
const flags = tcpReportFlags;
const at = tcpReportLayout;
const utf8 = new TextDecoder(); // what is not UTF-8 shows as a replacement character

/** A window onto one report in the ring buffer; `moveTo` points it at the next. Valid while the record is. */
export class TcpReport {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(data: ArrayBuffer) {
    this.bytes = new Uint8Array(data);
    this.#view = new DataView(data);
  }

  moveTo(offset: number): void {
    this.#offset = offset;
  }

  /** Payload octets since the last report. */
  get bytesSent(): number {
    return this.#u64(at.bytes_sent);
  }
  get bytesReceived(): number {
    return this.#u64(at.bytes_received);
  }
  /** Nanoseconds of the kernel's monotonic clock when the socket was first seen; of a client, when it sent its SYN. */
  get openedNanoseconds(): number {
    return this.#u64(at.opened_nanoseconds);
  }
  /** The same clock at the socket's end; 0 while it lives. */
  get closedNanoseconds(): number {
    return this.#u64(at.closed_nanoseconds);
  }
  get cgroupId(): number {
    return this.#u64(at.cgroup_id);
  }
  get segmentsSent(): number {
    return this.#u32(at.segments_sent);
  }
  get segmentsReceived(): number {
    return this.#u32(at.segments_received);
  }
  get retransmits(): number {
    return this.#u32(at.retransmits);
  }
  /** Smoothed round trip time, 0 when not measured. */
  get srttMicroseconds(): number {
    return this.#u32(at.srtt_microseconds);
  }
  /** The least round trip time of the last minutes, 0 when not measured. */
  get minimumRttMicroseconds(): number {
    return this.#u32(at.minimum_rtt_microseconds);
  }
  /** In the report that `opens` a client: from its SYN to the answer; 0 elsewhere, and when not known. */
  get connectMicroseconds(): number {
    return this.#u32(at.connect_microseconds);
  }
  get networkNamespace(): number {
    return this.#u32(at.network_namespace);
  }
  /** Thread group id of the owner, 0 when unknown. */
  get process(): number {
    return this.#u32(at.process);
  }
  /** errno that ended the socket: 111 refused, 110 timed out; 0 none, or when its own side had closed it before. */
  get error(): number {
    return this.#u32(at.error);
  }
  get localPort(): number {
    return this.#view.getUint16(this.#offset + at.local_port, true);
  }
  get remotePort(): number {
    return this.#view.getUint16(this.#offset + at.remote_port, true);
  }
  /** Offset of the 16-byte local address in `bytes`. */
  get localAddress(): number {
    return this.#offset + at.local_address;
  }
  get remoteAddress(): number {
    return this.#offset + at.remote_address;
  }
  get processName(): string {
    const start = this.#offset + at.process_name;
    let end = start;
    while (end < start + 16 && this.bytes[end] !== 0) end++;
    return utf8.decode(this.bytes.subarray(start, end));
  }
  /** `tcpRole.client` or `tcpRole.server`. */
  get role(): number {
    return this.bytes[this.#offset + at.role]!;
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
    return (this.bytes[this.#offset + at.flags]! & flag) !== 0;
  }
  #u32(offset: number): number {
    return this.#view.getUint32(this.#offset + offset, true);
  }
  #u64(offset: number): number {
    const low = this.#view.getUint32(this.#offset + offset, true);
    return this.#view.getUint32(this.#offset + offset + 4, true) * 0x100000000 + low;
  }
}
