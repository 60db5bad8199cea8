import { readFileSync } from "node:fs";
import { errorName } from "../../native/index.ts";
import { linkType, type PacketBatch, packetDirection } from "../../packet/index.ts";
import { type BpfInstruction, runBpf } from "../../pcap/index.ts";
import { CaptureError } from "./capture-error.ts";
import { call, mapMemory, words } from "./system-calls.ts";

// include/uapi/linux/if_packet.h and asm-generic/socket.h
const familyPacket = 17;
const socketRaw = 3;
const closeOnExec = 0x80000;
const levelSocket = 1;
const optionError = 4;
const optionAttachFilter = 26;
const levelPacket = 263;
const packetAddMembership = 1;
const packetRxRing = 5;
const packetStatistics = 6;
const packetVersion = 10;
const version3 = 2;
const membershipPromiscuous = 1;
const protocolAll = 0x0300; // ETH_P_ALL in the network's order
const protReadWrite = 3;
const mapShared = 1;

const blockBytes = 1_048_576;
const statusUser = 1;
const statusKernel = 0;
const statusVlanValid = 0x10;
const statusVlanTypeValid = 0x40;
const packetOutgoing = 4;
/** A block with few packets is handed over after so many milliseconds. */
export const retireMilliseconds = 20;
const hardwareLoopback = 772;
/** Of a link layer with Ethernet's header: Ethernet itself, and loopback. */
const hardwareEthernet = 1;
/** Kinds without any: PPP, tunnels, `none` (WireGuard, tun). */
const hardwareRaw = new Set([512, 768, 769, 776, 778, 65534, 519]);

export interface PacketRingConfig {
  readonly interfaceName: string;
  /** Of each packet so many octets are kept: what headers need. */
  readonly snapLength: number;
  readonly ringBytes: number;
  readonly isPromiscuous: boolean;
  /** What the interface is to batches of packets. */
  readonly interfaceNumber: number;
  /** Compiles the filter for a link type; undefined when every packet is wanted. */
  readonly compileFilter: ((linkType: number) => readonly BpfInstruction[]) | undefined;
  /** Whether the filter is run here, not in the kernel: the kernel takes VLAN tags off before it filters. */
  readonly isFilterOwn: boolean;
}

export interface RingCounts {
  received: number;
  /** The ring was full. */
  dropped: number;
}

/**
 * Packets of an interface, read where the kernel puts them (AF_PACKET, TPACKET_V3): blocks of memory shared with it, each handed over
 * when it is full or old enough, and handed back when it has been read. No call per packet, no copy.
 *
 *  block   0         8        12        16       20
 *          +---------+--------+---------+--------+ - -   packet  0       4       8      12         16     20      24   26    32     36     48
 *          | version | status | packets | first  |               +-------+-------+------+----------+------+-------+-----+-----+------+-----+------+
 *          +---------+--------+---------+--------+ - -           | next  | secs  | nsec | captured | wire | status| mac | net | vlan | type| whose|
 */
export class PacketRing {
  readonly config: PacketRingConfig;
  readonly #counts: RingCounts = { received: 0, dropped: 0 };
  readonly #blockCount: number;
  #fd = -1;
  #address = 0n;
  #bytes = new Uint8Array();
  #view = new DataView(new ArrayBuffer(0));
  #statuses = new Int32Array();
  #block = 0;
  /** Packets of the block that is being read, still to come; and where the next begins. */
  #left = 0;
  #next = 0;
  #isBlockHeld = false;
  #index = 0;
  #linkType: number = linkType.ethernet;
  #isLoopback = false;
  #filter: readonly BpfInstruction[] | undefined;

  constructor(config: PacketRingConfig) {
    this.config = config;
    this.#blockCount = Math.max(2, Math.floor(config.ringBytes / blockBytes));
  }

  /** The kernel's number of the interface; 0 when it is not there. */
  get interfaceIndex(): number {
    return this.#index;
  }

  get linkType(): number {
    return this.#linkType;
  }

