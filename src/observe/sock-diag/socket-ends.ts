import { isLoopback, RowIndex, writeAddressWords } from "../../flow/index.ts";
import { tcpReportFlags, tcpRole } from "../tcp-report.ts";
import { hasFinReceived, hasFinSent, type SocketMessage, tcpState } from "./inet-diag.ts";
import { phase, type SocketTable } from "./socket-table.ts";

/** include/uapi/asm-generic/errno.h */
const errno = { connectionRefused: 111, timedOut: 110 } as const;

/**
 * Which end a live socket is. The kernel counts a client's SYN among what was acknowledged, and a server's not, so a socket with
 * nothing on its way tells by itself; else whoever has a local address that is listened on is the server.
 */
export function roleOf(message: SocketMessage, isListenedOn: () => boolean): number {
  if (message.state === tcpState.synSent) return tcpRole.client;
  if (message.hasBytesSent && message.writeQueueBytes === 0 && !hasFinSent(message.state)) {
    if (message.unexplainedSequence === 1) return tcpRole.client;
    if (message.unexplainedSequence === 0) return tcpRole.server;
  }
  return isListenedOn() ? tcpRole.server : tcpRole.client;
}

/** Says of a freed row which end it was, when no dump has shown it, and whether and why it never opened. */
export function settleOpening(table: SocketTable, row: number, isListenedOn: () => boolean): void {
  const { columns } = table;
  const isSilent = columns.sent[row] === 0 && columns.received[row] === 0 && table.rtt(row) === 0;
  if (table.role(row) === 0) {
    const unexplained = columns.unexplained[row]!; // SYN of a client, FIN
    if (unexplained === 2) table.setRole(row, tcpRole.client);
    else if (unexplained === 0) table.setRole(row, tcpRole.server);
    else table.setRole(row, isListenedOn() ? tcpRole.server : tcpRole.client);
  }
  if (columns.isOpened[row] === 1) return;
  columns.isOpened[row] = 1;
  if (!isSilent || table.role(row) === tcpRole.server) return;
  table.setFlags(row, tcpReportFlags.unopened);
  // The kernel does not say why. A segment that came can only have been a RST; SYNs sent again were not answered.
  if (columns.segmentsReceived[row]! > 0) table.setError(row, errno.connectionRefused);
  else if (columns.retransmits[row]! > 0) table.setError(row, errno.timedOut);
}

/**
 * A freed socket's `received` counts the other side's FIN, if that came, and the kernel no longer says whether it did. In order of
 * certainty: the last dump had it; the other end is a socket of this machine and says how much it sent; else the way it
 * was closed: with a FIN of its own, and its program had read everything. Only there it may be wrong, by one octet: when
 * the FIN came later than the socket was freed, more than a moment after its own was acknowledged.
 */
export class FinSettlement {
  readonly #index: RowIndex;
  /** Whether a waiting row has the local port. */
  readonly #ports = new Uint8Array(65_536);
  #rows: number[] = [];

  constructor(rowsMax: number) {
    this.#index = new RowIndex(10, rowsMax);
  }

  /**
   * Settles rows that are freed, whose role is known. Of two ends that close long apart the kernel may have told of one alone, while the
   * other is gone from its lists already: where that is possible a row stays freed until `isTick`, a while later, `missed` saying that it waits.
   */
  settle(table: SocketTable, freed: readonly number[], isTick = true): void {
    const { columns } = table;
    const hasWaited = (row: number) => columns.missed[row] !== 0 && isTick;
    for (const row of freed) columns.phase[row] = phase.ended;
    this.#index.clear();
    this.#ports.fill(0);
    this.#rows = [];
    for (const row of freed) {
      if (columns.received[row] === 0) continue;
      if (hasFinReceived(columns.state[row]!)) columns.received[row]!--;
      else this.#wait(table, row);
    }
    if (this.#rows.length === 0) return;
    const sentByOther = this.#readOtherEnds(table);
    this.#rows.forEach((row, i) => {
      const beyond = columns.received[row]! - sentByOther[i]!;
      const mayBeTold = beyond > 1 || (Number.isNaN(beyond) && columns.state[row] === 0);
      if (mayBeTold && !hasWaited(row)) {
        columns.phase[row] = phase.freed;
        columns.missed[row] = 1;
        return;
      }
      // What came cannot be more than was sent, but for the FIN. NaN: the other end is elsewhere.
      const isFinCounted = beyond <= 1 ? beyond === 1 : closedInOrder(table, row);
      if (isFinCounted) columns.received[row]!--;
    });
  }

  #wait(table: SocketTable, row: number): void {
    this.#probe(table, row, table.localAddress(row), table.remoteAddress(row));
    this.#index.probe[8] = ((table.localPort(row) << 16) | table.remotePort(row)) >>> 0;
    const index = this.#index.findOrAdd();
    if (index !== this.#rows.length) {
      // The same addresses in two namespaces: which other end is whose cannot be told.
      if (closedInOrder(table, row)) table.columns.received[row]!--;
      return;
    }
    this.#rows.push(row);
    this.#ports[table.localPort(row)] = 1;
  }

  #readOtherEnds(table: SocketTable): Float64Array {
    const sent = new Float64Array(this.#rows.length).fill(Number.NaN);
    for (let row = 0; row < table.count; row++) {
      if (this.#ports[table.remotePort(row)] === 0 || table.columns.phase[row] === phase.done) continue;
      this.#probe(table, row, table.remoteAddress(row), table.localAddress(row));
      this.#index.probe[8] = ((table.remotePort(row) << 16) | table.localPort(row)) >>> 0;
      const index = this.#index.find();
      if (index >= 0 && this.#rows[index] !== row) sent[index] = table.columns.sent[row]!;
    }
    return sent;
  }

  #probe(table: SocketTable, row: number, local: number, remote: number): void {
    const { probe } = this.#index;
    writeAddressWords(probe, 0, table.bytes, local);
    writeAddressWords(probe, 4, table.bytes, remote);
    probe[9] = isLoopback(table.bytes, local) ? table.networkNamespace(row) : 0;
  }
}

function closedInOrder(table: SocketTable, row: number): boolean {
  const { unexplained, receiveQueue } = table.columns;
  const finCount = unexplained[row]! - (table.role(row) === tcpRole.client ? 1 : 0);
  return finCount === 1 && receiveQueue[row]! <= 1;
}
