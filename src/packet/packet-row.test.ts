import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch, fields, formatAddress } from "../flow/index.ts";
import { headerProtocol, writePacketRow } from "./index.ts";
import {
  address,
  concat,
  destinationMac,
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
} from "./testdata/frames.ts";

type Row = Record<string, number | string | readonly number[]>;

/** Lists have room in proportion to rows. */
const batch = new FlowBatch(8, { hasDetails: true });

/** What was read of a packet: the filled fields, and the octets of layer 2. */
function read(packet: Uint8Array, protocol: number = headerProtocol.ethernet, target = batch): Row {
  target.clear();
  const row = target.append();
  const layer2 = writePacketRow(packet, 0, packet.length, protocol, target, row);
  const result: Row = { layer2 };
  for (const { name, column, ...field } of fields) {
    const values = target.columns[name];
    const value = values[row];
    if (values.length === 0 || value === ("empty" in field ? field.empty : 0)) continue;
    if (column === "list") result[name] = [...target.listAt(value!)];
    else result[name] = value!;
  }
  for (const name of ["sourceAddress", "destinationAddress"] as const) {
    const text = formatAddress(target.columns[name], 0);
    if (text !== "::") result[name] = text;
  }
  return result;
}

/** The same, but only the fields that are asked for. */
function readSome(packet: Uint8Array, names: readonly string[], protocol?: number): unknown[] {
  const row = read(packet, protocol);
  return names.map((name) => row[name]);
}

const payload = tcp(50_000, 443, 0x12);

test("a TCP packet in Ethernet fills everything it says", () => {
  assert.deepEqual(read(concat(ethernet(0x0800), ipv4(6, { trafficClass: 0xb8 }), payload)), {
    layer2: 14,
    sourceAddress: "192.0.2.1",
    destinationAddress: "198.51.100.2",
    sourceTransportPort: 50_000,
    destinationTransportPort: 443,
    protocolIdentifier: 6,
    tcpControlBits: 0x12,
    ipClassOfService: 0xb8,
    ethernetType: 0x0800,
    sourceMacAddress: sourceMac,
    destinationMacAddress: destinationMac,
    ipTTL: 63,
    fragmentFlags: 0x40,
    fragmentIdentification: 0x1234,
    layerStack: [0, 1, 3],
    layerSizes: [14, 20, 20],
  });
});

test("IPv6 has flow label and traffic class, and no fragment", () => {
  const packet = concat(ethernet(0x86dd), ipv6(17, { trafficClass: 0x2e }), udp(53, 4000));
  assert.deepEqual(read(packet), {
    layer2: 14,
    sourceAddress: "2001:db8::1",
    destinationAddress: "2001:db8:1::2",
    sourceTransportPort: 53,
    destinationTransportPort: 4000,
    protocolIdentifier: 17,
    ipClassOfService: 0x2e,
    ethernetType: 0x86dd,
    sourceMacAddress: sourceMac,
    destinationMacAddress: destinationMac,
    ipTTL: 62,
    flowLabelIPv6: 0xabcde,
    layerStack: [0, 2, 4],
    layerSizes: [14, 40, 8],
  });
});

test("a batch without details gets the core fields, and nothing else is tried", () => {
  const core = new FlowBatch(1);
  const packet = concat(ethernet(0x8100), vlan(7, 0x0800), ipv4(6), payload);
  assert.deepEqual(read(packet, headerProtocol.ethernet, core), {
    layer2: 18,
    sourceAddress: "192.0.2.1",
    destinationAddress: "198.51.100.2",
    sourceTransportPort: 50_000,
    destinationTransportPort: 443,
    protocolIdentifier: 6,
    tcpControlBits: 0x12,
    vlanId: 7,
  });
});

