import {
  FlowKeyReader,
  fragmentKind,
  isIPv6Bit,
  keyWord,
  keyWords,
  type PacketBatch,
  type PacketKind,
  packetKind,
} from "../packet/index.ts";
import { type FlowTableConfig, trackLevels } from "./config.ts";
import { groupPacketsMax, hashKey } from "./flow-index.ts";
import { FragmentPorts } from "./fragment-ports.ts";
import { icmpKey } from "./icmp.ts";

const protocolIcmp = 1;
const protocolIcmpV6 = 58;
/** A clock that goes back by more than this is another clock: what was before it is reported first. */
export const backwardMillisecondsMax = 60_000;

/** What was not counted as part of a flow, and how the packets came. */
export interface PacketCounts {
  /** Looked at, after sampling; the others below are part of it. */
  packetCount: number;
  /** Part of a flow. */
  countedPackets: number;
  sampledOut: number;
  fragmentCount: number;
  notIpCount: number;
  tooShortCount: number;
  linkUnknownCount: number;
  /** IPv6 where it cannot be exported and was not asked for. */
  ipv6LeftOutCount: number;
  /** The capture's clock went back, and flows were reported early. */
  clockBackwardCount: number;
}

/**
 * The next packets of a batch that are part of flows, by runs: packets in a row of one flow and direction. Of each run the key as the level tells flows
 * apart, and the key's hash.
 */
export class PacketGroup {
  readonly counts: PacketCounts = {
    packetCount: 0,
    countedPackets: 0,
    sampledOut: 0,
    fragmentCount: 0,
    notIpCount: 0,
    tooShortCount: 0,
    linkUnknownCount: 0,
    ipv6LeftOutCount: 0,
    clockBackwardCount: 0,
  };
  /** How many runs. */
  size = 0;
  /** Whether the clock only goes on, and stays before the time that was given: nothing is to be done by it before the group is counted. */
  isTimely = false;
  /** `keyWords` for each; what is counted is of all its packets. */
  readonly keys: Int32Array;
  readonly hashes: Int32Array;
  /** Which packets of the batch are a run's first and last. */
  readonly firsts: Int32Array;
  readonly lasts: Int32Array;
  readonly packetCounts: Int32Array;
  readonly #config: FlowTableConfig;
  readonly #capacity: number;
  readonly #reader: FlowKeyReader;
  readonly #fragments = new FragmentPorts();
  /** What the level leaves of a key's words. */
  readonly #portsMask: number;
  readonly #protocolMask: number;
  readonly #vlansMask: number;
  #sampleCount = 0;

