/** Makes the hand-made fixtures anew, one quirk each. Run by hand: node src/netflow/testdata/make-quirks.ts */
import { writeFileSync } from "node:fs";
import { parseAddress } from "../../flow/index.ts";
import {
  concat,
  ipfixMessage,
  ipfixOptionsTemplate,
  ipv4,
  type SpecifiedField,
  set,
  template,
  unsigned,
  v5Message,
  v5Record,
  v9Message,
  v9OptionsTemplate,
  variable,
} from "./messages.ts";

const basic: readonly SpecifiedField[] = [[8, 4], [12, 4], [7, 2], [11, 2], [4, 1], [1, 4], [2, 4]];
const record = (last: number, octets = 1000 + last, packets = last, protocol = 6, destinationPort = 443) =>
  concat(
    ipv4("10.0.0.1"),
    ipv4(`10.0.1.${last}`),
    unsigned(40_000 + last, 2),
    unsigned(destinationPort, 2),
    Uint8Array.of(protocol),
    unsigned(octets, 4),
    unsigned(packets, 4),
  );
const announce = (id = 300) => set(0, template(id, basic));
const ipv6 = (text: string) => parseAddress(text)!;

/** NTP time (RFC 7011 §6.1.9) of Unix milliseconds. */
const ntp = (milliseconds: number) => {
  const seconds = Math.floor(milliseconds / 1000);
  const fraction = Math.ceil(((milliseconds % 1000) / 1000) * 0x1_0000_0000);
  return concat(unsigned(seconds + 2_208_988_800, 4), unsigned(fraction, 4));
};
const addresses = concat(ipv4("10.0.0.1"), ipv4("10.0.1.1"));
const frame = Buffer.from(
  "00000000000200000000000188a80064810000c8080045000054abcd40003f110000c0000201c63364010035d431004000000102",
  "hex",
);

