import { formatAddress } from "../flow/index.ts";
import { doubleOf, rowDoubles, rowWords, stateBit, wordOf } from "./flow-row.ts";
import type { FlowTable } from "./flow-table.ts";

/** A flow as softflowd's `dump-flows` tells it; `>` is from the end that is named first. */
export function describeFlow(table: FlowTable, row: number): string {
  const { words, doubles } = table;
  const base = row * rowWords;
  const double = row * rowDoubles;
  const ports = words[base + wordOf.ports]!;
  const flags = words[base + wordOf.flagsAndClasses]!;
  const vlans = words[base + wordOf.vlans]!;
  const start0 = doubles[double + doubleOf.start]!;
  const start1 = doubles[double + doubleOf.start + 1]!;
  const start = start0 === 0 ? start1 : start1 === 0 ? start0 : Math.min(start0, start1);
  const end = Math.max(doubles[double + doubleOf.end]!, doubles[double + doubleOf.end + 1]!);
  const initiator = (words[base + wordOf.state]! & stateBit.initiatorIsB) === 0 ? ">" : "<";
  return [
    `[${addressAt(words, base)}]:${ports >>> 16} <> [${addressAt(words, base + 4)}]:${ports & 0xffff}`,
    `proto:${words[base + wordOf.protocol]! & 0xff}`,
    `octets>:${doubles[double + doubleOf.octets]!} packets>:${words[base + wordOf.packets]!}`,
    `octets<:${doubles[double + doubleOf.octets + 1]!} packets<:${words[base + wordOf.packets + 1]!}`,
    `start:${formatTime(start)} finish:${formatTime(end)}`,
    `tcp>:${hex(flags & 0xff)} tcp<:${hex((flags >>> 8) & 0xff)}`,
    `vlan>:${vlans & 0xffff} vlan<:${vlans & 0xffff} initiator:${initiator}`,
  ].join(" ");
}

function addressAt(words: Int32Array, at: number): string {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 4; i++) view.setInt32(i * 4, words[at + i]!);
  return formatAddress(bytes);
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}

/** As softflowd writes times: UTC, without the zone's letter. A flow that was reported has none until its next packet. */
function formatTime(milliseconds: number): string {
  return milliseconds === 0 ? "-" : new Date(milliseconds).toISOString().slice(0, 23);
}
