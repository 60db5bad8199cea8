import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch } from "../flow/index.ts";
import {
  FlowKeyReader,
  fragmentKind,
  headerProtocol,
  ipLength,
  keyWord,
  linkType,
  packetKind,
  writePacketRow,
} from "./index.ts";
import { concat, ethernet, fromHex, ipv4, ipv6, mplsEntry, tcp, udp, vlan } from "./testdata/frames.ts";
import { createRandom } from "./testdata/random.ts";

const packets = [
  concat(ethernet(0x0800), ipv4(6, { trafficClass: 0xb8 }), tcp(1025, 443)),
  concat(ethernet(0x0800), ipv4(17, { options: new Uint8Array(8) }), udp(1, 53)),
  concat(
    ethernet(0x88a8),
    vlan(1, 0x8100),
    vlan(2, 0x8847),
    mplsEntry(16, false),
    mplsEntry(17, true),
    ipv4(6),
    tcp(1, 2),
  ),
  concat(
    ethernet(0x86dd),
    ipv6(0),
    fromHex("2b00 0502 0000 0100"),
    fromHex("0602 0401 00000000"),
    new Uint8Array(16),
    tcp(1, 2),
  ),
  concat(
    ethernet(0x8864),
    fromHex("1100 0001 0050 0057"),
    ipv6(44),
    fromHex("1100 0009 00000001"),
    udp(1, 2),
  ),
  concat(ethernet(0x8100), vlan(7, 0x0800), ipv4(1), fromHex("0800 0000 00000000")),
  concat(ethernet(0x86dd), ipv6(58), fromHex("8100 0000 00000000")),
  concat(ethernet(0x0800), ipv4(17), udp(1, 53), new Uint8Array(20)),
];

function read(frame: Uint8Array, link: number = linkType.ethernet, withMacs = false) {
  const reader = new FlowKeyReader({ withMacs });
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const kind = reader.read(view, 0, frame.length, link, frame.length);
  return { reader, kind, words: reader.words };
}

/** `writePacketRow` reads every header, slowly: what it finds is what the key says. SEED=n gives a run back. */
test("the key agrees with the reader of all headers, whatever the octets", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  const random = createRandom(seed);
  const reader = new FlowKeyReader();
  const batch = new FlowBatch(1, { hasDetails: true });
  let flowCount = 0;
  let plainCount = 0;
  for (let i = 0; i < 60_000; i++) {
    const bytes = Uint8Array.from(packets[random(packets.length)]!);
    for (let changes = random(4); changes > 0; changes--) bytes[random(bytes.length)] = random(256);
    const end = random(3) === 0 ? random(bytes.length + 1) : bytes.length;
    const view = new DataView(bytes.buffer, 0, bytes.length);
    const kind = reader.read(view, 0, end, linkType.ethernet, bytes.length);
    batch.clear();
    batch.append();
    const layer2 = writePacketRow(bytes, 0, end, headerProtocol.ethernet, batch, 0);
    const { columns } = batch;
    const words = reader.words;
    const what = `SEED=${seed} packet ${i}: ${Buffer.from(bytes).toString("hex")} up to ${end}`;
    assert.equal(
      kind === packetKind.flow || kind === packetKind.plain,
      layer2 >= 0 && columns.protocolIdentifier[0] !== undefined && hasIp(batch),
      what,
    );
    if (kind !== packetKind.flow && kind !== packetKind.plain) continue;
    flowCount++;
    if (kind === packetKind.plain) {
      plainCount++;
      assert.equal(columns.fragmentOffset[0], 0, what);
      assert.deepEqual([reader.fragment, reader.mplsCount], [fragmentKind.none, 0], what);
    }
    const address = Buffer.alloc(32);
    for (let word = 0; word < 8; word++) address.writeInt32BE(words[word]!, word * 4);
    assert.deepEqual([...address.subarray(0, 16)], [...columns.sourceAddress], what);
    assert.deepEqual([...address.subarray(16)], [...columns.destinationAddress], what);
    assert.equal(words[keyWord.protocol]! & 0xff, columns.protocolIdentifier[0], what);
    assert.equal(words[keyWord.ports]! >>> 16, columns.sourceTransportPort[0], what);
    assert.equal(words[keyWord.ports]! & 0xffff, columns.destinationTransportPort[0], what);
    assert.equal(words[keyWord.vlans]! & 0xffff, columns.vlanId[0], what);
    assert.equal(words[keyWord.vlans]! >>> 16, columns.dot1qCustomerVlanId[0], what);
    const facts = words[keyWord.facts]!;
    assert.equal(facts & 0xff, columns.tcpControlBits[0]! & 0xff, what);
    assert.equal((facts >>> 8) & 0xff, columns.ipClassOfService[0], what);
    assert.equal(facts >>> 16, columns.icmpTypeCode[0], what);
    const length = ipLength(bytes, 0, layer2, headerProtocol.ethernet);
    if (length > 0) assert.equal(words[keyWord.octets], length, what);
  }
  assert.ok(flowCount > 20_000 && plainCount > 3000, `${flowCount} are flows, ${plainCount} of them plain`);
});

