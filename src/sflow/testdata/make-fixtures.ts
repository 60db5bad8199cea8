/** Makes the fixtures anew, one quirk of an agent each. Run by hand: node src/sflow/testdata/make-fixtures.ts */
import { writeFileSync } from "node:fs";
import {
  address,
  concat,
  ethernet,
  fromHex,
  icmp,
  ipv4,
  ipv6,
  mplsEntry,
  sourceMac,
  tcp,
  udp,
  unsigned,
  vlan,
} from "../../packet/testdata/frames.ts";
import {
  block,
  counterSample,
  datagram,
  discardedSample,
  expandedCounterSample,
  expandedFlowSample,
  flowSample,
  gateway,
  genericCounters,
  portName,
  rawHeader,
  typedAddress,
  words,
} from "./datagrams.ts";

const payload = new Uint8Array(60).fill(0x61);
const packet = (length: number) => concat(ipv4(6, { payloadLength: length - 20 }), tcp(50_000, 443), payload);
const frame = concat(ethernet(0x0800), packet(1500));
/** 1500 octets in a frame of 1518, of which the agent stripped the checksum. */
const header = rawHeader(frame, { frameLength: 1518, stripped: 4 });
const frameV6 = concat(ethernet(0x86dd), ipv6(17, { payloadLength: 1000 }), udp(4500, 53), payload);
const headerV6 = rawHeader(frameV6, { frameLength: 1058, stripped: 4 });

const sampledV4 = (length: number) =>
  block(
    3,
    words(length, 6),
    address("192.0.2.10"),
    address("198.51.100.20"),
    words(40_000, 80, 0x12, 0x20),
  );
const sampledV6 = block(
  4,
  words(900, 17),
  address("2001:db8::10"),
  address("2001:db8::20"),
  words(40_001, 443, 0, 8),
);
const sampledEthernet = block(
  2,
  words(1518),
  unsigned(sourceMac, 6),
  unsigned(0, 2),
  unsigned(0x02_00_00_00_00_09, 6),
  unsigned(0, 2),
  words(0x0800),
);