  /** Throws a CaptureError. Needs CAP_NET_RAW, here only. */
  open(): void {
    const { interfaceName } = this.config;
    const index = call.interfaceIndex(interfaceName);
    if (index === 0)
      throw new CaptureError(`interface ${interfaceName} is not there: ip link shows those that are`);
    this.#fd = call.socket(familyPacket, socketRaw | closeOnExec, 0);
    if (this.#fd < 0) throw new CaptureError(describeSocket(errorName()));
    try {
      this.#readKind();
      this.#filter = this.config.compileFilter?.(this.#linkType);
      this.#attachFilter();
      this.#mapRing();
      this.#bindTo(index);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Fills a batch with packets that are there, without waiting. They lie in the ring until the next call. Returns whether there may be
   * more.
   */
  read(batch: PacketBatch): boolean {
    this.#release();
    batch.begin(this.#bytes);
    for (;;) {
      if (this.#left === 0 && !this.#takeBlock()) return false;
      while (this.#left > 0 && batch.count < batch.capacity) this.#readPacket(batch);
      if (this.#left === 0) this.#isBlockHeld = true;
      // A block goes back only after its packets were used.
      if (batch.count > 0) return true;
      this.#release();
    }
  }

  /** Packets since the ring was opened. */
  counts(): RingCounts {
    const bytes = new Uint8Array(12);
    if (this.#fd >= 0 && call.getOption(this.#fd, levelPacket, packetStatistics, bytes, [12]) === 0) {
      // The kernel's own counts begin anew with each look.
      const view = new DataView(bytes.buffer);
      this.#counts.received += view.getUint32(0, true);
      this.#counts.dropped += view.getUint32(4, true);
    }
    return this.#counts;
  }

  /**
   * Looks whether the interface is still the one that is captured: one that was removed may have come back, with another number. Takes it
   * again, which needs no privilege. Returns what changed.
   */
  check(): "same" | "gone" | "back" {
    call.getOption(this.#fd, levelSocket, optionError, new Uint8Array(4), [4]); // a pending error is told once
    const index = call.interfaceIndex(this.config.interfaceName);
    if (index === this.#index) return "same";
    this.#index = 0;
    if (index === 0) return "gone";
    try {
      this.#bindTo(index);
      return "back";
    } catch {
      return "gone";
    }
  }

  /** No packet comes into the ring any more. Those that are in it can be read, the last after `retireMilliseconds`. */
  endIntake(): void {
    if (this.#fd >= 0) attachProgram(this.#fd, [returnOf(0)]);
  }

  close(): void {
    if (this.#address !== 0n) call.munmap(this.#address, this.#blockCount * blockBytes);
    if (this.#fd >= 0) call.close(this.#fd);
    this.#address = 0n;
    this.#fd = -1;
    this.#bytes = new Uint8Array();
  }

  #readKind(): void {
    const { interfaceName } = this.config;
    const kind = Number(readFileSync(`/sys/class/net/${interfaceName}/type`, "utf8"));
    this.#isLoopback = kind === hardwareLoopback;
    if (kind === hardwareEthernet || kind === hardwareLoopback) this.#linkType = linkType.ethernet;
    else if (hardwareRaw.has(kind)) this.#linkType = linkType.raw;
    else throw new CaptureError(`interface ${interfaceName} is of a kind that is not read (${kind})`);
  }

  #mapRing(): void {
    this.#setOption(packetVersion, words(version3), "the kernel has no TPACKET_V3");
    const frameBytes = 2048;
    const frames = (blockBytes / frameBytes) * this.#blockCount;
    const request = words(blockBytes, this.#blockCount, frameBytes, frames, retireMilliseconds, 0, 0);
    const megabytes = (this.#blockCount * blockBytes) / 1_048_576;
    this.#setOption(
      packetRxRing,
      request,
      `a ring of ${megabytes} MiB is not to be had: choose fewer octets with -B`,
    );
    const length = this.#blockCount * blockBytes;
    const address = BigInt(call.mmap(0, length, protReadWrite, mapShared, this.#fd, 0));
    if (address === 0xffffffffffffffffn) throw new CaptureError(`the ring cannot be mapped: ${errorName()}`);
    this.#address = address;
    const buffer = mapMemory(address, length);
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
    this.#statuses = new Int32Array(buffer);
  }

  #setOption(name: number, value: Uint8Array, problem: string): void {
    if (call.setOption(this.#fd, levelPacket, name, value, value.length) !== 0)
      throw new CaptureError(`${problem} (${errorName()})`);
  }

  /** The kernel keeps of each packet what the program returns: the snap length, or what the filter says within it. */
  #attachFilter(): void {
    const { snapLength, isFilterOwn } = this.config;
    const program =
      this.#filter === undefined || isFilterOwn
        ? [returnOf(snapLength)]
        : this.#filter.map((one) => (isWanted(one) ? { ...one, operand: snapLength } : one));
    attachProgram(this.#fd, program);
  }

  #bindTo(index: number): void {
    const address = new Uint8Array(20);
    const view = new DataView(address.buffer);
    view.setUint16(0, familyPacket, true);
    view.setUint16(2, protocolAll, true);
    view.setInt32(4, index, true);
    if (call.bind(this.#fd, address, address.length) !== 0)
      throw new CaptureError(`interface ${this.config.interfaceName} cannot be captured: ${errorName()}`);
    this.#index = index;
    if (!this.config.isPromiscuous) return;
    const membership = new Uint8Array(16);
    const membershipView = new DataView(membership.buffer);
    membershipView.setInt32(0, index, true);
    membershipView.setUint16(4, membershipPromiscuous, true);
    // Where the interface cannot, it is captured as it is.
    call.setOption(this.#fd, levelPacket, packetAddMembership, membership, membership.length);
  }

  #release(): void {
    if (!this.#isBlockHeld) return;
    Atomics.store(this.#statuses, (this.#block * blockBytes + 8) >> 2, statusKernel);
    this.#block = (this.#block + 1) % this.#blockCount;
    this.#isBlockHeld = false;
  }

  #takeBlock(): boolean {
    if (this.#fd < 0 || this.#isBlockHeld) return false;
    const start = this.#block * blockBytes;
    if ((Atomics.load(this.#statuses, (start + 8) >> 2) & statusUser) === 0) return false;
    this.#left = this.#view.getUint32(start + 12, true);
    this.#next = start + this.#view.getUint32(start + 16, true);
    return true;
  }

  #readPacket(batch: PacketBatch): void {
    const view = this.#view;
    const at = this.#next;
    this.#left--;
    this.#next = at + view.getUint32(at, true);
    const isOutgoing = view.getUint8(at + 58) === packetOutgoing;
    // On loopback every packet goes by twice, out and in.
    if (isOutgoing && this.#isLoopback) return;
    let offset = at + view.getUint16(at + 24, true);
    let captured = view.getUint32(at + 12, true);
    let wire = view.getUint32(at + 16, true);
    const status = view.getUint32(at + 20, true);
    if ((status & statusVlanValid) !== 0 && captured >= 12) {
      offset = this.#putTagBack(offset, at, status);
      captured += 4;
      wire += 4;
    }
    if (this.config.isFilterOwn && this.#filter !== undefined) {
      if (runBpf(this.#filter, view, offset, captured, wire) === 0) return;
    }
    const row = batch.count++;
    batch.offsets[row] = offset;
    batch.capturedLengths[row] = captured;
    batch.wireLengths[row] = wire;
    // To the microsecond, as times are kept.
    batch.times[row] =
      view.getUint32(at + 4, true) * 1000 + Math.floor(view.getUint32(at + 8, true) / 1000) / 1000;
    batch.interfaces[row] = this.config.interfaceNumber;
    batch.linkTypes[row] = this.#linkType;
    batch.directions[row] = isOutgoing ? packetDirection.outbound : packetDirection.inbound;
  }

  /** The kernel took the tag off; in front of the frame there is room to move its addresses and put it back. */
  #putTagBack(offset: number, at: number, status: number): number {
    const start = offset - 4;
    this.#bytes.copyWithin(start, offset, offset + 12);
    const type = (status & statusVlanTypeValid) !== 0 ? this.#view.getUint16(at + 36, true) : 0x8100;
    this.#view.setUint16(start + 12, type);
    this.#view.setUint16(start + 14, this.#view.getUint32(at + 32, true));
    return start;
  }
}

/** A return of a constant that is not 0. */
function isWanted({ code, operand }: BpfInstruction): boolean {
  return code === 6 && operand !== 0;
}

/** Of each packet so many octets. */
function returnOf(octets: number): BpfInstruction {
  return { code: 6, jumpTrue: 0, jumpFalse: 0, operand: octets };
}

/** struct sock_fprog: a count, then a pointer to the instructions, which are written into memory that has an address. */
function attachProgram(fd: number, program: readonly BpfInstruction[]): void {
  const length = 16 + program.length * 8;
  const address = BigInt(call.mmap(0, length, protReadWrite, 0x22, -1, 0));
  const memory = new Uint8Array(mapMemory(address, length));
  const view = new DataView(memory.buffer);
  view.setUint16(0, program.length, true);
  view.setBigUint64(8, address + 16n, true);
  for (const [i, { code, jumpTrue, jumpFalse, operand }] of program.entries()) {
    const at = 16 + i * 8;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jumpTrue);
    view.setUint8(at + 3, jumpFalse);
    view.setInt32(at + 4, operand, true);
  }
  const isTaken = call.setOption(fd, levelSocket, optionAttachFilter, memory.subarray(0, 16), 16) === 0;
  const error = isTaken ? undefined : errorName();
  call.munmap(address, length);
  if (error !== undefined) throw new CaptureError(`the kernel did not take the filter: ${error}`);
}

function describeSocket(error: string): string {
  return error === "EPERM"
    ? "capturing needs CAP_NET_RAW: run as root, or give the service AmbientCapabilities=CAP_NET_RAW"
    : `a packet socket cannot be opened: ${error}`;
}
