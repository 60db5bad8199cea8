import koffi from "koffi";
import { assert, parseAddress } from "../flow/index.ts";
import { cFunctions, errorName } from "../native/index.ts";
import type { FlowListener } from "./config.ts";
import { ListenError } from "./listen-error.ts";

/**
 * The kernel's socket calls, for receiving many datagrams with one of them. Linux on 64-bit little-endian machines;
 * elsewhere `dgram` receives.
 */
export function hasKernelSockets(): boolean {
  return process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");
}

// Numbers of include/uapi (asm-generic), the same on x86-64 and arm64.
const familyIPv4 = 2;
const familyIPv6 = 10;
const socketDatagram = 2;
const closeOnExec = 0x80000;
const levelSocket = 1;
const optionReceiveBuffer = 8;
const optionReusePort = 15;
const optionReceiveBufferForce = 33;
const optionAttachReusePortFilter = 51;
const optionMemoryInfo = 55;
const memoryInfoDrops = 8;
const levelIPv6 = 41;
const optionIPv6Only = 26;
const dontWait = 0x40;
const pollIn = 1;
const protReadWrite = 3;
const mapPrivateAnonymous = 0x22;

const call = cFunctions({
  socket: "int socket(int family, int type, int protocol)",
  bind: "int bind(int fd, const uint8_t *address, uint32_t length)",
  setOption: "int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)",
  getOption: "int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)",
  getName: "int getsockname(int fd, _Out_ uint8_t *address, _Inout_ uint32_t *length)",
  receiveMany: "int recvmmsg(int fd, uintptr_t messages, unsigned int count, int flags, uintptr_t timeout)",
  poll: "int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)",
  eventfd: "int eventfd(unsigned int value, int flags)",
  write: "intptr_t write(int fd, const uint8_t *bytes, size_t length)",
  read: "intptr_t read(int fd, _Out_ uint8_t *bytes, size_t length)",
  close: "int close(int fd)",
  mmap: "uintptr_t mmap(uintptr_t address, size_t length, int prot, int flags, int fd, long offset)",
  munmap: "int munmap(uintptr_t address, size_t length)",
});

export interface SocketOptions {
  /** Whether other sockets of ours take the same port. */
  readonly isPortShared: boolean;
  /** Leaves the port's IPv4 side to another listener. */
  readonly isIPv6Only: boolean;
  readonly receiveBufferBytes: number;
}

/** An open UDP socket. */
export interface KernelSocket {
  readonly fd: number;
  readonly port: number;
  /** What the kernel granted, as it counts it: twice the payload's share. */
  readonly receiveBufferBytes: number;
  /** Datagrams the kernel had no room for since the socket was opened (SK_MEMINFO_DROPS). */
  kernelDropCount(): number;
  close(): void;
}

/** Throws a ListenError. */
export function openSocket(listener: FlowListener, options: SocketOptions): KernelSocket {
  const isIPv6 = listener.host.includes(":");
  const fd = call.socket(isIPv6 ? familyIPv6 : familyIPv4, socketDatagram | closeOnExec, 0);
  if (fd < 0) throw listenError(listener);
  const setNumber = (level: number, name: number, value: number) =>
    call.setOption(fd, level, name, bytesOf32(value), 4) === 0;
  if (isIPv6) setNumber(levelIPv6, optionIPv6Only, options.isIPv6Only ? 1 : 0);
  if (options.isPortShared) setNumber(levelSocket, optionReusePort, 1);
  // Beyond net.core.rmem_max only with CAP_NET_ADMIN; without it the kernel grants what it allows.
  if (!setNumber(levelSocket, optionReceiveBufferForce, options.receiveBufferBytes))
    setNumber(levelSocket, optionReceiveBuffer, options.receiveBufferBytes);
  const address = writeSocketAddress(listener);
  if (call.bind(fd, address, address.length) !== 0) {
    const error = listenError(listener);
    call.close(fd);
    throw error;
  }
  return {
    fd,
    port: readPort(fd),
    receiveBufferBytes: getNumbers(fd, optionReceiveBuffer, 1)[0]!,
    kernelDropCount: () => getNumbers(fd, optionMemoryInfo, memoryInfoDrops + 1)[memoryInfoDrops]!,
    close: () => void call.close(fd),
  };
}

function listenError(listener: FlowListener): ListenError {
  const number = koffi.errno();
  const code = errorName(number);
  return new ListenError(listener, Object.assign(new Error(code), { code, errno: number }));
}

