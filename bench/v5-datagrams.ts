import { v5Message, v5Record } from "../src/netflow/testdata/messages.ts";

export const recordsPerDatagram = 30;

/** Datagrams of 30 records from changing addresses and ports: `count` of them differ, to be sent round and round. */
export function createV5Datagrams(count: number, seconds = Math.floor(Date.now() / 1000)): Uint8Array[] {
  return Array.from({ length: count }, (_, datagram) => {
    const records = Array.from({ length: recordsPerDatagram }, (_, i) => {
      const n = datagram * recordsPerDatagram + i;
      return v5Record({
        source: `10.${(n >> 14) & 63}.${(n >> 8) & 63}.${n & 255}`,
        destination: `192.168.${(n >> 3) & 7}.${n & 7}`,
        packets: 1 + (n % 900),
        octets: 60 + (n % 65_000),
        sourcePort: 1024 + (n % 60_000),
        destinationPort: [53, 80, 443, 8080][n & 3]!,
        protocol: (n & 3) === 0 ? 17 : 6,
      });
    });
    return v5Message({ seconds }, ...records);
  });
}
