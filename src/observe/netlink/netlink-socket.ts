import koffi from "koffi";
import { cFunctions } from "../../native/index.ts";
import { KernelError } from "../kernel-error.ts";
import type { NetworkNamespace } from "../network-namespaces.ts";
import { insideNamespace } from "./inside-namespace.ts";
import {
  AttributeWalk,
  MessageWalk,
  messageFlag,
  messageHeaderBytes,
  messageType,
  readU32,
} from "./netlink-message.ts";
import type { ReceiveRoom } from "./receive-room.ts";

/** include/uapi/linux/netlink.h */
export const netlinkProtocol = { sockDiag: 4, netfilter: 12 } as const;

// Numbers of include/uapi (asm-generic), the same on x86-64 and arm64.
const familyNetlink = 16;
const socketRaw = 3;
const closeOnExec = 0x80000;
const levelSocket = 1;
const optionReceiveBuffer = 8;
const optionReceiveTimeout = 20;
const optionAttachFilter = 26;
const optionDetachFilter = 27;
const optionReceiveBufferForce = 33;
const optionMemoryInfo = 55;
const memoryInfoDrops = 8;
const levelNetlink = 270;
const optionAddMembership = 1;
const optionExtendedAck = 11;
const optionStrictCheck = 12;
const dontWait = 0x40;
const waitForOne = 0x10000;
const errorMessageText = 1; // NLMSGERR_ATTR_MSG
/** Dumps are written while we read them, so there is nothing to wait for; this only bounds the unthinkable. */
const answerTimeoutSeconds = 5;
const { EAGAIN, EINTR, ENOBUFS } = koffi.os.errno as Record<"EAGAIN" | "EINTR" | "ENOBUFS", number>;

const isSupported = process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");
const call = cFunctions({
  socket: "int socket(int family, int type, int protocol)",
  bind: "int bind(int fd, const uint8_t *address, uint32_t length)",
  setOption: "int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)",
  getOption: "int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)",
  send: "intptr_t send(int fd, const uint8_t *bytes, size_t length, int flags)",
  receiveMany: "int recvmmsg(int fd, uintptr_t messages, unsigned int count, int flags, uintptr_t timeout)",
  close: "int close(int fd)",
});

export interface NetlinkOptions {
  /** `netlinkProtocol` */
  readonly protocol: number;
  /** A path like /proc/1234/ns/net or /run/netns/blue, or what was found; without it the calling thread's own. */
  readonly networkNamespace?: string | NetworkNamespace;
  /** Only for sockets that receive events; granted beyond net.core.rmem_max too, to whoever has CAP_NET_ADMIN. */
  readonly receiveBufferBytes?: number;
  /** Has the kernel refuse what it does not know in a request instead of passing over it. */
  readonly isStrict?: boolean;
}

/** What `receive` brought. */
export interface Reception {
  /** Datagrams in the room. */
  readonly count: number;
  /** The kernel had no room for events since the last time (ENOBUFS): some are lost, `dropCount` says how many. */
  readonly isOverrun: boolean;
}

/** What a dump came to, beside its messages. */
export interface DumpResult {
  /** The table changed while it was read: rows may be missing. */
  readonly isInterrupted: boolean;
}

/** Whether netlink can be spoken here: Linux on a 64-bit little-endian machine. */
export function hasNetlink(): boolean {
  return isSupported;
}

/**
 * An open AF_NETLINK socket. It belongs to its network namespace, and keeps it alive: a namespace whose processes have all ended goes
 * only when the socket is closed.
 */