function bytesOf32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function getNumbers(fd: number, name: number, count: number): Uint32Array {
  const values = new Uint8Array(count * 4);
  call.getOption(fd, levelSocket, name, values, [values.length]);
  return new Uint32Array(values.buffer);
}

/** struct sockaddr_in or sockaddr_in6: family in the machine's order, port and address in the network's. */
function writeSocketAddress({ host, port }: FlowListener): Uint8Array {
  const address = parseAddress(host);
  assert(address !== undefined, "listeners have addresses");
  const isIPv6 = host.includes(":");
  const bytes = new Uint8Array(isIPv6 ? 28 : 16);
  bytes[0] = isIPv6 ? familyIPv6 : familyIPv4;
  bytes[2] = port >> 8;
  bytes[3] = port;
  bytes.set(isIPv6 ? address : address.subarray(12), isIPv6 ? 8 : 4);
  return bytes;
}

function readPort(fd: number): number {
  const bytes = new Uint8Array(28);
  call.getName(fd, bytes, [bytes.length]);
  return (bytes[2]! << 8) | bytes[3]!;
}

/**
 * Sends every datagram of one source address to one of `count` sockets that share a port, whatever its source port: a
 * device's templates and its data have to meet. A classic BPF program on the first socket of the group (SO_ATTACH_REUSEPORT_CBPF)
 * hashes the last 32 bits of the source address. False when the kernel does not take it.
 */
export function steerBySource(fd: number, count: number): boolean {
  const networkHeader = 0xfff00000; // SKF_NET_OFF
  const program: readonly (readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number])[] =
    [
      [0x30, 0, 0, networkHeader], // A = first byte of the IP header
      [0x74, 0, 0, 4], // A >>= 4
      [0x15, 0, 2, 4], // IPv4?
      [0x20, 0, 0, networkHeader + 12], // A = source address
      [0x05, 0, 0, 1],
      [0x20, 0, 0, networkHeader + 20], // A = last word of the source address
      [0x24, 0, 0, 0x9e3779b1], // A *= 2^32 / golden ratio
      [0x74, 0, 0, 16],
      [0x94, 0, 0, count], // A %= count
      [0x16, 0, 0, 0], // return A
    ];
  const memory = new NativeMemory(program.length * 8 + 16);
  program.forEach(([code, jumpTrue, jumpFalse, operand], i) => {
    memory.view.setUint16(i * 8, code, true);
    memory.view.setUint8(i * 8 + 2, jumpTrue);
    memory.view.setUint8(i * 8 + 3, jumpFalse);
    memory.view.setUint32(i * 8 + 4, operand, true);
  });
  const header = program.length * 8;
  memory.view.setUint16(header, program.length, true);
  memory.view.setBigUint64(header + 8, memory.address, true);
  const isTaken =
    call.setOption(fd, levelSocket, optionAttachReusePortFilter, memory.bytes.subarray(header), 16) === 0;
  memory.free();
  return isTaken;
}

/** Memory outside the JavaScript heap, at an address that structures can point to. Zeros; pages cost when touched. */
class NativeMemory {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(length: number) {
    this.address = BigInt(call.mmap(0, length, protReadWrite, mapPrivateAnonymous, -1, 0));
    assert(this.address !== 0xffffffffffffffffn, "there is memory");
    const buffer = koffi.view(this.address, length);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  free(): void {
    call.munmap(this.address, this.bytes.length);
  }
}

/** A datagram can be no longer: 65,535 less the headers. */
const slotBytes = 65_536;
const messageHeaderBytes = 64; // struct mmsghdr
const vectorBytes = 16; // struct iovec
const socketAddressBytes = 32;

/**
 * Room for `count` datagrams and what recvmmsg needs beside it:
 *
 *  +---------------------+-------------------+------------------------+--------------------------+
 *  | mmsghdr x count     | iovec x count     | sockaddr x count       | 64 KiB x count           |
 *  +---------------------+-------------------+------------------------+--------------------------+
 */
export class DatagramRoom {
  readonly count: number;
  readonly #memory: NativeMemory;
  readonly #addressesStart: number;
  readonly #dataStart: number;
  /** The view handed out for a slot last: exporters fill their datagrams alike, so it often fits again. */
  readonly #views: Uint8Array[];
  #used = 0;

