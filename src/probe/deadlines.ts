import type { FlowTimeouts } from "./config.ts";
import { type EndReason, endReason } from "./end-reason.ts";
import { doubleOf, rowDoubles, rowWords, stateBit, wordOf } from "./flow-row.ts";

const protocolTcp = 6;
const protocolUdp = 17;
const protocolIcmp = 1;
const protocolIcmpV6 = 58;

/** When the flows in a table's rows are due, and why; unix milliseconds. */
export class Deadlines {
  readonly #timeouts: FlowTimeouts;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  constructor(timeouts: FlowTimeouts, words: Int32Array, doubles: Float64Array) {
    this.#timeouts = timeouts;
    this.#words = words;
    this.#doubles = doubles;
  }

  /** Of the last packet since the flow was reported; 0 when there was none. */
  lastSeen(row: number): number {
    const base = row * rowDoubles + doubleOf.end;
    return Math.max(this.#doubles[base]!, this.#doubles[base + 1]!);
  }

  /** If no packet comes. What was reported and silent since counts from `now`. */
  idle(row: number, now: number): number {
    return (this.lastSeen(row) || now) + this.#idleSeconds(row) * 1000;
  }

  /** Even if packets come. */
  age(row: number, now: number): number {
    const { maxlife } = this.#timeouts;
    if (maxlife === 0) return Number.MAX_SAFE_INTEGER;
    const base = row * rowDoubles + doubleOf.start;
    const first = this.#doubles[base]!;
    const second = this.#doubles[base + 1]!;
    const start = first === 0 ? second : second === 0 ? first : Math.min(first, second);
    return (start || now) + maxlife * 1000;
  }

  idleReason(row: number): EndReason {
    const protocol = this.#words[row * rowWords + wordOf.protocol]! & 0xff;
    const state = this.#words[row * rowWords + wordOf.state]!;
    switch (protocol) {
      case protocolTcp: {
        if ((state & stateBit.reset) !== 0 && this.#timeouts["tcp.rst"] > 0) return endReason.reset;
        const bothFins = stateBit.finOfA | stateBit.finOfB;
        if ((state & bothFins) === bothFins && this.#timeouts["tcp.fin"] > 0) return endReason.fin;
        return endReason.tcp;
      }
      case protocolUdp:
        return endReason.udp;
      case protocolIcmp:
      case protocolIcmpV6:
        return endReason.icmp;
      default:
        return endReason.general;
    }
  }

  #idleSeconds(row: number): number {
    const timeouts = this.#timeouts;
    switch (this.idleReason(row)) {
      case endReason.reset:
        return timeouts["tcp.rst"];
      case endReason.fin:
        return timeouts["tcp.fin"];
      case endReason.tcp:
        return timeouts.tcp || timeouts.general;
      case endReason.udp:
        return timeouts.udp || timeouts.general;
      case endReason.icmp:
        return timeouts.icmp || timeouts.general;
      default:
        return timeouts.general;
    }
  }
}
