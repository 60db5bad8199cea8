/** Packets for tests of the table: written as frames, handed over as a batch. */
import { linkType, PacketBatch } from "../../packet/index.ts";
import { concat, ethernet, fromHex, ipv4, ipv6, tcp, udp, unsigned, vlan } from "../../packet/testdata/frames.ts";

export interface TestPacket {
  /** Milliseconds. */
  readonly time: number;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly protocol?: "tcp" | "udp" | "icmp";
  /** TCP's control bits, or ICMP's type and code. */
  readonly flags?: number;
  readonly payloadBytes?: number;
  readonly vlan?: number;
  readonly fragment?: number;
  readonly direction?: number;
  readonly captureInterface?: number;
}

export const fin = 1;
export const syn = 2;
export const rst = 4;
export const ack = 16;

const protocols = { tcp: 6, udp: 17, icmp: 1 } as const;

function writeFrame(packet: TestPacket): Uint8Array {
  const { source, destination, protocol = "udp", payloadBytes = 0, flags = 0, fragment } = packet;
  const ports = [packet.sourcePort ?? 1000, packet.destinationPort ?? 53] as const;
  const transport =
    protocol === "tcp" ? Uint8Array.from(tcp(...ports)) : protocol === "udp" ? udp(...ports) : unsigned(flags * 0x10000, 4);
  if (protocol === "tcp") transport[13] = flags;
  const given = { source, destination, payloadLength: transport.length + payloadBytes };
  const isIPv6 = source.includes(":");
  const network = isIPv6
    ? ipv6(protocols[protocol], given)
    : ipv4(protocols[protocol], fragment === undefined ? given : { ...given, fragment });
  const type = isIPv6 ? 0x86dd : 0x0800;
  const link = packet.vlan === undefined ? ethernet(type) : concat(ethernet(0x8100), vlan(packet.vlan, type));
  return concat(link, network, transport, new Uint8Array(payloadBytes), fromHex("00"));
}

export function batchOf(packets: readonly TestPacket[]): PacketBatch {
  const batch = new PacketBatch(packets.length);
  const frames = packets.map(writeFrame);
  batch.begin(concat(...frames));
  let offset = 0;
  for (const [i, frame] of frames.entries()) {
    batch.offsets[i] = offset;
    batch.capturedLengths[i] = frame.length;
    batch.wireLengths[i] = frame.length;
    batch.times[i] = packets[i]!.time;
    batch.linkTypes[i] = linkType.ethernet;
    batch.directions[i] = packets[i]!.direction ?? 0;
    batch.interfaces[i] = packets[i]!.captureInterface ?? 0;
    offset += frame.length;
  }
  batch.count = packets.length;
  return batch;
}