const fixtures: Record<string, readonly Uint8Array[]> = {
  "cisco-v5-uptime-wrapped": [
    // The flow began before the 32-bit uptime wrapped; the second one ends after its export, which cannot be.
    v5Message({ uptime: 5000 }, v5Record({ first: 0xffff_f000, last: 4000 }), v5Record({ first: 4000, last: 9000 })),
  ],
  "cisco-v5-count-beyond-datagram": [v5Message({ count: 30 }, v5Record({}), v5Record({ source: "10.9.9.9" }))],
  "cisco-v5-icmp-in-port": [v5Message({ sampling: 0x4064, domain: 0x0102 }, v5Record({ protocol: 1, destinationPort: 0x0303 }))],
  "cisco-v9-icmp-in-port": [v9Message({}, announce(), set(300, record(1, 84, 1, 1, 0x0800)))],
  "cisco-v9-padding": [v9Message({}, announce(), set(300, record(1), new Uint8Array(3)), set(300, record(2)))],
  "cisco-v9-count-too-low": [v9Message({ count: 0 }, announce(), set(300, record(1)), set(300, record(2)))],
  "paloalto-v9-zero-tail": [v9Message({}, announce(), set(300, record(1)), new Uint8Array(21))],
  "paloalto-v9-padding-longer-than-record": [
    v9Message({}, announce(), set(300, record(1), new Uint8Array(23)), set(300, record(2))),
  ],
  "asr-v9-zero-length-fields": [
    v9Message({}, set(0, template(300, [[150, 0], ...basic, [34, 0]])), set(300, record(1), record(2))),
  ],
  "juniper-v9-repeated-counters": [
    v9Message(
      {},
      set(0, template(300, [...basic, [1, 4], [2, 8], [1, 2]])),
      set(300, record(1), unsigned(0, 4), unsigned(0, 8), unsigned(9, 2)),
      set(300, record(2, 0, 0), unsigned(500, 4), unsigned(5, 8), unsigned(9, 2)),
    ),
  ],
  "juniper-v9-options-without-scope": [
    v9Message({}, set(1, v9OptionsTemplate(400, [], [[34, 4], [35, 1]])), set(400, unsigned(1000, 4), Uint8Array.of(2))),
    v9Message({}, announce(), set(300, record(1))),
  ],
  "both-address-families-in-one-template": [
    ipfixMessage(
      {},
      set(2, template(300, [[8, 4], [12, 4], [27, 16], [28, 16], [1, 8]])),
      set(300, ipv4("10.0.0.1"), ipv4("10.0.0.2"), new Uint8Array(32), unsigned(10, 8)),
      set(300, new Uint8Array(8), ipv6("2001:db8::1"), ipv6("2001:db8::2"), unsigned(11, 8)),
    ),
  ],
  "template-behind-its-data": [v9Message({}, set(300, record(1), record(2)), announce(), set(300, record(3)))],
  "template-in-a-later-datagram": [
    v9Message({ uptime: 1000 }, set(300, record(1))),
    v9Message({ uptime: 2000, domain: 7 }, announce()),
    v9Message({ uptime: 3000 }, announce(), set(300, record(2))),
  ],
  "unknown-set-beside-known": [v9Message({}, announce(), set(999, record(1)), set(300, record(2)))],
  "reserved-set-id": [v9Message({}, announce(), set(5, record(1)), set(300, record(2)))],
  "set-length-too-small": [v9Message({}, announce(), set(300, record(1)), Uint8Array.of(1, 44, 0, 3, 1, 2, 3))],
  "set-shorter-than-record": [v9Message({}, announce(), set(300, new Uint8Array(9)), set(300), set(300, record(1)))],
  "template-id-below-256": [v9Message({}, set(0, template(255, basic), template(300, basic)), set(300, record(1)))],
  "template-field-count-65535": [
    v9Message({}, announce(), set(0, Uint8Array.of(1, 45, 255, 255), new Uint8Array(40)), set(300, record(1))),
  ],
  "template-of-no-length": [v9Message({}, announce(), set(0, template(301, [[1, 0], [2, 0]])), set(301, record(1)))],
  "template-of-no-fields": [v9Message({}, announce(), set(0, template(300, [])), set(300, record(1)))],
  "template-redefined": [
    ipfixMessage({}, set(2, template(300, basic)), set(300, record(1))),
    ipfixMessage({}, set(2, template(300, [[1, 8], [8, 4]])), set(300, unsigned(77, 8), ipv4("10.0.0.9"))),
  ],
  "ipfix-withdrawal": [
    ipfixMessage({}, set(2, template(300, basic), template(301, basic)), set(300, record(1))),
    ipfixMessage({}, set(2, template(300, [])), set(300, record(2)), set(301, record(3))),
    ipfixMessage({}, set(2, template(2, [])), set(301, record(4))),
  ],
  "ipfix-several-messages": [
    concat(
      ipfixMessage({}, set(2, template(300, basic)), set(300, record(1))),
      ipfixMessage({ seconds: 1_760_000_005 }, set(300, record(2))),
      ipfixMessage({ domain: 4 }, set(2, template(300, [[8, 4], [1, 4]])), set(300, ipv4("10.0.0.9"), unsigned(7, 4))),
      new Uint8Array(10),
    ),
  ],
  "ipfix-reduced-size": [
    ipfixMessage(
      {},
      set(2, template(300, [[8, 4], [1, 3], [2, 5], [10, 1], [14, 3], [7, 1], [152, 6], [1, 7, 29305], [2, 1, 29305]])),
      set(
        300,
        concat(
          ipv4("10.0.0.1"),
          unsigned(0xfffffe, 3),
          unsigned(0x1_0000_0001, 5),
          unsigned(200, 1),
          unsigned(0x010203, 3),
          unsigned(80, 1),
          unsigned(1_760_000_000_123, 6),
          unsigned(0x20_0000_0000_0001n, 7),
          unsigned(9, 1),
        ),
      ),
    ),
  ],
  "ipfix-counters-beyond-53-bits": [
    ipfixMessage(
      {},
      set(2, template(300, [[8, 4], [1, 8], [2, 8]])),
      set(300, ipv4("10.0.0.1"), unsigned(0xffff_ffff_ffff_ffffn, 8), unsigned(0x20_0000_0000_0001n, 8)),
    ),
  ],
  "netscaler-ipfix-variable-length": [
    ipfixMessage(
      {},
      set(2, template(300, [[8, 4], [1000, 65535, 5951], [12, 4], [999, 3], [998, 2], [1, 65535], [4, 1], [996, 65535]])),
      set(
        300,
        concat(ipv4("10.0.0.1"), variable(Buffer.from("GET")), ipv4("10.0.0.2"), new Uint8Array(5)),
        concat(variable(unsigned(70_000, 4)), Uint8Array.of(6), variable(new Uint8Array(300))),
        concat(ipv4("10.0.0.3"), variable(new Uint8Array(0)), ipv4("10.0.0.4"), new Uint8Array(5)),
        concat(variable(unsigned(5, 1), true), Uint8Array.of(17), variable(new Uint8Array(0))),
        new Uint8Array(2),
      ),
      set(300, concat(ipv4("10.0.0.5"), Uint8Array.of(250), ipv4("10.0.0.6"), new Uint8Array(30))),
    ),
  ],
  "ipfix-uptime-without-start-of-exporter": [
    ipfixMessage(
      {},
      set(2, template(300, [[8, 4], [22, 4], [21, 4], [1, 4]])),
      set(300, ipv4("10.0.0.1"), unsigned(1000, 4), unsigned(3500, 4), unsigned(10, 4)),
    ),
  ],
  "ipfix-start-of-exporter-in-record": [
    ipfixMessage(
      {},
      set(2, template(300, [[8, 4], [22, 4], [21, 4], [160, 8], [1, 4]])),
      set(
        300,
        concat(ipv4("10.0.0.1"), unsigned(1000, 4), unsigned(3500, 4)),
        concat(unsigned(1_759_999_990_000, 8), unsigned(10, 4)),
      ),
    ),
  ],
  "ipfix-sampling-as-interval-and-space": [
    ipfixMessage(
      {},
      set(3, ipfixOptionsTemplate(400, [[149, 4]], [[305, 4], [306, 4]])),
      set(400, unsigned(0, 4), unsigned(10, 4), unsigned(90, 4)),
      set(2, template(300, basic)),
      set(300, record(1)),
    ),
  ],
  "ipfix-sampling-in-record": [
    ipfixMessage(
      {},
      set(3, ipfixOptionsTemplate(400, [[149, 4]], [[34, 4]])),
      set(400, unsigned(0, 4), unsigned(50, 4)),
      set(2, template(300, [...basic, [34, 2]])),
      set(300, record(1), unsigned(512, 2), record(2), unsigned(0, 2)),
    ),
  ],
  "cisco-asa-nsel-event": [
    // Firewall events: initiator and responder counters, event time, NAT; no octetDeltaCount anywhere.
    v9Message(
      {},
      set(
        0,
        template(256, [[148, 4], [8, 4], [7, 2], [10, 2], [12, 4], [11, 2], [14, 2], [4, 1], [176, 1], [177, 1], [225, 4],
          [226, 4], [227, 2], [228, 2], [233, 1], [323, 8], [152, 8], [231, 4], [232, 4], [298, 4], [299, 4]]),
      ),
      set(
        256,
        concat(unsigned(1, 4), ipv4("10.0.0.1"), unsigned(40_000, 2), unsigned(3, 2), ipv4("192.0.2.9"), unsigned(443, 2)),
        concat(unsigned(4, 2), Uint8Array.of(6, 0, 0), ipv4("198.51.100.1"), ipv4("192.0.2.9"), unsigned(1024, 2)),
        concat(unsigned(443, 2), Uint8Array.of(2), unsigned(1_760_000_000_500, 8), unsigned(1_759_999_990_250, 8)),
        ...[700, 90_000, 7, 70].map((value) => unsigned(value, 4)),
        concat(unsigned(2, 4), ipv4("10.0.0.1"), unsigned(0, 2), unsigned(3, 2), ipv4("192.0.2.9"), unsigned(0, 2)),
        concat(unsigned(4, 2), Uint8Array.of(1, 8, 0), new Uint8Array(8), new Uint8Array(4)),
        concat(Uint8Array.of(1), unsigned(1_760_000_000_600, 8), unsigned(1_760_000_000_600, 8)),
        new Uint8Array(16),
      ),
    ),
  ],
  "cisco-nat-event-log": [
    ipfixMessage(
      {},
      set(2, template(300, [[323, 8], [230, 1], [8, 4], [225, 4], [7, 2], [227, 2], [4, 1], [234, 4], [235, 4]])),
      set(
        300,
        concat(unsigned(1_760_000_000_100, 8), Uint8Array.of(1), ipv4("10.0.0.1"), ipv4("198.51.100.7")),
        concat(unsigned(40_000, 2), unsigned(1024, 2), Uint8Array.of(6), unsigned(3, 4), unsigned(1, 4)),
      ),
      set(2, template(301, [[323, 8], [230, 1], [27, 16], [281, 16], [28, 16], [282, 16]])),
      set(
        301,
        concat(unsigned(1_760_000_000_200, 8), Uint8Array.of(2), ipv6("fd00::1"), ipv6("2001:db8::1")),
        concat(ipv6("fd00::2"), ipv6("2001:db8::2")),
      ),
    ),
  ],
  "cisco-mpls-label-stack": [
    v9Message(
      {},
      set(0, template(300, [...basic, [70, 3], [71, 3], [72, 3], [46, 1], [47, 4], [89, 4]])),
      set(
        300,
        concat(record(1), unsigned((16_001 << 4) | (5 << 1), 3), unsigned((24_005 << 4) | 1, 3), unsigned(0xffffff, 3)),
        concat(Uint8Array.of(5), ipv4("10.9.9.9"), unsigned(0x42, 4)),
        concat(record(2), new Uint8Array(9), Uint8Array.of(0), ipv4("0.0.0.0"), unsigned(0x80, 4)),
      ),
    ),
  ],
  "asr1k-vlans-and-macs": [
    ipfixMessage(
      {},
      set(2, template(300, [...basic, [243, 2], [245, 2], [254, 2], [56, 6], [80, 6], [256, 2], [192, 1], [54, 4], [88, 2], [197, 1]])),
      set(
        300,
        concat(record(1), ...[100, 200, 300].map((vlan) => unsigned(vlan, 2)), unsigned(0x0200_0000_0001, 6)),
        concat(unsigned(0x0200_0000_0002, 6), unsigned(0x0806, 2), Uint8Array.of(64), unsigned(0xabcd, 4), unsigned(185, 2)),
        Uint8Array.of(0x40),
      ),
    ),
  ],
  "ng-netflow-out-bytes-of-zero": [
    v9Message(
      {},
      set(0, template(300, [...basic, [23, 4], [24, 4]])),
      set(300, record(1), unsigned(0, 8), record(2, 0, 0), unsigned(700, 4), unsigned(7, 4)),
    ),
  ],
  "fortigate-out-bytes-repeat-in-bytes": [
    v9Message({}, set(0, template(300, [[24, 4], [23, 4], ...basic])), set(300, unsigned(1, 4), unsigned(1001, 4), record(1))),
  ],
  "yaf-totals-of-a-long-flow": [1000, 2500, 2500].map((octets, i) =>
    ipfixMessage(
      { seconds: 1_760_000_000 + i * 60 },
      set(2, template(300, [[8, 4], [12, 4], [152, 8], [153, 8], [85, 8], [86, 8], [85, 8, 29305], [86, 8, 29305], [136, 1]])),
      set(
        300,
        concat(addresses, unsigned(1_759_999_900_000, 8), unsigned(1_760_000_000_000 + i * 60_000, 8)),
        ...[octets, octets / 100, octets * 2, octets / 50].map((value) => unsigned(value, 8)),
        Uint8Array.of(2),
      ),
    ),
  ),
  "yaf-lists-beside-known-fields": [
    ipfixMessage(
      {},
      set(2, template(300, [[8, 4], [291, 65535], [12, 4], [293, 65535], [1, 8], [292, 7], [4, 1]])),
      set(
        300,
        concat(ipv4("10.0.0.1"), variable(Uint8Array.of(3, 0, 7, 0, 2, 0, 80, 0, 81)), ipv4("10.0.1.1")),
        concat(variable(new Uint8Array(260), true), unsigned(1234, 8), Uint8Array.of(3, 1, 45, 9, 9, 9, 9, 6)),
        concat(ipv4("10.0.0.2"), variable(new Uint8Array(0)), ipv4("10.0.1.2")),
        concat(variable(Uint8Array.of(3)), unsigned(5678, 8), Uint8Array.of(3, 1, 45, 9, 9, 9, 9, 17)),
      ),
    ),
  ],
  "biflow-reverse-only-with-direction": [
    ipfixMessage(
      {},
      set(2, template(300, [[8, 4], [12, 4], [1, 8], [2, 8], [1, 8, 29305], [2, 8, 29305], [239, 1]])),
      set(
        300,
        ...[1, 2, 0, 3].map((direction) =>
          concat(addresses, new Uint8Array(16), unsigned(900, 8), unsigned(9, 8), Uint8Array.of(direction)),
        ),
      ),
    ),
  ],
  "psamp-frames-and-headers": [
    ipfixMessage(
      {},
      set(3, ipfixOptionsTemplate(400, [[302, 4]], [[304, 2], [305, 4], [306, 4]])),
      set(400, unsigned(9, 4), unsigned(1, 2), unsigned(1, 4), unsigned(999, 4)),
      set(2, template(300, [[302, 4], [324, 8], [10, 4], [312, 2], [315, 65535]])),
      set(300, concat(unsigned(9, 4), ntp(1_760_000_000_123), unsigned(7, 4), unsigned(106, 2)), variable(frame)),
      set(2, template(301, [[324, 8], [224, 8], [313, 40]])),
      set(301, concat(ntp(1_760_000_000_456), unsigned(1500, 8), frame.subarray(22, 52)), new Uint8Array(10)),
      set(2, template(302, [[10, 4], [104, 30]])),
      set(302, concat(unsigned(5, 4), frame.subarray(0, 30))),
    ),
  ],
  "times-of-every-kind": [
    ipfixMessage(
      {},
      set(2, template(300, [[8, 4], [158, 4], [159, 4]]), template(301, [[8, 4], [152, 8], [161, 4]])),
      set(300, ipv4("10.0.0.1"), unsigned(5_000_000, 4), unsigned(1_500_000, 4)),
      set(301, ipv4("10.0.0.2"), unsigned(1_759_999_990_000, 8), unsigned(2500, 4)),
      set(2, template(302, [[8, 4], [153, 8], [162, 8]]), template(303, [[8, 4], [322, 4]]), template(304, [[8, 4], [325, 8]])),
      set(302, ipv4("10.0.0.3"), unsigned(1_759_999_999_000, 8), unsigned(2_500_000, 8)),
      set(303, ipv4("10.0.0.4"), unsigned(1_759_999_990, 4)),
      set(304, ipv4("10.0.0.5"), ntp(1_759_999_999_750)),
      set(2, template(305, [[8, 4], [161, 4]])),
      set(305, ipv4("10.0.0.6"), unsigned(3000, 4)),
    ),
  ],
  "prefixes-where-addresses-are-missing": [
    v9Message(
      {},
      set(0, template(300, [[44, 4], [45, 4], [9, 1], [13, 1], [1, 4]]), template(301, [[170, 16], [27, 16], [169, 16], [29, 1], [30, 1], [1, 4]])),
      set(300, ipv4("10.1.0.0"), ipv4("10.2.0.0"), Uint8Array.of(16, 24), unsigned(10, 4)),
      set(301, concat(ipv6("2001:db8::"), ipv6("2001:db8::5"), ipv6("2001:db9::")), Uint8Array.of(32, 48), unsigned(20, 4)),
    ),
  ],
  "pan-os-next-hops-and-as": [
    v9Message(
      {},
      set(0, template(300, [...basic, [15, 4], [18, 4], [128, 4], [16, 2], [17, 4], [138, 4], [31, 3], [52, 1], [46, 1]])),
      set(
        300,
        concat(record(1), ipv4("10.0.0.254"), ipv4("192.0.2.254"), unsigned(65_551, 4), unsigned(64_512, 2)),
        concat(unsigned(4_200_000_000, 4), unsigned(77, 4), unsigned(0xfffff, 3), Uint8Array.of(61, 3)),
      ),
    ),
  ],
  "srv6-outer-and-inner-header": [
    ipfixMessage(
      {},
      set(2, template(300, [[27, 16], [28, 16], [4, 1], [7, 2], [8, 4], [12, 4], [4, 1], [7, 2], [1, 8]])),
      set(300, concat(ipv6("fc00::1"), ipv6("fc00::2"), Uint8Array.of(4), unsigned(0, 2), addresses, Uint8Array.of(6)),
        unsigned(443, 2), unsigned(1500, 8)),
    ),
  ],
  "telegraf-set-longer-than-message": [
    ipfixMessage({}, set(2, template(300, basic)), concat(unsigned(300, 2), unsigned(400, 2), record(1), record(2), Uint8Array.of(1))),
  ],
  "nexus-interface-names": [
    v9Message(
      {},
      set(1, v9OptionsTemplate(400, [[2, 4]], [[82, 12], [83, 10]])),
      set(400, unsigned(11, 4), Buffer.from("Eth1/1\0\0junk"), Buffer.from("to the lab")),
    ),
    ipfixMessage(
      {},
      set(3, ipfixOptionsTemplate(400, [[10, 4]], [[82, 65535], [83, 65535]])),
      set(400, unsigned(12, 4), variable(Buffer.from("Eth1/2")), variable(new Uint8Array(0))),
    ),
  ],
  "cisco-v9-interface-statistics": [
    v9Message({}, set(0, template(300, [[10, 4], [82, 8]])), set(300, new Uint8Array(24))),
  ],
};

for (const [name, datagrams] of Object.entries(fixtures)) {
  const lines = datagrams.map((bytes) => Buffer.from(bytes).toString("hex"));
  writeFileSync(`${import.meta.dirname}/${name}.hex`, `${lines.join("\n")}\n`);
}
