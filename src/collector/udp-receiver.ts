import { createSocket, type SocketOptions } from "node:dgram";
import type { FlowListener } from "./config.ts";
import { ListenError } from "./listen-error.ts";

/** The bytes are the receiver's again when the call returns. `address` is as the socket gives it, maybe IPv4-mapped. */
export type TakeDatagram = (bytes: Uint8Array, address: string, port: number) => void;

/** An open socket. Another way to receive (recvmmsg in workers) replaces this file and nothing else. */
export interface Receiver {
  readonly host: string;
  readonly port: number;
  /** What the kernel granted, as it counts it: twice the payload's share. */
  readonly receiveBufferBytes: number;
  close(): Promise<void>;
}

/** `isIPv6Only` leaves the port's IPv4 side to another listener. Rejects with a ListenError. */
export function openReceiver(
  listener: FlowListener,
  isIPv6Only: boolean,
  receiveBufferBytes: number,
  take: TakeDatagram,
): Promise<Receiver> {
  const { host, port } = listener;
  const isIPv6 = host.includes(":");
  const options: SocketOptions = isIPv6 ? { type: "udp6", ipv6Only: isIPv6Only } : { type: "udp4" };
  const socket = createSocket(options);
  return new Promise((resolve, reject) => {
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      reject(new ListenError(listener, error));
    });
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeAllListeners("error");
      // Errors of an open UDP socket are about single datagrams (ICMP answers); the next one is received all the same.
      socket.on("error", () => {});
      socket.on("message", (bytes, from) => take(bytes, from.address, from.port));
      resolve({
        host,
        port: socket.address().port,
        receiveBufferBytes: growBuffer(socket, receiveBufferBytes),
        close: () => new Promise((closed) => socket.close(closed)),
      });
    });
  });
}

/** Best effort: some kernels refuse instead of granting less. */
function growBuffer(socket: ReturnType<typeof createSocket>, wantedBytes: number): number {
  try {
    socket.setRecvBufferSize(wantedBytes);
  } catch {
    return socket.getRecvBufferSize();
  }
  return socket.getRecvBufferSize();
}
