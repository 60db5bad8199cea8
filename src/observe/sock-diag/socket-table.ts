import { grown, RowIndex } from "../../flow/index.ts";
import { TcpReport, tcpReportBytes, tcpReportFlags, tcpReportLayout } from "../tcp-report.ts";
import type { SocketMessage } from "./inet-diag.ts";

const at = tcpReportLayout;
const firstCapacity = 1024;

/** What is known of a row's socket. */
export const phase = {
  /** It was in the last dump, or may be in the next. */
  live: 0,
  /** Freed; `received` still counts sequence numbers, and waits for the other end's figures. */
  freed: 1,
  /** To be reported as closed. */
  ended: 2,
  /**
   * Reported as closed, and kept a while: its figures say what the other end received, whose end may be told later; and if the kernel
   * frees it only now, that is no news.
   */
  reported: 3,
  /** To be forgotten. */
  done: 4,
} as const;

/** `unexplained` when it is none of the numbers that mean something. */
const unclear = 255;

/** Counters are totals of the socket's life; what was reported stands beside them. One element per row. */
export interface SocketColumns {
  phase: Uint8Array;
  /** TCP state in the last dump. */
  state: Uint8Array;
  isOpened: Uint8Array;
  /** `SocketMessage.unexplainedSequence`: 0, 1, 2; anything else is 255. */
  unexplained: Uint8Array;
  /** Ticks since a dump had it, or since it was reported as closed. */
  missed: Uint8Array;
  /** How often its process was sought. */
  searches: Uint8Array;
  /** Number of the walk that saw it last. */
  seenWalk: Uint32Array;
  inode: Uint32Array;
  receiveQueue: Uint32Array;
  sent: Float64Array;
  received: Float64Array;
  segmentsSent: Uint32Array;
  segmentsReceived: Uint32Array;
  retransmits: Uint32Array;
  sentReported: Float64Array;
  receivedReported: Float64Array;
  segmentsSentReported: Uint32Array;
  segmentsReceivedReported: Uint32Array;
  retransmitsReported: Uint32Array;
}

export interface Owner {
  readonly process: number;
  readonly processName: string;
}

/**
 * The sockets that are followed, a row each, known by cookie and network namespace. What is constant of a row is kept as the `struct
 * tcp_report` it is reported by, so that one window reads what either way of observing reports. About 230 bytes a row. Rows move
 * when the table is compacted.
 */
export class SocketTable {
  readonly columns: SocketColumns = createColumns(firstCapacity);
  /** Whether the last `findOrAdd` made the row. */
  isNew = false;
  #capacity = firstCapacity;
  readonly #index: RowIndex;
  #view = new DataView(new ArrayBuffer(firstCapacity * tcpReportBytes));
  #window = new TcpReport(this.#view.buffer as ArrayBuffer);
  readonly #utf8 = new TextEncoder();

  constructor(socketsMax: number) {
    this.#index = new RowIndex(3, socketsMax);
  }

  get count(): number {
    return this.#index.count;
  }

  find(message: SocketMessage, networkNamespace: number): number {
    this.#probe(message, networkNamespace);
    return this.#index.find();
  }