export interface NetlinkSocket {
  readonly fd: number;
  /** What the kernel granted, as it counts it: a datagram costs more than its bytes. */
  receiveBufferBytes(): number;
  /** Joins a multicast group, by number. Throws KernelError. */
  subscribe(group: number): void;
  /** A classic BPF program; what it returns 0 for never reaches the socket. Instructions are [code, jump true, jump false, k]. */
  attachFilter(program: readonly FilterInstruction[]): void;
  detachFilter(): void;
  /** Sends one request. Throws KernelError. */
  send(request: Uint8Array): void;
  /** Takes what is there, without waiting, at most what the room holds. Throws KernelError. */
  receive(room: ReceiveRoom): Reception;
  /** Sends a request that has one message for an answer. Throws KernelError. */
  ask(request: Uint8Array, room: ReceiveRoom, visit: (message: MessageWalk) => void): void;
  /** Sends a request whose flags have `messageFlag.dump`. Throws KernelError. */
  startDump(request: Uint8Array): void;
  /**
   * Reads on, a room full at most, and calls `visit` with each message; the walk stands on it until `visit` returns. The
   * result when that was the end, else undefined. Throws KernelError: what the kernel answered, ENODATA when bytes are missing. The
   * socket must have no subscription: events would come between.
   */
  continueDump(room: ReceiveRoom, visit: (message: MessageWalk) => void): DumpResult | undefined;
  /** startDump and continueDump, to the end. */
  dump(request: Uint8Array, room: ReceiveRoom, visit: (message: MessageWalk) => void): DumpResult;
  /** Datagrams the kernel had no room for since the socket was opened (SK_MEMINFO_DROPS). */
  dropCount(): number;
  close(): void;
}

export type FilterInstruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

/** Throws KernelError; ENOENT when the network namespace is gone, ESTALE when its path leads to another by now. */
export function openNetlinkSocket(options: NetlinkOptions): NetlinkSocket {
  const { protocol, networkNamespace, receiveBufferBytes, isStrict = false } = options;
  const path = typeof networkNamespace === "object" ? networkNamespace.path : networkNamespace;
  const what = `netlink ${protocol}${path === undefined ? "" : ` in ${path}`}`;
  const open = () => orErrno(call.socket(familyNetlink, socketRaw | closeOnExec, protocol));
  const fd = networkNamespace === undefined ? open() : insideNamespace(networkNamespace, open);
  if (fd < 0) throw new KernelError(`${what}: socket`, -fd);
  const setOption = (level: number, name: number, ...words: readonly number[]) =>
    call.setOption(fd, level, name, bytesOf32(...words), words.length * 4) === 0;
  // A socket without a port id has the kernel's own, 0, and gets no events: the kernel does not send to itself.
  const bound = orErrno(call.bind(fd, bytesOf32(familyNetlink, 0, 0), 12));
  if (bound < 0) {
    call.close(fd);
    throw new KernelError(`${what}: bind`, -bound);
  }
  if (receiveBufferBytes !== undefined) {
    // Without CAP_NET_ADMIN the kernel grants what net.core.rmem_max allows.
    if (!setOption(levelSocket, optionReceiveBufferForce, receiveBufferBytes))
      setOption(levelSocket, optionReceiveBuffer, receiveBufferBytes);
  }
  setOption(levelNetlink, optionExtendedAck, 1);
  if (isStrict) setOption(levelNetlink, optionStrictCheck, 1); // kernels before 4.20 do not know it, and are not strict
  setOption(levelSocket, optionReceiveTimeout, answerTimeoutSeconds, 0, 0, 0); // struct timeval
  const walk = new MessageWalk();
  let dumpSequence = 0;
  let isInterrupted = false;

  /** Datagrams, or minus errno. */
  const receiveMany = (room: ReceiveRoom, flags: number): number => {
    for (;;) {
      room.prepare();
      const count = orErrno(call.receiveMany(fd, room.address, room.count, flags, 0));
      if (count !== -EINTR) return count;
    }
  };

  return {
    fd,
    receiveBufferBytes: () => getNumbers(fd, optionReceiveBuffer, 1)[0]!,
    subscribe(group) {
      if (!setOption(levelNetlink, optionAddMembership, group))
        throw new KernelError(`${what}: group ${group}`, koffi.errno());
    },
    attachFilter(program) {
      if (!attachFilter(fd, program)) throw new KernelError(`${what}: filter`, koffi.errno());
    },
    detachFilter: () => void setOption(levelSocket, optionDetachFilter, 0),
    send(request) {
      if (Number(call.send(fd, request, request.length, 0)) < 0)
        throw new KernelError(`${what}: send`, koffi.errno());
    },
    receive(room) {
      const count = receiveMany(room, dontWait);
      // What is there is taken the next time; a socket with nothing more than the news of its overrun is told at once.
      if (count === -ENOBUFS) return { count: 0, isOverrun: true };
      if (count < 0 && count !== -EAGAIN) throw new KernelError(`${what}: receive`, -count);
      return { count: Math.max(count, 0), isOverrun: false };
    },
    startDump(request) {
      this.send(request);
      dumpSequence = readU32(request, 8);
      isInterrupted = false;
    },
    continueDump(room, visit) {
      const count = receiveMany(room, waitForOne);
      if (count < 0) throw new KernelError(`${what}: dump`, -count);
      for (let i = 0; i < count; i++) {
        if (!room.isFromKernel(i)) continue;
        walk.open(room.bytes, room.start(i), room.start(i) + room.length(i));
        while (walk.next()) {
          if (walk.sequence !== dumpSequence) continue; // the rest of a dump that was given up
          if ((walk.flags & messageFlag.dumpInterrupted) !== 0) isInterrupted = true;
          if (walk.type === messageType.done || walk.type === messageType.error) {
            throwAnswer(walk, `${what}: dump`);
            return { isInterrupted };
          }
          visit(walk);
        }
        if (walk.isTruncated || room.isTruncated(i))
          throw new KernelError(`${what}: dump: datagram cut off`, koffi.os.errno.ENODATA!);
      }
      return undefined;
    },
    ask(request, room, visit) {
      this.send(request);
      const count = receiveMany(room, waitForOne);
      if (count < 0) throw new KernelError(`${what}: ask`, -count);
      walk.open(room.bytes, room.start(0), room.start(0) + room.length(0));
      while (walk.next()) {
        if (walk.type === messageType.error) throwAnswer(walk, `${what}: ask`);
        else visit(walk);
      }
    },
    dump(request, room, visit) {
      this.startDump(request);
      let result: DumpResult | undefined;
      do result = this.continueDump(room, visit);
      while (result === undefined);
      return result;
    },
    dropCount: () => getNumbers(fd, optionMemoryInfo, memoryInfoDrops + 1)[memoryInfoDrops]!,
    close: () => void call.close(fd),
  };
}

