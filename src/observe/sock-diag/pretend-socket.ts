import { parseAddress } from "../../flow/index.ts";
import { writeAttribute } from "../netlink/netlink-message.ts";
import { SocketMessage, tcpState } from "./inet-diag.ts";

/** A socket for tests, as the kernel would tell of it. */
export interface PretendSocket {
  readonly family?: 2 | 10;
  readonly state?: number;
  readonly local?: readonly [address: string, port: number];
  readonly remote?: readonly [address: string, port: number];
  readonly cookie?: number;
  readonly receiveQueue?: number;
  readonly writeQueue?: number;
  readonly inode?: number;
  readonly cgroupId?: bigint;
  /** Bytes of struct tcp_info, which grew with the kernel's versions; 0 for none. */
  readonly infoBytes?: number;
  readonly lastAckReceived?: number;
  readonly rtt?: number;
  readonly minRtt?: number;
  readonly totalRetransmits?: number;
  readonly acked?: number;
  readonly received?: number;
  readonly segmentsOut?: number;
  readonly segmentsIn?: number;
  readonly notSent?: number;
  readonly sent?: number;
  readonly sentAgain?: number;
}

/** The payload of a netlink message: struct inet_diag_msg and attributes. */
export function writeSocket(socket: PretendSocket): Uint8Array {
  const { family = 2, state = tcpState.established, infoBytes = 280 } = socket;
  const head = new Uint8Array(72);
  const view = new DataView(head.buffer);
  view.setUint8(0, family);
  view.setUint8(1, state);
  for (const [at, [address, port]] of [
    [0, socket.local ?? ["192.0.2.1", 40_000]],
    [1, socket.remote ?? ["192.0.2.2", 443]],
  ] as const) {
    view.setUint16(4 + at * 2, port);
    head.set(parseAddress(address)!.subarray(family === 2 ? 12 : 0), 8 + at * 16);
  }
  view.setUint32(44, socket.cookie ?? 1, true);
  view.setUint32(56, socket.receiveQueue ?? 0, true);
  view.setUint32(60, socket.writeQueue ?? 0, true);
  view.setUint32(68, socket.inode ?? 0, true);
  const parts = [head, writeAttribute(15, new Uint8Array())]; // INET_DIAG_PAD aligns what follows
  if (infoBytes > 0) parts.push(writeAttribute(2, writeInfo(socket).subarray(0, infoBytes)));
  if (socket.cgroupId !== undefined)
    parts.push(writeAttribute(21, new Uint8Array(BigUint64Array.of(socket.cgroupId).buffer)));
  return new Uint8Array(Buffer.concat(parts));
}

export function readSocket(socket: PretendSocket): SocketMessage {
  const message = new SocketMessage();
  const bytes = writeSocket(socket);
  message.read(bytes, 0, bytes.length);
  return message;
}

/** struct tcp_info of Linux 6.18. */
function writeInfo(socket: PretendSocket): Uint8Array {
  const info = new DataView(new ArrayBuffer(280));
  const u64 = (at: number, value = 0) => info.setBigUint64(at, BigInt(value), true);
  info.setUint32(56, socket.lastAckReceived ?? 0, true);
  info.setUint32(68, socket.rtt ?? 0, true);
  info.setUint32(100, socket.totalRetransmits ?? 0, true);
  u64(120, socket.acked);
  u64(128, socket.received);
  info.setUint32(136, socket.segmentsOut ?? 0, true);
  info.setUint32(140, socket.segmentsIn ?? 0, true);
  info.setUint32(144, socket.notSent ?? 0, true);
  info.setUint32(148, socket.minRtt ?? 0, true);
  u64(200, socket.sent);
  u64(208, socket.sentAgain);
  return new Uint8Array(info.buffer);
}