  /** The socket's row, or -1 when there is no room for another. A new row has no counters, role or owner yet. */
  findOrAdd(message: SocketMessage, networkNamespace: number, nowNanoseconds: number): number {
    this.#probe(message, networkNamespace);
    const before = this.#index.count;
    const row = this.#index.findOrAdd();
    this.isNew = this.#index.count > before;
    if (!this.isNew) return row;
    if (this.#index.count > this.#capacity) this.#grow();
    this.begin(row, message, networkNamespace, nowNanoseconds);
    return row;
  }

  /** The row is of a connection that begins now. */
  begin(row: number, message: SocketMessage, networkNamespace: number, nowNanoseconds: number): void {
    for (const column of Object.values(this.columns)) column[row] = 0;
    const start = row * tcpReportBytes;
    this.bytes.fill(0, start, start + tcpReportBytes);
    this.#setU64(start + at.opened_nanoseconds, nowNanoseconds);
    this.#view.setUint32(start + at.network_namespace, networkNamespace, true);
    this.#view.setUint16(start + at.local_port, message.localPort, true);
    this.#view.setUint16(start + at.remote_port, message.remotePort, true);
    this.bytes.set(message.localAddress, start + at.local_address);
    this.bytes.set(message.remoteAddress, start + at.remote_address);
    this.setFlags(row, tcpReportFlags.first);
  }

  /** Whether the row's addresses are the message's: a socket may connect again after it was refused, or disconnected. */
  isSameConnection(row: number, message: SocketMessage): boolean {
    if (message.localPort !== this.localPort(row) || message.remotePort !== this.remotePort(row))
      return false;
    const start = this.remoteAddress(row);
    for (let i = 0; i < 16; i++) if (this.bytes[start + i] !== message.remoteAddress[i]) return false;
    return true;
  }

  /** Takes the message's counters as the row's totals. `received` are sequence numbers less `finCount`. */
  takeCounters(row: number, message: SocketMessage, isClient: boolean, finCount: number): void {
    const { columns } = this;
    columns.sent[row] = message.payloadSent(isClient);
    columns.received[row] = Math.max(message.bytesReceived - finCount, 0);
    columns.segmentsSent[row] = message.segmentsOut;
    columns.segmentsReceived[row] = message.segmentsIn;
    columns.retransmits[row] = message.totalRetransmits;
    columns.receiveQueue[row] = message.receiveQueueBytes;
    const unexplained = message.hasBytesSent ? message.unexplainedSequence : unclear;
    columns.unexplained[row] = unexplained >= 0 && unexplained <= 2 ? unexplained : unclear;
    this.#view.setUint32(row * tcpReportBytes + at.srtt_microseconds, message.rtt, true);
    this.#view.setUint32(row * tcpReportBytes + at.minimum_rtt_microseconds, message.minRtt, true);
    if (message.cgroupId !== 0) this.setCgroup(row, message.cgroupId);
    if (message.inode !== 0) columns.inode[row] = message.inode;
  }

  /** What counts from here on: the totals so far are as if they had been reported. */
  startHere(row: number): void {
    const { columns } = this;
    columns.sentReported[row] = columns.sent[row]!;
    columns.receivedReported[row] = columns.received[row]!;
    columns.segmentsSentReported[row] = columns.segmentsSent[row]!;
    columns.segmentsReceivedReported[row] = columns.segmentsReceived[row]!;
    columns.retransmitsReported[row] = columns.retransmits[row]!;
  }

  hasMoved(row: number): boolean {
    const { columns } = this;
    return (
      this.hasFlags(row, tcpReportFlags.first) ||
      columns.segmentsSent[row] !== columns.segmentsSentReported[row] ||
      columns.segmentsReceived[row] !== columns.segmentsReceivedReported[row]
    );
  }

  /** The row as a report of what moved since the last; valid until the table changes. It counts as reported then. */
  report(row: number): TcpReport {
    const { columns } = this;
    const view = this.#view;
    const start = row * tcpReportBytes;
    const sent = Math.max(columns.sent[row]! - columns.sentReported[row]!, 0);
    const received = Math.max(columns.received[row]! - columns.receivedReported[row]!, 0);
    this.#setU64(start + at.bytes_sent, sent);
    this.#setU64(start + at.bytes_received, received);
    view.setUint32(
      start + at.segments_sent,
      moved(columns.segmentsSent, columns.segmentsSentReported, row),
      true,
    );
    const segmentsReceived = moved(columns.segmentsReceived, columns.segmentsReceivedReported, row);
    view.setUint32(start + at.segments_received, segmentsReceived, true);
    view.setUint32(
      start + at.retransmits,
      moved(columns.retransmits, columns.retransmitsReported, row),
      true,
    );
    this.startHere(row);
    this.#window.moveTo(start);
    return this.#window;
  }

  hasFlags(row: number, flags: number): boolean {
    return (this.bytes[row * tcpReportBytes + at.flags]! & flags) !== 0;
  }
  setFlags(row: number, flags: number): void {
    this.bytes[row * tcpReportBytes + at.flags]! |= flags;
  }
  clearFlags(row: number, flags: number): void {
    this.bytes[row * tcpReportBytes + at.flags]! &= ~flags;
  }
  /** The next report is the last. `nowNanoseconds` by the kernel's monotonic clock. */
  close(row: number, nowNanoseconds: number): void {
    this.setFlags(row, tcpReportFlags.closed);
    if (!this.hasFlags(row, tcpReportFlags.unopened)) return;
    this.#window.moveTo(row * tcpReportBytes);
    const triedMicroseconds = (nowNanoseconds - this.#window.openedNanoseconds) / 1000;
    this.#view.setUint32(
      row * tcpReportBytes + at.connect_microseconds,
      Math.min(triedMicroseconds, 0xffffffff),
      true,
    );
  }
  /** Of `tcpRole`, or 0 when not decided. */
  role(row: number): number {
    return this.bytes[row * tcpReportBytes + at.role]!;
  }
  setRole(row: number, role: number): void {
    this.bytes[row * tcpReportBytes + at.role] = role;
  }
  process(row: number): number {
    return this.#view.getUint32(row * tcpReportBytes + at.process, true);
  }
  setOwner(row: number, { process, processName }: Owner): void {
    const start = row * tcpReportBytes;
    this.#view.setUint32(start + at.process, process, true);
    const name = this.bytes.subarray(start + at.process_name, start + at.process_name + 15);
    this.#utf8.encodeInto(processName, name.fill(0));
  }
  setCgroup(row: number, id: number): void {
    this.#setU64(row * tcpReportBytes + at.cgroup_id, id);
  }
  hasCgroup(row: number): boolean {
    const start = row * tcpReportBytes + at.cgroup_id;
    return this.#view.getUint32(start, true) !== 0 || this.#view.getUint32(start + 4, true) !== 0;
  }
  rtt(row: number): number {
    return this.#view.getUint32(row * tcpReportBytes + at.srtt_microseconds, true);
  }
  setError(row: number, errno: number): void {
    this.#view.setUint16(row * tcpReportBytes + at.error, errno, true);
  }
  networkNamespace(row: number): number {
    return this.#view.getUint32(row * tcpReportBytes + at.network_namespace, true);
  }
  localPort(row: number): number {
    return this.#view.getUint16(row * tcpReportBytes + at.local_port, true);
  }
  remotePort(row: number): number {
    return this.#view.getUint16(row * tcpReportBytes + at.remote_port, true);
  }
  /** Where the row's address lies in `bytes`. */
  localAddress(row: number): number {
    return row * tcpReportBytes + at.local_address;
  }
  remoteAddress(row: number): number {
    return row * tcpReportBytes + at.remote_address;
  }
  /** All records; another object after the table has grown. */
  get bytes(): Uint8Array {
    return this.#window.bytes;
  }

  /** Forgets the rows that are done. */
  compact(): void {
    const { columns } = this;
    const all = Object.values(columns);
    this.#index.compact(
      (row) => columns.phase[row] !== phase.done,
      (from, to) => {
        for (const column of all) column[to] = column[from]!;
        this.bytes.copyWithin(to * tcpReportBytes, from * tcpReportBytes, (from + 1) * tcpReportBytes);
      },
    );
  }

