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

/** What else a message's header says. */
export interface PretendHeader {
  /** How far the exporter's clock is ahead, in seconds. */
  readonly skew?: number;
  /** One packet of so many was looked at. */
  readonly sampling?: number;
}

/** A NetFlow v5 message: header, then records of 48 bytes, TCP, all at one moment. */
export function netflow5(
  flows: readonly PretendFlow[],
  sequence: number,
  { skew = 0, sampling = 0 }: PretendHeader = {},
): Buffer {
  const message = Buffer.alloc(headerBytes + flows.length * recordBytes);
  message.writeUInt16BE(5, 0);
  message.writeUInt16BE(flows.length, 2);
  message.writeUInt32BE(3_600_000, 4); // sysUptime: an hour
  message.writeUInt32BE(Math.floor(Date.now() / 1000) + skew, 8);
  message.writeUInt32BE(sequence, 16);
  message.writeUInt16BE(sampling === 0 ? 0 : 0x4000 | sampling, 22); // mode 1, and 14 bits of interval
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

/** A NetFlow v5 exporter at an address of loopback: sends from one port, by which its sequence numbers are followed. */
export class PretendV5 {
  readonly #socket = createSocket("udp4");
  readonly #flowPort: number;
  readonly #header: PretendHeader;
  #sequence = 0;

  constructor(address: string, flowPort: number, header: PretendHeader = {}) {
    this.#flowPort = flowPort;
    this.#header = header;
    this.#socket.bind(0, address);
  }

  tell(flows: readonly PretendFlow[]): Promise<void> {
    const message = netflow5(flows, this.#sequence, this.#header);
    this.#sequence += flows.length;
    return this.send(message);
  }

  /** As if so many records had been lost. */
  skip(count: number): void {
    this.#sequence += count;
  }

  /** Any bytes. */
  send(datagram: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#socket.send(datagram, this.#flowPort, "127.0.0.1", (error) =>
        error === null ? resolve() : reject(error),
      ),
    );
  }

  close(): void {
    this.#socket.close();
  }
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
