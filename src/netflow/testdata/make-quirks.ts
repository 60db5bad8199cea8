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
  "cisco-v9-interface-statistics": [
    v9Message({}, set(0, template(300, [[10, 4], [82, 8]])), set(300, new Uint8Array(24))),
  ],
};

for (const [name, datagrams] of Object.entries(fixtures)) {
  const lines = datagrams.map((bytes) => Buffer.from(bytes).toString("hex"));
  writeFileSync(`${import.meta.dirname}/${name}.hex`, `${lines.join("\n")}\n`);
}
