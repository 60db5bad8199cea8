import { formatProtocol } from "../flow/index.ts";
import { type EndReason, endReason, endReasonCount } from "./end-reason.ts";
import type { ExportCounts } from "./exporter.ts";
import { doubleOf, rowDoubles, rowWords, wordOf } from "./flow-row.ts";
import type { FlowTable } from "./flow-table.ts";

const protocolCount = 256;

/** Smallest, sum and largest of what was reported. */
class Spread {
  least = Number.POSITIVE_INFINITY;
  sum = 0;
  most = 0;

  add(value: number): void {
    if (value < this.least) this.least = value;
    if (value > this.most) this.most = value;
    this.sum += value;
  }
}

/** What the kernel says of the packets that it took and dropped. */
export interface KernelCounts {
  readonly received: number;
  readonly dropped: number;
}

/** What was reported so far, told as softflowd tells it. */
export class FlowStatistics {
  readonly #reasons = new Float64Array(endReasonCount);
  readonly #protocolOctets = new Float64Array(protocolCount);
  readonly #protocolPackets = new Float64Array(protocolCount);
  readonly #protocolFlows = new Float64Array(protocolCount);
  readonly #protocolSeconds = new Float64Array(protocolCount);
  readonly #protocolSecondsMost = new Float64Array(protocolCount);
  readonly #octets = new Spread();
  readonly #packets = new Spread();
  readonly #seconds = new Spread();
  #flowCount = 0;

  /** Flows reported because there was no room for another. */
  get evictedCount(): number {
    return this.#reasons[endReason.evicted]!;
  }

  get flowCount(): number {
    return this.#flowCount;
  }

  add({ words, doubles }: FlowTable, row: number, reason: EndReason): void {
    const base = row * rowWords;
    const double = row * rowDoubles;
    const protocol = words[base + wordOf.protocol]! & 0xff;
    const packets = words[base + wordOf.packets]! + words[base + wordOf.packets + 1]!;
    const octets = doubles[double + doubleOf.octets]! + doubles[double + doubleOf.octets + 1]!;
    const start0 = doubles[double + doubleOf.start]!;
    const start1 = doubles[double + doubleOf.start + 1]!;
    const start = start0 === 0 ? start1 : start1 === 0 ? start0 : Math.min(start0, start1);
    const end = Math.max(doubles[double + doubleOf.end]!, doubles[double + doubleOf.end + 1]!);
    const seconds = (end - start) / 1000;
    this.#flowCount++;
    this.#reasons[reason]!++;
    this.#octets.add(octets);
    this.#packets.add(packets);
    this.#seconds.add(seconds);
    this.#protocolFlows[protocol]!++;
    this.#protocolOctets[protocol]! += octets;
    this.#protocolPackets[protocol]! += packets;
    this.#protocolSeconds[protocol]! += seconds;
    this.#protocolSecondsMost[protocol] = Math.max(this.#protocolSecondsMost[protocol]!, seconds);
  }

  /** The text of softflowd's `statistics`; what softflowd does not count comes where it fits. */
  format(table: FlowTable, exported: ExportCounts, kernel: KernelCounts | undefined): string {
    const { counts } = table;
    const notIp = counts.notIpCount + counts.ipv6LeftOutCount + counts.linkUnknownCount;
    const lines = [
      `Number of active flows: ${table.flowCount}`,
      `Packets processed: ${counts.countedPackets}`,
    ];
    if (table.config.sampling > 1) lines.push(`Packets non-sampled: ${counts.sampledOut}`);
    lines.push(
      `Fragments: ${counts.fragmentCount}`,
      `Ignored packets: ${notIp + counts.tooShortCount} (${notIp} non-IP, ${counts.tooShortCount} too short)`,
    );
    if (counts.ipv6LeftOutCount > 0)
      lines.push(`Left out of them: ${counts.ipv6LeftOutCount} IPv6 (NetFlow 1 and 5 cannot say them)`);
    if (counts.linkUnknownCount > 0) lines.push(`Of unknown link types: ${counts.linkUnknownCount}`);
    if (counts.clockBackwardCount > 0)
      lines.push(`Times the capture's clock went back: ${counts.clockBackwardCount}`);
    lines.push(
      `Flows expired: ${this.#flowCount} (${this.evictedCount} forced)`,
      `Flows exported: ${this.#flowCount} (${exported.recordCount} records) in ${exported.messageCount} packets (${exported.failureCount} failures)`,
    );
    if (exported.unsayableCount > 0)
      lines.push(`Records left out: ${exported.unsayableCount} (NetFlow 1 and 5 cannot say them)`);
    if (kernel !== undefined)
      lines.push(
        `Packets received by kernel: ${kernel.received}`,
        `Packets dropped by kernel: ${kernel.dropped}`,
      );
    return [...lines, "", ...(this.#flowCount > 0 ? this.#formatFlows() : [])].join("\n");
  }

  #formatFlows(): string[] {
    const reason = (which: EndReason) => String(this.#reasons[which]!).padStart(9);
    const count = this.#flowCount;
    const row = (name: string, { least, sum, most }: Spread) =>
      `${name}${[least, sum / count, most].map((value) => value.toFixed(0).padStart(14)).join("")}`;
    const { least, sum, most } = this.#seconds;
    const durations = [least, sum / count, most].map((value) => `${value.toFixed(2)}s`.padStart(14)).join("");
    return [
      "Expired flow statistics:  minimum       average       maximum",
      row("  Flow bytes:      ", this.#octets),
      row("  Flow packets:    ", this.#packets),
      `  Duration:        ${durations}`,
      "",
      "Expired flow reasons:",
      `       tcp = ${reason(endReason.tcp)}   tcp.rst = ${reason(endReason.reset)}   tcp.fin = ${reason(endReason.fin)}`,
      `       udp = ${reason(endReason.udp)}      icmp = ${reason(endReason.icmp)}   general = ${reason(endReason.general)}`,
      `   maxlife = ${reason(endReason.maxlife)}`,
      `over 2 GiB = ${reason(endReason.octets)}`,
      `  maxflows = ${reason(endReason.evicted)}`,
      `   flushed = ${reason(endReason.forced)}`,
      "",
      "Per-protocol statistics:     Octets      Packets   Avg Life    Max Life",
      ...this.#formatProtocols(),
      "",
    ];
  }

  #formatProtocols(): string[] {
    return Array.from(this.#protocolFlows.keys())
      .filter((protocol) => this.#protocolFlows[protocol]! > 0)
      .map((protocol) => {
        const name = `${formatProtocol(protocol).toLowerCase()} (${protocol})`.padStart(17);
        const average = this.#protocolSeconds[protocol]! / this.#protocolFlows[protocol]!;
        return (
          `${name}: ${String(this.#protocolOctets[protocol]!).padStart(14)} ${String(this.#protocolPackets[protocol]!).padStart(12)} ` +
          `${average.toFixed(2).padStart(10)}s ${this.#protocolSecondsMost[protocol]!.toFixed(2).padStart(10)}s`
        );
      });
  }
}
