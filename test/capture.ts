/** A capture file of made-up traffic, for programs that read captures. */
export interface CapturedFlow {
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** 6 TCP, 17 UDP. */
  readonly protocol: number;
  readonly packets: number;
  /** Payload of each packet. */
  readonly payloadBytes: number;
}

/** Octets that a flow's packets have from the network header on. */
export function networkBytes({ source, protocol, packets, payloadBytes }: CapturedFlow): number {
  const headers = (source.length === 4 ? 20 : 40) + (protocol === 6 ? 20 : 8);
  return packets * (headers + payloadBytes);
}

/** What the packets of flows come to. */
export function totalsOf(flows: readonly CapturedFlow[]): { packetCount: number; octetCount: number } {
  return {
    packetCount: flows.reduce((sum, { packets }) => sum + packets, 0),
    octetCount: flows.reduce((sum, flow) => sum + networkBytes(flow), 0),
  };
}

type Amount = Pick<CapturedFlow, "packets" | "payloadBytes">;

/** Both directions of a TCP connection from 10.0.0.1 to port 443 of 10.0.0.2. */
export function connection(there: Amount, back: Amount): CapturedFlow[] {
  const client = { address: [10, 0, 0, 1], port: 40_000 };
  const server = { address: [10, 0, 0, 2], port: 443 };
  const direction = (from: typeof client, to: typeof client, amount: Amount): CapturedFlow => ({
    source: from.address,
    destination: to.address,
    sourcePort: from.port,
    destinationPort: to.port,
    protocol: 6,
    ...amount,
  });
  return [direction(client, server, there), direction(server, client, back)];
}

/** UDP to port 53 from so many hosts, unanswered. */
export function questions(count: number, packets: (host: number) => number): CapturedFlow[] {
  return Array.from({ length: count }, (_, host) => ({
    source: [10, 1, 0, host],
    destination: [10, 2, 0, 1],
    sourcePort: 1000 + host,
    destinationPort: 53,
    protocol: 17,
    packets: packets(host),
    payloadBytes: 30,
  }));
}

/** libpcap's file format: a header of 24 bytes, then per packet 16 bytes and the Ethernet frame. */
export function writeCapture(flows: readonly CapturedFlow[], startSeconds: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(1, 20); // Ethernet
  const parts: Buffer[] = [header];
  let milliseconds = 0;
  // Packets of all flows by turns, as on a wire.
  for (let turn = 0; flows.some(({ packets }) => turn < packets); turn++) {
    for (const flow of flows) {
      if (turn >= flow.packets) continue;
      const frame = writeFrame(flow, turn);
      const record = Buffer.alloc(16);
      record.writeUInt32LE(startSeconds + Math.floor(milliseconds / 1000), 0);
      record.writeUInt32LE((milliseconds % 1000) * 1000, 4);
      record.writeUInt32LE(frame.length, 8);
      record.writeUInt32LE(frame.length, 12);
      parts.push(record, frame);
      milliseconds++;
    }
  }
  return Buffer.concat(parts);
}

const acknowledged = 0x10;

function writeFrame(flow: CapturedFlow, turn: number): Buffer {
  const { source, destination, protocol, payloadBytes } = flow;
  const isIPv4 = source.length === 4;
  const ethernet = Buffer.alloc(14);
  ethernet.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
  ethernet.writeUInt16BE(isIPv4 ? 0x0800 : 0x86dd, 12);
  const transport = Buffer.alloc((protocol === 6 ? 20 : 8) + payloadBytes);
  transport.writeUInt16BE(flow.sourcePort, 0);
  transport.writeUInt16BE(flow.destinationPort, 2);
  if (protocol === 6) {
    transport.writeUInt32BE(1 + turn * payloadBytes, 4);
    transport[12] = 0x50;
    transport[13] = acknowledged;
    transport.writeUInt16BE(65_535, 14);
  } else transport.writeUInt16BE(transport.length, 4);
  const network = Buffer.alloc(isIPv4 ? 20 : 40);
  if (isIPv4) {
    network[0] = 0x45;
    network.writeUInt16BE(20 + transport.length, 2);
    network[8] = 64;
    network[9] = protocol;
    network.set(source, 12);
    network.set(destination, 16);
  } else {
    network[0] = 0x60;
    network.writeUInt16BE(transport.length, 4);
    network[6] = protocol;
    network[7] = 64;
    network.set(source, 8);
    network.set(destination, 24);
  }
  return Buffer.concat([ethernet, network, transport]);
}