test("VLAN tags: one, two (802.1ad, and as older switches send it), priority left out", () => {
  const rest = concat(ipv4(6), payload);
  const names = ["layer2", "vlanId", "dot1qCustomerVlanId", "ethernetType", "sourceAddress"];
  const tagged = concat(ethernet(0x8100), vlan(20, 0x0800, 5), rest);
  const droppable = concat(ethernet(0x8100), vlan(0x1000 + 20, 0x0800, 5), rest);
  assert.deepEqual(readSome(droppable, names), [18, 20, undefined, 0x0800, "192.0.2.1"]);
  assert.deepEqual(readSome(tagged, names), [18, 20, undefined, 0x0800, "192.0.2.1"]);
  for (const outer of [0x88a8, 0x9100, 0x8100]) {
    const double = concat(ethernet(outer), vlan(100, 0x8100), vlan(20, 0x0800), rest);
    assert.deepEqual(readSome(double, names), [22, 100, 20, 0x0800, "192.0.2.1"]);
  }
  const triple = concat(ethernet(0x88a8), vlan(1, 0x8100), vlan(2, 0x8100), vlan(3, 0x0800), rest);
  assert.deepEqual(readSome(triple, names), [26, 1, 2, 0x0800, "192.0.2.1"]);
});

test("MPLS: labels are whole entries and no layer 2; what follows is IPv4, IPv6 or neither", () => {
  const labels = concat(mplsEntry(16_000, false, 255), mplsEntry(24_001, true, 254));
  const names = ["layer2", "mplsLabelStack", "ethernetType", "sourceAddress"];
  const stack = [16_000 * 4096 + 255, 24_001 * 4096 + 256 + 254];
  const v4 = concat(ethernet(0x8847), labels, ipv4(6), payload);
  assert.deepEqual(readSome(v4, names), [14, stack, 0x0800, "192.0.2.1"]);
  const v6 = concat(labels, ipv6(6), payload);
  assert.deepEqual(readSome(v6, names, headerProtocol.mpls), [0, stack, 0x86dd, "2001:db8::1"]);
  const pseudowire = concat(ethernet(0x8847), labels, unsigned(0, 4), ethernet(0x0800), ipv4(6));
  assert.deepEqual(readSome(pseudowire, names), [-1, stack, 0x8847, undefined], "a control word");
  const endless = concat(ethernet(0x8847), ...Array.from({ length: 40 }, () => mplsEntry(1, false)));
  assert.equal((read(endless).mplsLabelStack as number[]).length, 16);
});

test("a label below 16 that is not the bottom does not end the stack", () => {
  const entropy = concat(mplsEntry(16_000, false), mplsEntry(7, false), mplsEntry(99_999, true));
  const packet = concat(ethernet(0x8847), entropy, ipv4(6), payload);
  assert.deepEqual(readSome(packet, ["sourceAddress", "layerSizes"]), ["192.0.2.1", [14, 12, 20, 20]]);
});

test("header protocols 11 and 12 begin with IP, 7 and 14 with PPP", () => {
  const names = ["layer2", "sourceAddress", "destinationTransportPort"];
  const v4 = concat(ipv4(6), payload);
  const v6 = concat(ipv6(6), payload);
  assert.deepEqual(readSome(v4, names, headerProtocol.ipv4), [0, "192.0.2.1", 443]);
  assert.deepEqual(readSome(v6, names, headerProtocol.ipv6), [0, "2001:db8::1", 443]);
  assert.deepEqual(
    readSome(v6, names, headerProtocol.ipv4),
    [-1, undefined, undefined],
    "a version of its own",
  );
  const { ppp, pos } = headerProtocol;
  assert.deepEqual(readSome(concat(fromHex("0021"), v4), names, ppp), [2, "192.0.2.1", 443]);
  assert.deepEqual(readSome(concat(fromHex("ff030057"), v6), names, ppp), [4, "2001:db8::1", 443]);
  assert.deepEqual(readSome(concat(fromHex("ff0321"), v4), names, pos), [3, "192.0.2.1", 443], "compressed");
  assert.equal(read(v4, 3).layer2, -1, "token ring is not read");
});

test("PPPoE, and SNAP behind an 802.3 length, are layer 2", () => {
  const rest = concat(ipv4(6), payload);
  const names = ["layer2", "sourceAddress", "ethernetType"];
  const pppoe = concat(ethernet(0x8864), fromHex("1100 0001 0050 0021"), rest);
  assert.deepEqual(readSome(pppoe, names), [22, "192.0.2.1", 0x0800]);
  const snap = concat(ethernet(100), fromHex("aaaa03 000000 0800"), rest);
  assert.deepEqual(readSome(snap, names), [22, "192.0.2.1", 0x0800]);
  const spanningTree = concat(ethernet(38), fromHex("424203 0000000000 80000000"));
  assert.deepEqual(readSome(spanningTree, names), [-1, undefined, undefined]);
});