  constructor(config: FlowTableConfig) {
    const { level, mplsLabels } = config;
    const depth = trackLevels.indexOf(level);
    this.#config = config;
    // The reader keeps the labels of one packet only.
    this.#capacity = mplsLabels > 0 ? 1 : groupPacketsMax;
    this.#reader = new FlowKeyReader({ groupSize: this.#capacity, withMacs: level === "ether" });
    this.#portsMask = depth >= trackLevels.indexOf("port") ? -1 : 0;
    this.#protocolMask = depth >= trackLevels.indexOf("proto") ? 0x1ff : 0x100;
    this.#vlansMask = depth >= trackLevels.indexOf("vlan") ? -1 : 0;
    this.keys = this.#reader.words;
    this.hashes = new Int32Array(this.#capacity);
    this.firsts = new Int32Array(this.#capacity);
    this.lasts = new Int32Array(this.#capacity);
    this.packetCounts = new Int32Array(this.#capacity);
  }

  /** Label of the last packet read, 0 for one that is not there. */
  mplsLabel(place: number): number {
    return place < this.#reader.mplsCount ? this.#reader.mplsLabels[place]! : 0;
  }

  /**
   * Reads from a packet of the batch on; returns the first packet behind those read. `now` is the clock before it. The clock goes on within a run,
   * and stays before `checkAt`: what is done by the clock comes between two runs. Behind a packet of another clock there are none. softflowd counts,
   * and looks for flows that are too large, packet by packet.
   */
  read(batch: PacketBatch, from: number, now: number, checkAt: number): number {
    const { view, offsets, capturedLengths, wireLengths, linkTypes, interfaces, times, count } = batch;
    const { keys, hashes, firsts, lasts, packetCounts } = this;
    const { sampling, isSoftflowd } = this.#config;
    const reader = this.#reader;
    const capacity = this.#capacity;
    const limitsPlain = this.#portsMask === 0;
    let latest = Number.NEGATIVE_INFINITY;
    let until = sampling > 1 || isSoftflowd ? Number.NEGATIVE_INFINITY : checkAt;
    let isTimely = true;
    let looked = 0;
    let counted = 0;
    let size = 0;
    let i = from;
    while (i < count && size < capacity) {
      const first = i++;
      if (sampling > 1 && ++this.#sampleCount % sampling !== 0) continue;
      looked++;
      const start = offsets[first]!;
      const time = times[first]!;
      if (time < Math.max(latest, now) - backwardMillisecondsMax) {
        isTimely = false;
        until = Number.NEGATIVE_INFINITY;
      }
      latest = Math.max(latest, time);
      const at = size * keyWords;
      const end = start + capturedLengths[first]!;
      const kind = reader.read(view, start, end, linkTypes[first]!, wireLengths[first]!, size);
      // The key of a plain packet is nearly complete as it was read, at the usual levels.
      if (kind === packetKind.plain && !limitsPlain) {
        keys[at + keyWord.protocol]! |= interfaces[first]! << 16;
        if (latest < until) i = reader.readRun(batch, first, size, latest, until);
        latest = Math.max(latest, times[i - 1]!);
      } else {
        if (!this.#isCounted(kind, at)) continue;
        this.#completeKey(at, interfaces[first]!, time);
      }
      const packetCount = i - first;
      looked += packetCount - 1;
      counted += packetCount;
      hashes[size] = hashKey(keys, at);
      firsts[size] = first;
      lasts[size] = i - 1;
      packetCounts[size++] = packetCount;
    }
    this.size = size;
    this.isTimely = isTimely && latest < checkAt;
    this.counts.packetCount += looked;
    this.counts.countedPackets += counted;
    this.counts.sampledOut += i - from - looked;
    return i;
  }

  #isCounted(kind: PacketKind, at: number): boolean {
    const { counts } = this;
    switch (kind) {
      case packetKind.notIp:
        counts.notIpCount++;
        return false;
      case packetKind.tooShort:
        counts.tooShortCount++;
        return false;
      case packetKind.linkUnknown:
        counts.linkUnknownCount++;
        return false;
    }
    if ((this.keys[at + keyWord.protocol]! & isIPv6Bit) === 0 || this.#config.withIPv6) return true;
    counts.ipv6LeftOutCount++;
    return false;
  }

  /** Makes of what stands in the packet what flows are told apart by. */
  #completeKey(at: number, captureInterface: number, time: number): void {
    const { keys } = this;
    if (this.#reader.fragment !== fragmentKind.none) this.#joinFragment(at, time);
    const protocol = keys[at + keyWord.protocol]! & 0xff;
    if (protocol === protocolIcmp || protocol === protocolIcmpV6) this.#keyIcmp(protocol, at);
    keys[at + keyWord.ports]! &= this.#portsMask;
    keys[at + keyWord.vlans]! &= this.#vlansMask;
    keys[at + keyWord.protocol] =
      (keys[at + keyWord.protocol]! & this.#protocolMask) | (captureInterface << 16);
    // softflowd 1.1.0 keeps the VLAN per direction: a tagged frame and its answer are two flows.
    if (this.#config.isSoftflowd && keys[at + keyWord.vlans] !== 0 && isSourceLower(keys, at))
      keys[at + keyWord.protocol]! |= 0x200;
  }

  #joinFragment(at: number, time: number): void {
    this.counts.fragmentCount++;
    if (this.#config.isSoftflowd) return;
    const { fragment, fragmentId } = this.#reader;
    if (fragment === fragmentKind.first) this.#fragments.remember(this.keys, at, fragmentId, time);
    else this.#fragments.recall(this.keys, at, fragmentId, time);
  }

  /**
   * Both directions of an exchange have one key: both halves of the ports are what the question's type is. softflowd 1.1.0 has type and code as
   * the destination's port.
   */
  #keyIcmp(protocol: number, at: number): void {
    const typeCode = this.keys[at + keyWord.facts]! >>> 16;
    const type = this.#config.isSoftflowd ? 0 : icmpKey(protocol, typeCode);
    this.keys[at + keyWord.ports] = this.#config.isSoftflowd ? typeCode : (type << 16) | type;
  }
}

/** As memcmp of the addresses says. */
export function isSourceLower(keys: Int32Array, at: number): boolean {
  for (let i = at; i < at + 4; i++) {
    const source = keys[i]! >>> 0;
    const destination = keys[i + 4]! >>> 0;
    if (source !== destination) return source < destination;
  }
  return true;
}
