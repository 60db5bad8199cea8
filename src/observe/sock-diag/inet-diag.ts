import { AttributeWalk, messageFlag, readU16, readU32, writeMessage } from "../netlink/netlink-message.ts";

/** include/uapi/linux/sock_diag.h */
export const sockDiagByFamily = 20;
/** Multicast groups that tell of sockets as they are freed (SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY). */
export const destroyGroups = [1, 3] as const;
export const addressFamily = { inet: 2, inet6: 10 } as const;

/** include/net/tcp_states.h */
export const tcpState = {
  established: 1,
  synSent: 2,
  finWait1: 4,
  finWait2: 5,
  close: 7,
  closeWait: 8,
  lastAck: 9,
  listen: 10,
  closing: 11,
} as const;

const maskOf = (...states: readonly number[]) => states.reduce((mask, state) => mask | (1 << state), 0);
export const listening = maskOf(tcpState.listen);
/** TIME_WAIT has no counters any more, SYN_RECV none yet. */
export const connected = maskOf(
  tcpState.established,
  tcpState.synSent,
  tcpState.finWait1,
  tcpState.finWait2,
  tcpState.closeWait,
  tcpState.lastAck,
  tcpState.closing,
);
const finReceived = maskOf(tcpState.closeWait, tcpState.lastAck, tcpState.closing);
const finSent = maskOf(tcpState.finWait1, tcpState.finWait2, tcpState.closing, tcpState.lastAck);

/** Whether the other side's FIN has arrived at a socket in this state. */
export function hasFinReceived(state: number): boolean {
  return ((1 << state) & finReceived) !== 0;
}

/** Whether a socket in this state has queued a FIN of its own. */
export function hasFinSent(state: number): boolean {
  return ((1 << state) & finSent) !== 0;
}

const protocolTcp = 6;
/** enum in linux/inet_diag.h: attributes of an answer. `INET_DIAG_CGROUP_ID` comes unasked, from Linux 5.9. */
const attribute = { info: 2, cgroupId: 21 } as const;

/**
 * struct inet_diag_req_v2 (linux/inet_diag.h), a request for all TCP sockets of a family in the wanted states:
 *
 *  0        1          2      3     4              8
 *  +--------+----------+------+-----+--------------+--------------------------------+
 *  | family | protocol | ext  | pad | states mask  | inet_diag_sockid, 48 zero bytes |
 *  +--------+----------+------+-----+--------------+--------------------------------+
 *
 * Bit n-1 of `ext` asks for attribute n.
 */
export function writeDumpRequest(family: number, states: number, sequence: number): Uint8Array {
  const payload = new Uint8Array(56);
  payload[0] = family;
  payload[1] = protocolTcp;
  payload[2] = 1 << (attribute.info - 1);
  new DataView(payload.buffer).setUint32(4, states, true);
  const flags = messageFlag.request | messageFlag.dump;
  return writeMessage({ type: sockDiagByFamily, flags, sequence, payload: [payload] });
}

/** Offsets in struct inet_diag_msg (linux/inet_diag.h), 72 bytes; ports and addresses in network byte order. */
const at = {
  family: 0,
  state: 1,
  localPort: 4,
  remotePort: 6,
  localAddress: 8,
  remoteAddress: 24,
  cookie: 44,
  receiveQueue: 56,
  writeQueue: 60,
  inode: 68,
} as const;
const socketBytes = 72;

/** Offsets in struct tcp_info (linux/tcp.h), without their `tcpi_`. It has grown with the kernel's versions, always at its end. */
export const tcpInfoLayout = {
  last_ack_recv: 56,
  rtt: 68,
  total_retrans: 100,
  bytes_acked: 120, // Linux 4.1, as bytes_received
  bytes_received: 128,
  segs_out: 136, // 4.2
  segs_in: 140,
  notsent_bytes: 144, // 4.6
  min_rtt: 148,
  bytes_sent: 200, // 4.19, as bytes_retrans
  bytes_retrans: 208,
} as const;
const info = tcpInfoLayout;

/**
 * One socket as the kernel tells of it, in the answer to a dump or when it is freed. Reused: `read` replaces all fields. A field that
 * the kernel's version does not have is 0. Times in microseconds.
 */
