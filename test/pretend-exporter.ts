import { createSocket } from "node:dgram";

const headerBytes = 24;
const recordBytes = 48;

export interface PretendFlow {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly bytes: number;
  readonly packets: number;
}

/** A NetFlow v5 message: header, then records of 48 bytes, TCP, all at one moment. */
export function netflow5(flows: readonly PretendFlow[], sequence: number): Buffer {
  const message = Buffer.alloc(headerBytes + flows.length * recordBytes);
  message.writeUInt16BE(5, 0);
  message.writeUInt16BE(flows.length, 2);
  message.writeUInt32BE(3_600_000, 4); // sysUptime: an hour
  message.writeUInt32BE(Math.floor(Date.now() / 1000), 8);
  message.writeUInt32BE(sequence, 16);
  for (const [i, flow] of flows.entries()) {
    const at = headerBytes + i * recordBytes;
    for (const [text, offset] of [
      [flow.source, 0],
      [flow.destination, 4],
    ] as const) {
      text.split(".").forEach((part, j) => void message.writeUInt8(Number(part), at + offset + j));
    }
    message.writeUInt32BE(flow.packets, at + 16);
    message.writeUInt32BE(flow.bytes, at + 20);
    message.writeUInt32BE(3_599_000, at + 24);
    message.writeUInt32BE(3_600_000, at + 28);
    message.writeUInt16BE(flow.sourcePort, at + 32);
    message.writeUInt16BE(flow.destinationPort, at + 34);
    message.writeUInt8(6, at + 38);
  }
  return message;
}

/** Sends datagrams to a port on loopback, one after the other. */
export async function sendDatagrams(port: number, datagrams: Iterable<Uint8Array>): Promise<void> {
  const socket = createSocket("udp4");
  for (const datagram of datagrams) {
    await new Promise<void>((resolve, reject) =>
      socket.send(datagram, port, "127.0.0.1", (error) => (error === null ? resolve() : reject(error))),
    );
  }
  socket.close();
}