const fixtures: Readonly<Record<string, readonly Uint8Array[]>> = {
  "compact-and-expanded": [
    datagram({}, flowSample({}, header), expandedFlowSample({ sequence: 2 }, header)),
  ],
  "arista-expanded-large-ifindex": [
    datagram({}, expandedFlowSample({ source: 1_000_100, input: 1_000_100, output: 1_285_816_721 }, headerV6)),
  ],
  "brocade-compact-output-discarded-multiple-internal": [
    datagram(
      {},
      flowSample({ sequence: 1, outputFormat: 1, output: 258 }, header),
      flowSample({ sequence: 2, outputFormat: 1, output: 4 }, header),
      flowSample({ sequence: 3, outputFormat: 2, output: 3 }, header),
      flowSample({ sequence: 4, outputFormat: 2, output: 0 }, header),
      flowSample({ sequence: 5, output: 0x3fffffff }, header),
      flowSample({ sequence: 6, input: 0x3fffffff, source: 8 }, header),
    ),
  ],
  "expanded-output-discarded-multiple-internal": [
    datagram(
      {},
      expandedFlowSample({ sequence: 1, outputFormat: 1, output: 257 }, header),
      expandedFlowSample({ sequence: 2, outputFormat: 1, output: 9999 }, header),
      expandedFlowSample({ sequence: 3, outputFormat: 2, output: 3 }, header),
      expandedFlowSample({ sequence: 4, output: 0x3fffffff }, header),
    ),
  ],
  "direction-from-data-source": [
    datagram(
      {},
      flowSample({ sequence: 1, source: 7 }, header),
      flowSample({ sequence: 1, source: 8 }, header),
      flowSample({ sequence: 1, source: 9 }, header),
      flowSample({ sequence: 1, source: 7, sourceType: 1 }, header),
      flowSample({ sequence: 2, source: 7, input: 7, output: 7 }, header),
    ),
  ],
  "header-protocol-ip": [
    datagram(
      {},
      flowSample({}, rawHeader(packet(1500), { protocol: 11, frameLength: 1500, stripped: 0 })),
      flowSample({}, rawHeader(frameV6.subarray(14), { protocol: 12, frameLength: 1040, stripped: 0 })),
    ),
  ],
  "header-protocol-ppp-pos-mpls": [
    datagram(
      {},
      flowSample({}, rawHeader(concat(fromHex("0021"), packet(500)), { protocol: 7, frameLength: 502, stripped: 0 })),
      flowSample({}, rawHeader(concat(fromHex("ff030057"), frameV6.subarray(14)), { protocol: 14, frameLength: 1044, stripped: 0 })),
      flowSample({}, rawHeader(concat(mplsEntry(3000, true), packet(500)), { protocol: 13, frameLength: 504, stripped: 0 })),
    ),
  ],
  "header-protocol-not-read": [datagram({}, flowSample({}, rawHeader(frame, { protocol: 3 })), flowSample({}, header))],
  "hp-vlan-tag-stripped": [
    // The tag is off the header, and counted in the frame's length and what was stripped.
    datagram({}, flowSample({}, rawHeader(frame, { frameLength: 1522, stripped: 8 }), block(1001, words(30, 0, 40, 0)))),
  ],
  "small-frame-is-filled": [
    datagram({}, flowSample({}, rawHeader(concat(ethernet(0x0800), ipv4(6, { payloadLength: 20 }), tcp(1, 2, 16), new Uint8Array(6)), { frameLength: 64 }))),
  ],
  "linux-segment-not-cut-yet": [
    // Segmentation offload: the length of IP is not filled in before the card does it.
    datagram({}, flowSample({}, rawHeader(concat(ethernet(0x0800), ipv4(6, { payloadLength: -20 }), tcp(1, 2, 16)), { frameLength: 9018 }))),
  ],
  "agent-of-ipv6": [datagram({ agent: "2001:db8:ffff::1" }, flowSample({}, headerV6))],
  "agent-of-unknown-address": [concat(words(5, 0, 3, 9, 100_000, 1), flowSample({}, header))],
  "vendor-records-and-samples": [
    datagram(
      {},
      block(9 * 4096 + 1, words(1, 2, 3)),
      flowSample({}, block(4413 * 4096 + 1, fromHex("0102030405")), header, block(1036, words(3)), block(1999)),
      block(77, words(1)),
      flowSample({ sequence: 2 }, header),
    ),
  ],
  "foundry-padding-after-sample": [
    // The sample's length does not say its last record's filling; and bytes behind the last record.
    datagram(
      {},
      concat(words(1, 32 + 8 + 16 + 61), words(1, 7, 512, 1, 0, 7, 8, 1), words(1, 16 + 61, 1, 1518, 4, 61), frame.subarray(0, 61), new Uint8Array(3)),
      block(1, words(2, 7, 512, 1, 0, 7, 8, 1), header, words(0, 0, 0)),
      flowSample({ sequence: 3 }, headerV6),
    ),
  ],
  "gateway-of-two-segments": [
    datagram(
      {},
      flowSample({}, header, gateway("203.0.113.1", 64_500, 64_501, [[64_510, 64_511], [4_200_000_000, 64_513]], [0xfde80001, 0xfde80002])),
      flowSample({}, gateway("2001:db8::fe", 64_500, 64_501, [[64_510]], []), headerV6),
    ),
  ],
  "gateway-of-own-addresses": [
    datagram(
      {},
      flowSample({}, header, gateway("0.0.0.0", 64_500, 0, [], [])),
      flowSample({}, header, gateway("0.0.0.0", 64_500, 64_501, [[]], [])),
    ),
  ],
  "gateway-of-a-path-longer-than-is-kept": [
    datagram({}, flowSample({}, header, gateway("203.0.113.1", 1, 2, [Array.from({ length: 70 }, (_, i) => 1000 + i)], Array.from({ length: 70 }, (_, i) => i)))),
  ],
  "gateway-path-count-runs-over": [
    datagram({}, flowSample({}, header, block(1003, typedAddress("203.0.113.1"), words(1, 2, 3, 1, 2, 0x40000000))), flowSample({ sequence: 2 }, header)),
  ],
  "switch-router-nat-mpls": [
    datagram(
      {},
      flowSample({}, block(1001, words(10, 1, 20, 2)), header, block(1002, typedAddress("203.0.113.9"), words(24, 19))),
      flowSample({}, block(1001, words(4095, 0, 0xffffffff, 0)), headerV6, block(1002, typedAddress("2001:db8::9"), words(64, 48))),
      flowSample({}, header, block(1007, typedAddress("203.0.113.50"), typedAddress("198.51.100.2")), block(1020, words(61_000, 443))),
      flowSample({}, header, block(1006, typedAddress("203.0.113.77"), words(2, 0x3e800040, 0x3e801140), words(1, 0x3e900140))),
    ),
  ],
  "sampled-fields-without-header": [
    datagram(
      {},
      flowSample({}, sampledV4(800)),
      flowSample({}, sampledV6),
      flowSample({}, sampledV4(800), sampledEthernet),
      flowSample({}, sampledEthernet),
      flowSample({}, sampledV4(800), header),
    ),
  ],
  "discarded-packets": [
    datagram(
      {},
      discardedSample({ reason: 258, drops: 3, output: 0 }, header),
      discardedSample({ sequence: 2, reason: 257 }, headerV6, block(1037, words(1, 0, 0))),
      discardedSample({ sequence: 3, reason: 4 }, block(1036, words(42))),
    ),
  ],
  "cisco-sub-agents": [
    datagram({ subAgent: 1, sequence: 10 }, flowSample({ sequence: 5 }, header)),
    datagram({ subAgent: 2, sequence: 700 }, flowSample({ sequence: 90, source: 9, input: 9 }, headerV6)),
    datagram({ subAgent: 1, sequence: 11 }, flowSample({ sequence: 6 }, header)),
  ],
  "counters-and-port-names": [
    datagram(
      {},
      counterSample({ source: 3 }, genericCounters(3, 1e9), block(2, new Uint8Array(52)), portName("eno1")),
      expandedCounterSample({ source: 1_258_293_248 }, genericCounters(1_258_293_248, 4e11)),
      counterSample({ source: 4 }, portName("swp4")),
      counterSample({ source: 1, sourceType: 2 }, block(2001, new Uint8Array(28)), block(4413 * 4096 + 2, words(1))),
    ),
  ],
  "layers-qinq-mpls-gre-vxlan": [
    datagram(
      {},
      flowSample({}, rawHeader(concat(ethernet(0x88a8), vlan(100, 0x8100), vlan(20, 0x0800), packet(600)), { frameLength: 626 })),
      flowSample({}, rawHeader(concat(ethernet(0x8847), mplsEntry(16_000, false), mplsEntry(24_000, true), packet(600)), { frameLength: 626 })),
      flowSample({}, rawHeader(concat(ethernet(0x0800), ipv4(47, { payloadLength: 604 }), fromHex("0000 0800"), packet(600)), { frameLength: 642 })),
      flowSample({}, rawHeader(concat(ethernet(0x0800), ipv4(17, { payloadLength: 630 }), udp(50_000, 4789), fromHex("08000000 00002a00"), frame), { frameLength: 668 })),
      flowSample({}, rawHeader(concat(ethernet(0x86dd), ipv6(0, { payloadLength: 16 }), fromHex("3a00 0502 0000 0100"), icmp(143, 0)), { frameLength: 74 })),
    ),
  ],
  "arp-is-a-frame": [datagram({}, flowSample({}, rawHeader(concat(ethernet(0x0806), new Uint8Array(46)), { frameLength: 64 })))],
  "bad-sample-beside-good": [
    datagram(
      {},
      flowSample({ sequence: 1 }, header),
      block(1, words(2, 7, 512, 1, 0, 7, 8, 2), header, words(1001, 4000)),
      block(1, words(3, 7)),
      flowSample({ sequence: 4 }, block(1, words(1, 1518, 4, 5000), new Uint8Array(60))),
      flowSample({ sequence: 5, count: 9 }, header),
      counterSample({}, block(1, words(3, 6))),
      flowSample({ sequence: 6 }, headerV6),
    ),
  ],
  "count-beyond-datagram": [datagram({ count: 3 }, flowSample({}, header))],
  "sample-longer-than-datagram": [datagram({ count: 2 }, flowSample({}, header), words(1, 4000, 1, 2))],
};

for (const [name, datagrams] of Object.entries(fixtures)) {
  const lines = datagrams.map((bytes) => Buffer.from(bytes).toString("hex"));
  writeFileSync(`${import.meta.dirname}/${name}.hex`, `${lines.join("\n")}\n`);
}