  constructor(count: number) {
    this.count = count;
    const vectorsStart = count * messageHeaderBytes;
    this.#addressesStart = vectorsStart + count * vectorBytes;
    this.#dataStart = Math.ceil((this.#addressesStart + count * socketAddressBytes) / 4096) * 4096;
    this.#memory = new NativeMemory(this.#dataStart + count * slotBytes);
    const { view, address } = this.#memory;
    for (let i = 0; i < count; i++) {
      const header = i * messageHeaderBytes;
      const vector = vectorsStart + i * vectorBytes;
      view.setBigUint64(header, address + BigInt(this.#addressesStart + i * socketAddressBytes), true);
      view.setUint32(header + 8, socketAddressBytes, true);
      view.setBigUint64(header + 16, address + BigInt(vector), true);
      view.setBigUint64(header + 24, 1n, true);
      view.setBigUint64(vector, address + BigInt(this.#dataStart + i * slotBytes), true);
      view.setBigUint64(vector + 8, BigInt(slotBytes), true);
    }
    this.#views = Array.from({ length: count }, () => new Uint8Array());
  }

  /** Takes what a socket has, at most `count` datagrams, without waiting. Returns how many. */
  receive(fd: number): number {
    const { view, address } = this.#memory;
    for (let i = 0; i < this.#used; i++) view.setUint32(i * messageHeaderBytes + 8, socketAddressBytes, true);
    const received = call.receiveMany(fd, address, this.count, dontWait, 0);
    this.#used = Math.max(received, 0); // nothing there, or an error about an earlier datagram of ours
    return this.#used;
  }

  /** The bytes of a datagram just received; valid until the next call of `receive`. */
  datagram(index: number): Uint8Array {
    const length = this.#memory.view.getUint32(index * messageHeaderBytes + 56, true);
    let bytes = this.#views[index]!;
    if (bytes.length !== length) {
      const start = this.#dataStart + index * slotBytes;
      bytes = this.#memory.bytes.subarray(start, start + length);
      this.#views[index] = bytes;
    }
    return bytes;
  }

  port(index: number): number {
    return this.#memory.view.getUint16(this.#addressesStart + index * socketAddressBytes + 2);
  }

  /** Writes the sender's address, IPv4 as ::ffff:a.b.c.d, as four big-endian words into `key`. */
  writeAddress(index: number, key: Uint32Array): void {
    const { view } = this.#memory;
    const at = this.#addressesStart + index * socketAddressBytes;
    if (view.getUint16(at, true) === familyIPv4) {
      key[0] = 0;
      key[1] = 0;
      key[2] = 0xffff;
      key[3] = view.getUint32(at + 4);
    } else for (let i = 0; i < 4; i++) key[i] = view.getUint32(at + 8 + i * 4);
  }

  free(): void {
    this.#memory.free();
  }
}

/** Waits for sockets and for a bell that another thread rings. */
export class SocketPoll {
  readonly #bell: number;
  readonly #fds: Uint8Array;
  readonly #view: DataView;

  constructor(bell: number, sockets: readonly KernelSocket[]) {
    this.#bell = bell;
    this.#fds = new Uint8Array((sockets.length + 1) * 8);
    this.#view = new DataView(this.#fds.buffer);
    for (const [i, fd] of [bell, ...sockets.map((socket) => socket.fd)].entries()) {
      this.#view.setInt32(i * 8, fd, true);
      this.#view.setInt16(i * 8 + 4, pollIn, true);
    }
  }

  /** Until a socket has something, the bell rings or the time is over. */
  wait(milliseconds: number): void {
    call.poll(this.#fds, this.#fds.length / 8, milliseconds);
    this.#silenceBell();
  }

  /** Until the bell rings or the time is over, whatever the sockets have. */
  pause(milliseconds: number): void {
    call.poll(this.#fds, 1, milliseconds);
    this.#silenceBell();
  }

  /** Whether the socket had something when `wait` returned. */
  isReadable(index: number): boolean {
    return this.#view.getInt16((index + 1) * 8 + 6, true) !== 0;
  }

  #silenceBell(): void {
    if (this.#view.getInt16(6, true) === 0) return;
    this.#view.setInt16(6, 0, true);
    call.read(this.#bell, new Uint8Array(8), 8);
  }
}

/** An eventfd. */
export function openBell(): number {
  return call.eventfd(0, closeOnExec);
}

export function ringBell(bell: number): void {
  call.write(bell, bytesOf32(1, 0), 8);
}

export function closeBell(bell: number): void {
  call.close(bell);
}