export class SocketMessage {
  state = 0;
  localPort = 0;
  remotePort = 0;
  /** IPv4 as ::ffff:a.b.c.d */
  readonly localAddress = new Uint8Array(16);
  readonly remoteAddress = new Uint8Array(16);
  cookieLow = 0;
  cookieHigh = 0;
  /** Octets, and perhaps a FIN, that the program has not read; of a listener, connections not accepted. */
  receiveQueueBytes = 0;
  /** Sequence numbers not acknowledged, sent or not. */
  writeQueueBytes = 0;
  /** Of the socket's file; 0 when no process has one, and always when it is freed. */
  inode = 0;
  cgroupId = 0;
  /** Whether there are counters: not of a socket that only waits for late segments (TIME_WAIT, FIN_WAIT2). */
  hasInfo = false;
  /** Whether the kernel counts `bytesSent`. */
  hasBytesSent = false;
  /** Milliseconds since the other side was heard of; since the machine started when it never was. */
  lastAckReceived = 0;
  rtt = 0;
  minRtt = 0;
  totalRetransmits = 0;
  /** Sequence numbers: octets, the FIN, and of a client the SYN. */
  bytesAcked = 0;
  /** Sequence numbers: octets, and the FIN. */
  bytesReceived = 0;
  segmentsOut = 0;
  segmentsIn = 0;
  notSentBytes = 0;
  /** Octets, those sent again counted again. */
  bytesSent = 0;
  bytesRetransmitted = 0;
  readonly #attributes = new AttributeWalk();

  /** Reads the payload of a message at bytes[start, end). False when it is cut off or of another family; never throws. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    if (start < 0 || end > bytes.length || end - start < socketBytes) return false;
    const family = bytes[start + at.family];
    if (family !== addressFamily.inet && family !== addressFamily.inet6) return false;
    this.state = bytes[start + at.state]!;
    this.localPort = readPort(bytes, start + at.localPort);
    this.remotePort = readPort(bytes, start + at.remotePort);
    readAddress(this.localAddress, family, bytes, start + at.localAddress);
    readAddress(this.remoteAddress, family, bytes, start + at.remoteAddress);
    this.cookieLow = readU32(bytes, start + at.cookie);
    this.cookieHigh = readU32(bytes, start + at.cookie + 4);
    this.receiveQueueBytes = readU32(bytes, start + at.receiveQueue);
    this.writeQueueBytes = readU32(bytes, start + at.writeQueue);
    this.inode = readU32(bytes, start + at.inode);
    this.cgroupId = 0;
    this.#readInfo(bytes, start, start);
    const attributes = this.#attributes;
    attributes.open(bytes, start + socketBytes, end);
    while (attributes.next()) {
      if (attributes.type === attribute.info) this.#readInfo(bytes, attributes.start, attributes.end);
      else if (attributes.type === attribute.cgroupId && attributes.length >= 8)
        this.cgroupId = readU64(bytes, attributes.start);
    }
    return true;
  }

  /**
   * What `bytesSent` does not explain of the sequence numbers used: 1 for a client's SYN, 1 for a FIN. A server's SYN is not
   * counted, since its socket is made when that has been acknowledged.
   */
  get unexplainedSequence(): number {
    const used = this.bytesAcked + this.writeQueueBytes - this.notSentBytes;
    return used - (this.bytesSent - this.bytesRetransmitted);
  }

  /** Payload octets sent, those sent again not counted. `isClient` matters to kernels that only count what is acknowledged. */
  payloadSent(isClient: boolean): number {
    if (this.hasBytesSent) return Math.max(this.bytesSent - this.bytesRetransmitted, 0);
    const isFinAcked = this.state === tcpState.finWait2 || this.state === tcpState.close;
    return Math.max(this.bytesAcked - (isClient ? 1 : 0) - (isFinAcked ? 1 : 0), 0);
  }

  #readInfo(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const u32 = (offset: number) => (offset + 4 <= length ? readU32(bytes, start + offset) : 0);
    const u64 = (offset: number) => (offset + 8 <= length ? readU64(bytes, start + offset) : 0);
    this.hasInfo = length >= info.segs_in + 4;
    this.hasBytesSent = length >= info.bytes_retrans + 8;
    this.lastAckReceived = u32(info.last_ack_recv);
    this.rtt = u32(info.rtt);
    this.minRtt = u32(info.min_rtt);
    this.totalRetransmits = u32(info.total_retrans);
    this.bytesAcked = u64(info.bytes_acked);
    this.bytesReceived = u64(info.bytes_received);
    this.segmentsOut = u32(info.segs_out);
    this.segmentsIn = u32(info.segs_in);
    this.notSentBytes = u32(info.notsent_bytes);
    this.bytesSent = u64(info.bytes_sent);
    this.bytesRetransmitted = u64(info.bytes_retrans);
  }
}

function readPort(bytes: Uint8Array, offset: number): number {
  const port = readU16(bytes, offset);
  return (port >> 8) | ((port & 0xff) << 8);
}

function readU64(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 4) * 0x100000000 + readU32(bytes, offset);
}

function readAddress(target: Uint8Array, family: number, bytes: Uint8Array, offset: number): void {
  const isMapped = family === addressFamily.inet;
  if (isMapped) target.fill(0, 0, 10).fill(0xff, 10, 12);
  const length = isMapped ? 4 : 16;
  for (let i = 0; i < length; i++) target[16 - length + i] = bytes[offset + i]!;
}