  #probe({ cookieLow, cookieHigh }: SocketMessage, networkNamespace: number): void {
    const { probe } = this.#index;
    probe[0] = cookieLow;
    probe[1] = cookieHigh;
    probe[2] = networkNamespace;
  }

  #setU64(offset: number, value: number): void {
    this.#view.setUint32(offset, value >>> 0, true);
    this.#view.setUint32(offset + 4, Math.floor(value / 0x100000000), true);
  }

  #grow(): void {
    this.#capacity *= 2;
    const columns = this.columns as unknown as Record<string, Uint8Array>;
    for (const [name, column] of Object.entries(columns)) columns[name] = grown(column, this.#capacity);
    const records = new ArrayBuffer(this.#capacity * tcpReportBytes);
    const bytes = this.bytes;
    this.#view = new DataView(records);
    this.#window = new TcpReport(records);
    this.bytes.set(bytes);
  }
}

function moved(now: Uint32Array, reported: Uint32Array, row: number): number {
  return Math.max(now[row]! - reported[row]!, 0);
}

function createColumns(capacity: number): SocketColumns {
  const u8 = () => new Uint8Array(capacity);
  const u32 = () => new Uint32Array(capacity);
  const f64 = () => new Float64Array(capacity);
  return {
    phase: u8(),
    state: u8(),
    isOpened: u8(),
    unexplained: u8(),
    missed: u8(),
    searches: u8(),
    seenWalk: u32(),
    inode: u32(),
    receiveQueue: u32(),
    sent: f64(),
    received: f64(),
    segmentsSent: u32(),
    segmentsReceived: u32(),
    retransmits: u32(),
    sentReported: f64(),
    receivedReported: f64(),
    segmentsSentReported: u32(),
    segmentsReceivedReported: u32(),
    retransmitsReported: u32(),
  };
}