test("ARP has no network header, but addresses of Ethernet", () => {
  const arp = concat(ethernet(0x0806), fromHex("0001080006040001"));
  assert.deepEqual(read(arp), {
    layer2: -1,
    ethernetType: 0x0806,
    sourceMacAddress: sourceMac,
    destinationMacAddress: destinationMac,
    layerStack: [0],
    layerSizes: [14],
  });
});

test("options of IPv4 are stepped over", () => {
  const packet = concat(ethernet(0x0800), ipv4(6, { options: fromHex("94040000 01010101") }), payload);
  assert.deepEqual(readSome(packet, ["destinationTransportPort", "layerSizes"]), [443, [14, 28, 20]]);
});

test("a header of IPv4 that says it is shorter than one is none", () => {
  const packet = concat(ipv4(6), payload);
  packet[0] = 0x44;
  assert.deepEqual(readSome(packet, ["layer2", "sourceAddress"], headerProtocol.ipv4), [-1, undefined]);
});

test("ICMP has type and code and no ports", () => {
  const names = ["icmpTypeCode", "sourceTransportPort", "destinationTransportPort", "layerStack"];
  const v4 = concat(ethernet(0x0800), ipv4(1), icmp(3, 4));
  assert.deepEqual(readSome(v4, names), [3 * 256 + 4, undefined, undefined, [0, 1, 7]]);
  const v6 = concat(ethernet(0x86dd), ipv6(58), icmp(128, 0));
  assert.deepEqual(readSome(v6, names), [128 * 256, undefined, undefined, [0, 2, 8]]);
});

test("fragments behind the first have no ports, what looks like them is payload", () => {
  const names = ["fragmentOffset", "fragmentFlags", "protocolIdentifier", "destinationTransportPort"];
  const first = concat(ethernet(0x0800), ipv4(6, { fragment: 0x2000 }), payload);
  assert.deepEqual(readSome(first, names), [undefined, 0x20, 6, 443]);
  const later = concat(ethernet(0x0800), ipv4(6, { fragment: 0x2000 + 185 }), payload);
  assert.deepEqual(readSome(later, names), [185, 0x20, 6, undefined]);
  const v6 = (offset: number) =>
    concat(
      ethernet(0x86dd),
      ipv6(44),
      fromHex("0600"),
      unsigned(offset * 8 + 1, 2),
      unsigned(77, 4),
      payload,
    );
  assert.deepEqual(readSome(v6(0), names), [undefined, 0x20, 6, 443]);
  assert.deepEqual(readSome(v6(185), names), [185, 0x20, 6, undefined]);
  assert.equal(read(v6(185)).fragmentIdentification, 77);
});

test("extension headers of IPv6 are stepped over, and the protocol is behind them", () => {
  const hopByHop = fromHex("3c00 050200000100");
  const destination = fromHex("3301 010c 000000000000 000000000000");
  const authentication = fromHex("0604 0000 00000001 00000002 000000000000000000000000");
  const packet = concat(ethernet(0x86dd), ipv6(0), hopByHop, destination, authentication, payload);
  const names = ["protocolIdentifier", "destinationTransportPort", "layerStack", "layerSizes"];
  assert.deepEqual(readSome(packet, names), [6, 443, [0, 2, 99, 99, 99, 3], [14, 40, 8, 16, 24, 20]]);
  const chain = (length: number) => {
    const between = Array.from({ length: length - 1 }, () => fromHex("3c00010400000000"));
    return concat(ethernet(0x86dd), ipv6(60), ...between, fromHex("0600010400000000"), payload);
  };
  assert.deepEqual(readSome(chain(10), names.slice(0, 2)), [6, 443]);
  assert.deepEqual(readSome(chain(11), names.slice(0, 2)), [60, undefined], "nobody chains so many");
});

