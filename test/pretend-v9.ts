import { createSocket } from "node:dgram";
import { concat, ipv4, set, template, unsigned, v9Message } from "../src/netflow/testdata/messages.ts";

const fields: [id: number, length: number][] = [
  [8, 4],
  [12, 4],
  [7, 2],
  [11, 2],
  [4, 1],
  [61, 1],
  [10, 4],
  [14, 4],
  [1, 8],
  [2, 8],
];

/** A NetFlow v9 exporter at an address of loopback: sends from one port, numbers its datagrams, and its clock is right. */
export class PretendV9 {
  readonly #socket = createSocket("udp4");
  readonly #flowPort: number;
  readonly #templateId: number;
  /** Added to its clock, in seconds. */
  readonly #skew: number;
  #sequence = 0;

  constructor(address: string, flowPort: number, templateId: number, skew = 0) {
    this.#flowPort = flowPort;
    this.#templateId = templateId;
    this.#skew = skew;
    this.#socket.bind(0, address);
  }

  announce(): Promise<void> {
    return this.#send(set(0, template(this.#templateId, fields)));
  }

  /** Records of as many octets, each of a flow of its own. */
  tell(...octets: readonly number[]): Promise<void> {
    const records = octets.map((count, i) =>
      concat(
        ipv4("10.9.0.1"),
        ipv4("10.9.0.2"),
        ...[40_001 + i, 443].map((port) => unsigned(port, 2)),
        ...[6, 0].map((value) => unsigned(value, 1)),
        ...[1, 2].map((index) => unsigned(index, 4)),
        ...[count, 3].map((value) => unsigned(value, 8)),
      ),
    );
    return this.#send(set(this.#templateId, ...records));
  }

  /** As if so many datagrams had been lost. */
  skip(count: number): void {
    this.#sequence += count;
  }

  close(): void {
    this.#socket.close();
  }

  async #send(body: Uint8Array): Promise<void> {
    const seconds = Math.floor(Date.now() / 1000) + this.#skew;
    const datagram = Buffer.from(v9Message({ seconds, uptime: 3_600_000 }, body));
    datagram.writeUInt32BE(this.#sequence++, 12);
    await new Promise<void>((resolve, reject) =>
      this.#socket.send(datagram, this.#flowPort, "127.0.0.1", (error) =>
        error === null ? resolve() : reject(error),
      ),
    );
  }
}

/** Sends datagrams from an address of loopback, as an exporter of that address would. */
export async function sendFrom(
  address: string,
  flowPort: number,
  datagrams: readonly Uint8Array[],
): Promise<void> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  for (const datagram of datagrams) {
    await new Promise<void>((resolve, reject) =>
      socket.send(datagram, flowPort, "127.0.0.1", (error) => (error === null ? resolve() : reject(error))),
    );
  }
  socket.close();
}
