import type { BpfObject, MemoryWindow } from "./libbpf.ts";

/** `struct tcp_log` of bpf/tcp.h, byte for byte, and the length of an entry; `tcp-logs.test.ts` compares them. */
export const tcpLogLayout = {
  written: 0,
  is_busy: 8,
  followed: 16,
  reserved: 24,
  read: 64,
  first: 72,
  entries: 76,
  reserved_too: 80,
} as const;
export const tcpLogBytes = 128;
export const tcpEndBytes = 128;

const entriesTogether = 65_536; // 8 MiB
const entriesMax = 32_768;
const entriesMin = 1024;
/** After so many entries the processor is told that their room is free. */
const entriesPerTurn = 1024;
const windowBytesMax = 128 * 1024;

export interface TcpLogsSize {
  readonly processors: number;
  /** Of each processor's log, a power of two, and whole pages. */
  readonly entries: number;
}

/** As many ends as this machine's processors hold between two polls; beyond 64 processors each keeps the least. */
export function sizeOfLogs(processors: number): TcpLogsSize {
  const share = 2 ** Math.floor(Math.log2(entriesTogether / processors));
  return { processors, entries: Math.min(entriesMax, Math.max(entriesMin, share)) };
}

export interface TcpLogsMemory {
  /** `struct tcp_log` of each processor, one after the other. */
  readonly logs: ArrayBuffer;
  /** Onto all processors' entries, one log after the other. */
  readonly ends: MemoryWindow;
}

/** Before loading. */
export function setLogsSize(object: BpfObject, { processors, entries }: TcpLogsSize): void {
  object.setMaxEntries("logs", processors);
  object.setMaxEntries("ends", processors * entries);
}

/** After loading. */
export function mapLogs(object: BpfObject, { processors, entries }: TcpLogsSize): TcpLogsMemory {
  const logBytes = entries * tcpEndBytes;
  return {
    logs: object.mapArray("logs", processors * tcpLogBytes),
    ends: object.mapArrayWindow("ends", processors * logBytes, Math.min(windowBytesMax, logBytes)),
  };
}

/**
 * Reads the processors' logs where they lie: connections that ended before a walk met them. A processor writes its entries one after the other, over the oldest,
 * and counts them; it writes none that was not read yet. Made before the programs are attached, since it says where each log is.
 */
export class TcpLogs {
  readonly #positions: BigUint64Array;
  readonly #ends: MemoryWindow;
  readonly #processors: number;
  readonly #entries: number;
  /** Where the window begins in the entries. */
  #windowStart = 0;

  constructor({ logs, ends }: TcpLogsMemory, { processors, entries }: TcpLogsSize) {
    this.#positions = new BigUint64Array(logs);
    this.#ends = ends;
    this.#processors = processors;
    this.#entries = entries;
    const view = new DataView(logs);
    for (let i = 0; i < processors; i++) {
      view.setUint32(i * tcpLogBytes + tcpLogLayout.first, i * entries, true);
      view.setUint32(i * tcpLogBytes + tcpLogLayout.entries, entries, true);
    }
  }

  /**
   * Calls `visit` with the byte offset, in the window, of each report that is there now, each processor's oldest first. It is valid until
   * `visit` returns; when it throws, it counts as read. Returns how many were read.
   */
  consume(visit: (offset: number) => void): number {
    let count = 0;
    for (let i = 0; i < this.#processors; i++) count += this.#consumeLog(i, visit);
    return count;
  }

  #consumeLog(processor: number, visit: (offset: number) => void): number {
    const positions = this.#positions;
    const at = (processor * tcpLogBytes) / 8;
    const readAt = at + tcpLogLayout.read / 8;
    const start = Number(Atomics.load(positions, readAt));
    const end = Number(Atomics.load(positions, at + tcpLogLayout.written / 8));
    let position = start;
    try {
      while (position < end) {
        const offset = this.#reach(processor * this.#entries + (position % this.#entries));
        position++;
        visit(offset);
        if (position % entriesPerTurn === 0) Atomics.store(positions, readAt, BigInt(position));
      }
    } finally {
      Atomics.store(positions, readAt, BigInt(position));
    }
    return position - start;
  }

  /** Moves the window to an entry when it is elsewhere; returns its offset there. */
  #reach(index: number): number {
    const { windowBytes } = this.#ends;
    const place = index * tcpEndBytes;
    const start = place - (place % windowBytes);
    if (start !== this.#windowStart) this.#ends.moveWindow(start);
    this.#windowStart = start;
    return place - start;
  }
}