function hasIp({ columns }: FlowBatch): boolean {
  return (
    columns.sourceAddress.some((byte) => byte !== 0) || columns.destinationAddress.some((byte) => byte !== 0)
  );
}

test("what stands in front of IP: every link type that captures have", () => {
  const ip = concat(ipv4(17), udp(7, 9));
  const cases: [string, number, Uint8Array][] = [
    ["raw", linkType.raw, ip],
    ["ipv4", linkType.ipv4, ip],
    ["null, of a machine of either order", linkType.null, concat(fromHex("02000000"), ip)],
    ["loop", linkType.loop, concat(fromHex("00000002"), ip)],
    ["linux cooked", linkType.linuxSll, concat(fromHex("0000 0001 0006 020000000001 0000 0800"), ip)],
    [
      "linux cooked 2",
      linkType.linuxSll2,
      concat(fromHex("0800 0000 00000002 0001 00 06 0200000000010000"), ip),
    ],
    ["ppp", linkType.ppp, concat(fromHex("ff03 0021"), ip)],
    ["ppp with a short protocol", linkType.pppHdlc, concat(fromHex("21"), ip)],
    ["pppoe", linkType.pppoe, concat(fromHex("1100 0001 0050 0021"), ip)],
    ["SNAP", linkType.ethernet, concat(ethernet(40), fromHex("aaaa03000000 0800"), ip)],
  ];
  for (const [name, link, bytes] of cases) {
    const { kind, words } = read(bytes, link);
    assert.equal(kind, packetKind.flow, name);
    assert.equal(words[keyWord.ports], (7 << 16) | 9, name);
  }
  assert.equal(read(ip, 147).kind, packetKind.linkUnknown);
  assert.equal(read(concat(ethernet(0x0806), new Uint8Array(28))).kind, packetKind.notIp);
});

test("every truncation of a packet is a flow, too short or no IP, and never throws", () => {
  for (const packet of packets)
    for (let end = 0; end <= packet.length; end++) {
      const { kind } = read(packet.subarray(0, end));
      assert.ok(kind !== packetKind.linkUnknown, `${end}`);
    }
});

test("fragments: the first has ports, later ones have none, and an IPv6 fragment that is alone is whole", () => {
  const first = read(concat(ethernet(0x0800), ipv4(17, { fragment: 0x2000 }), udp(5, 6)));
  assert.equal(first.reader.fragment, fragmentKind.first);
  assert.equal(first.words[keyWord.ports], (5 << 16) | 6);
  const later = read(concat(ethernet(0x0800), ipv4(17, { fragment: 0x2003, id: 77 }), udp(5, 6)));
  assert.equal(later.reader.fragment, fragmentKind.later);
  assert.equal(later.reader.fragmentId, 77);
  assert.equal(later.words[keyWord.ports], 0);
  const alone = read(concat(ethernet(0x86dd), ipv6(44), fromHex("1100 0000 00000001"), udp(5, 6)));
  assert.equal(alone.reader.fragment, fragmentKind.none);
});

test("a segment that the card has yet to cut has the octets that were on the wire", () => {
  const frame = concat(ethernet(0x0800), ipv4(6), tcp(1, 2));
  frame[16] = 0;
  frame[17] = 0;
  assert.equal(read(frame).words[keyWord.octets], frame.length - 14);
});

test("labels and MAC addresses", () => {
  const { reader, words } = read(packets[2]!, linkType.ethernet, true);
  assert.deepEqual([...reader.mplsLabels.subarray(0, reader.mplsCount)], [0x100, 0x111]);
  assert.equal(words[keyWord.macsHigh]! >>> 16, 0x0200);
  assert.equal(words[keyWord.sourceMacLow], 1);
  assert.equal(words[keyWord.destinationMacLow], 2);
});

test("a length that no packet has is not counted", () => {
  const segment = concat(ethernet(0x0800), ipv4(17), udp(1, 53), new Uint8Array(20));
  segment.set([0, 0], 16); // of a segment that the card has yet to cut, the wire's length counts
  const reader = new FlowKeyReader();
  const octetsOf = (wireLength: number) => {
    const lengths = Int32Array.of(wireLength); // as in a batch
    reader.read(new DataView(segment.buffer), 0, segment.length, linkType.ethernet, lengths[0]!);
    return reader.words[keyWord.octets];
  };
  assert.equal(octetsOf(60_014), 60_000);
  assert.equal(octetsOf(0xffff_ffff), 2 ** 24 - 14);
});
