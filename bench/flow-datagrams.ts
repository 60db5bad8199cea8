import {
  concat,
  ipfixMessage,
  ipv4,
  type SpecifiedField,
  set,
  template,
  unsigned,
  v9Message,
} from "../src/netflow/testdata/messages.ts";
import { createV5Datagrams, recordsPerDatagram } from "./v5-datagrams.ts";

export const flowProtocols = ["v5", "v9", "ipfix"] as const;
export type FlowProtocol = (typeof flowProtocols)[number];

export interface FlowDatagrams {
  /** Templates, to be sent before the data; none for v5. */
  readonly announcements: readonly Uint8Array[];
  /** 30 records each, of changing addresses and ports. */
  readonly data: readonly Uint8Array[];
}

/** `count` datagrams that differ, to be sent round and round. v9 and IPFIX have the fields of softflowd's IPv4 template. */
export function createFlowDatagrams(protocol: FlowProtocol, count: number): FlowDatagrams {
  if (protocol === "v5") return { announcements: [], data: createV5Datagrams(count) };
  const times: readonly SpecifiedField[] =
    protocol === "v9"
      ? [
          [22, 4],
          [21, 4],
        ]
      : [
          [152, 8],
          [153, 8],
        ];
  const layout: readonly SpecifiedField[] = [
    [8, 4],
    [12, 4],
    ...times,
    [1, 4],
    [2, 4],
    [10, 4],
    [14, 4],
    [61, 1],
    [136, 1],
    [7, 2],
    [11, 2],
    [4, 1],
    [6, 1],
    [60, 1],
    [5, 1],
  ];
  const message = protocol === "v9" ? v9Message : ipfixMessage;
  const seconds = Math.floor(Date.now() / 1000);
  const record = (n: number) =>
    concat(
      ipv4(`10.${(n >> 14) & 63}.${(n >> 8) & 63}.${n & 255}`),
      ipv4(`192.168.${(n >> 3) & 7}.${n & 7}`),
      ...times.map(([, length]) => unsigned(protocol === "v9" ? 90_000 : seconds * 1000, length)),
      ...[60 + (n % 65_000), 1 + (n % 900), 1, 2].map((value) => unsigned(value, 4)),
      Uint8Array.of(0, 1),
      unsigned(1024 + (n % 60_000), 2),
      unsigned([53, 80, 443, 8080][n & 3]!, 2),
      Uint8Array.of((n & 3) === 0 ? 17 : 6, 27, 4, 0),
    );
  const records = (datagram: number) =>
    Array.from({ length: recordsPerDatagram }, (_, i) => record(datagram * recordsPerDatagram + i));
  return {
    announcements: [message({ seconds }, set(protocol === "v9" ? 0 : 2, template(1024, layout)))],
    data: Array.from({ length: count }, (_, datagram) =>
      message({ seconds }, set(1024, ...records(datagram))),
    ),
  };
}