/** Throws what an NLMSG_ERROR or NLMSG_DONE carries, unless that is 0. Older kernels end a dump that went wrong with NLMSG_DONE. */
export function throwAnswer(message: MessageWalk, what: string): void {
  const { bytes, start, end } = message;
  if (end - start < 4) return; // NLMSG_DONE without a result
  const errno = -(readU32(bytes, start) | 0);
  if (errno <= 0) return;
  throw new KernelError(what, errno, wordsOf(message));
}

/** NLMSGERR_ATTR_MSG: after the result and, of an error, the request it is about. */
function wordsOf({ bytes, type, flags, start, end }: MessageWalk): string {
  if ((flags & messageFlag.hasAttributes) === 0) return "";
  let at = start + 4;
  if (type === messageType.error && at + messageHeaderBytes <= end)
    at += (flags & messageFlag.capped) !== 0 ? messageHeaderBytes : Math.ceil(readU32(bytes, at) / 4) * 4;
  const attributes = new AttributeWalk();
  attributes.open(bytes, at, end);
  while (attributes.next()) {
    if (attributes.type !== errorMessageText) continue;
    const text = new TextDecoder().decode(bytes.slice(attributes.start, attributes.end));
    return text.replace(/\0.*$/s, "");
  }
  return "";
}

/** struct sock_fprog points at its instructions; the kernel copies them. */
function attachFilter(fd: number, program: readonly FilterInstruction[]): boolean {
  const instructions = new Uint8Array(program.length * 8);
  const view = new DataView(instructions.buffer);
  program.forEach(([code, jumpTrue, jumpFalse, k], i) => {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jumpTrue);
    view.setUint8(i * 8 + 3, jumpFalse);
    view.setUint32(i * 8 + 4, k, true);
  });
  const header = new Uint8Array(16);
  const headerView = new DataView(header.buffer);
  headerView.setUint16(0, program.length, true);
  headerView.setBigUint64(8, BigInt(koffi.address(instructions)), true);
  return call.setOption(fd, levelSocket, optionAttachFilter, header, header.length) === 0;
}

/** What a system call returned, or minus errno: to be asked before anything else runs. */
function orErrno(result: number): number {
  return result < 0 ? -koffi.errno() : result;
}

function bytesOf32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function getNumbers(fd: number, name: number, count: number): Uint32Array {
  const values = new Uint8Array(count * 4);
  call.getOption(fd, levelSocket, name, values, [values.length]);
  return new Uint32Array(values.buffer);
}