test("a routing header's addresses and segments left", () => {
  const words = [0x20010db8, 0, 0, 5, 0x20010db8, 0, 0, 6];
  const list = concat(address("2001:db8::5"), address("2001:db8::6"));
  const names = ["ipv6RoutingHeaderAddresses", "ipv6RoutingHeaderSegmentsLeft", "destinationTransportPort"];
  const segments = concat(fromHex("0604 0401 01000000"), list);
  const packet = concat(ethernet(0x86dd), ipv6(43), segments, payload);
  assert.deepEqual(readSome(packet, names), [words, 1, 443]);
  const typeZero = concat(fromHex("0604 0002 00000000"), list);
  assert.deepEqual(readSome(concat(ethernet(0x86dd), ipv6(43), typeZero, payload), names), [words, 2, 443]);
  const cut = concat(ethernet(0x86dd), ipv6(43), segments).subarray(0, 14 + 40 + 8 + 20);
  assert.deepEqual(readSome(cut, names), [words.slice(0, 4), 1, undefined], "cut in the second address");
});

test("of a tunnel the outer headers are the row, and the inner ones show as layers", () => {
  const inner = concat(ipv4(6, { source: "10.0.0.1", destination: "10.0.0.2" }), payload);
  const names = ["sourceAddress", "protocolIdentifier", "destinationTransportPort", "layerStack"];
  const outer = (protocol: number, ...parts: Uint8Array[]) =>
    concat(ethernet(0x0800), ipv4(protocol), ...parts);
  const gre = outer(47, fromHex("3000 0800 00000001 00000002"), inner);
  assert.deepEqual(readSome(gre, names), ["192.0.2.1", 47, undefined, [0, 1, 9, 1, 3]]);
  assert.deepEqual(readSome(outer(4, inner), names), ["192.0.2.1", 4, undefined, [0, 1, 1, 3]]);
  const sixInFour = outer(41, ipv6(6), payload);
  assert.deepEqual(readSome(sixInFour, names), ["192.0.2.1", 41, undefined, [0, 1, 2, 3]]);
  const frame = concat(ethernet(0x8100), vlan(9, 0x0800), inner);
  const vxlan = outer(17, udp(50_001, 4789), fromHex("08000000 00000100"), frame);
  assert.deepEqual(readSome(vxlan, names), ["192.0.2.1", 17, 4789, [0, 1, 4, 14, 0, 6, 1, 3]]);
  assert.equal(read(vxlan).vlanId, undefined, "the tag is the inner frame's");
  const geneve = outer(17, udp(50_001, 6081), fromHex("01006558 00000100 deadbeef"), frame);
  assert.deepEqual(readSome(geneve, names), ["192.0.2.1", 17, 6081, [0, 1, 4, 12, 0, 6, 1, 3]]);
  assert.equal(read(geneve).sourceMacAddress, sourceMac);
  const point = outer(47, fromHex("3001 880b 00000001 00000002"), inner);
  assert.deepEqual(readSome(point, names), ["192.0.2.1", 47, undefined, [0, 1]], "PPTP's GRE is another");
  const mpls = outer(137, mplsEntry(5000, true), inner);
  assert.deepEqual(readSome(mpls, [...names, "mplsLabelStack"]), [
    "192.0.2.1",
    137,
    undefined,
    [0, 1, 5, 1, 3],
    undefined,
  ]);
});

test("the capture's place in a buffer does not matter, and nothing behind its end is read", () => {
  const packet = concat(ethernet(0x0800), ipv4(6), payload);
  const around = concat(new Uint8Array(5).fill(255), packet, new Uint8Array(50).fill(255));
  for (let length = 0; length <= packet.length; length++) {
    const part = read(packet.subarray(0, length));
    batch.clear();
    const layer2 = writePacketRow(around, 5, 5 + length, headerProtocol.ethernet, batch, batch.append());
    assert.equal(layer2, part.layer2);
    assert.equal(batch.columns.destinationTransportPort[0], part.destinationTransportPort ?? 0, `${length}`);
    assert.equal(batch.columns.tcpControlBits[0], part.tcpControlBits ?? 0, `${length}`);
    assert.equal(layer2 === -1, length < 34, "a network header is whole or not there");
    assert.equal(part.destinationTransportPort, length < 38 ? undefined : 443);
  }
});

test("an end beyond the bytes is their end", () => {
  const packet = concat(ethernet(0x0800), ipv4(6));
  batch.clear();
  assert.equal(writePacketRow(packet, 0, 9999, headerProtocol.ethernet, batch, batch.append()), 14);
  assert.deepEqual([...batch.listAt(batch.columns.layerStack[0]!)], [0, 1]);
});
