import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseAddress } from "../../flow/index.ts";
import { MessageWalk, writeAttribute, writeMessage } from "../netlink/netlink-message.ts";
import { ConntrackReader, readEntryCount } from "./conntrack-message.ts";

type Tuple = readonly [source: string, sourcePort: number, destination: string, destinationPort: number];
interface Row {
  readonly protocol: number;
  readonly original: Tuple;
  readonly reply: Tuple;
  readonly zone?: number;
  readonly tupleZone?: number;
}

const be16 = (value: number) => Uint8Array.of(value >> 8, value);
const nest = (type: number, ...parts: Uint8Array[]) => writeAttribute(0x8000 | type, join(parts));
const join = (parts: Uint8Array[]) => Uint8Array.of(...parts.flatMap((part) => [...part]));

/** As the kernel lays it out, port numbers for TCP, UDP and SCTP, ids for ICMP. */
function messageOf({ protocol, original, reply, zone, tupleZone }: Row, type = 0x100): Uint8Array {
  const isIPv6 = original[0].includes(":");
  const address = (text: string) => parseAddress(text)!.subarray(isIPv6 ? 0 : 12);
  const tuple = (kind: number, [source, sourcePort, destination, destinationPort]: Tuple) =>
    nest(
      kind,
      nest(
        1,
        writeAttribute(isIPv6 ? 3 : 1, address(source)),
        writeAttribute(isIPv6 ? 4 : 2, address(destination)),
      ),
      nest(
        2,
        writeAttribute(1, Uint8Array.of(protocol)),
        ...(protocol === 1
          ? [
              writeAttribute(4, be16(sourcePort)),
              writeAttribute(5, Uint8Array.of(8)),
              writeAttribute(6, Uint8Array.of(0)),
            ]
          : [writeAttribute(2, be16(sourcePort)), writeAttribute(3, be16(destinationPort))]),
      ),
      ...(tupleZone === undefined ? [] : [writeAttribute(3, be16(tupleZone))]),
    );
  return writeMessage({
    type,
    flags: 0,
    payload: [
      Uint8Array.of(isIPv6 ? 10 : 2, 0, 0, 0),
      tuple(1, original),
      tuple(2, reply),
      writeAttribute(3, Uint8Array.of(0, 0, 1, 0x8a)),
      writeAttribute(7, Uint8Array.of(0, 0, 0, 120)),
      ...(zone === undefined ? [] : [writeAttribute(18, be16(zone))]),
      writeAttribute(12, Uint8Array.of(1, 2, 3, 4)),
    ],
  });
}

function read(bytes: Uint8Array, reader = new ConntrackReader()) {
  const walk = new MessageWalk();
  walk.open(bytes);
  if (!walk.next() || !reader.read(walk)) return undefined;
  const { entry } = reader;
  const address = (at: number) => formatAddress(entry.addresses, at);
  return {
    protocol: entry.protocol,
    original: [address(0), entry.originalSourcePort, address(16), entry.originalDestinationPort],
    reply: [address(32), entry.replySourcePort, address(48), entry.replyDestinationPort],
    zone: entry.zone,
  };
}

const service: Row = {
  protocol: 6,
  original: ["10.0.0.5", 40000, "10.96.0.10", 80],
  reply: ["10.0.1.7", 8080, "10.0.0.5", 40000],
};

test("a Service's connection: both tuples, IPv4 and IPv6, TCP, UDP and SCTP, with its zone", () => {
  for (const protocol of [6, 17, 132]) {
    assert.deepEqual(read(messageOf({ ...service, protocol, zone: 7 })), { ...service, protocol, zone: 7 });
    const six: Row = {
      protocol,
      original: ["fd00::5", 40000, "fd96::a", 80],
      reply: ["fd01::7", 65535, "fd02::1", 1],
    };
    assert.deepEqual(read(messageOf({ ...six, tupleZone: 3 })), { ...six, zone: 3 });
  }
});

test("one reader: nothing of an earlier message stays", () => {
  const reader = new ConntrackReader();
  read(messageOf({ ...service, zone: 9 }), reader);
  assert.equal(read(messageOf(service), reader)?.zone, 0);
});

test("ICMP has addresses alone: its id is no port", () => {
  const ping: Row = {
    protocol: 1,
    original: ["10.0.0.5", 77, "8.8.8.8", 77],
    reply: ["8.8.8.8", 78, "1.2.3.4", 78],
  };
  assert.deepEqual(read(messageOf(ping)), {
    protocol: 1,
    original: ["10.0.0.5", 0, "8.8.8.8", 0],
    reply: ["8.8.8.8", 0, "1.2.3.4", 0],
    zone: 0,
  });
});

test("what is not translated is nothing; a port alone makes a difference, at either end", () => {
  const plain: Row = { ...service, reply: ["10.96.0.10", 80, "10.0.0.5", 40000] };
  const reader = new ConntrackReader();
  assert.equal(read(messageOf(plain), reader), undefined);
  assert.equal(reader.invalidCount, 0);
  for (const reply of [
    ["10.96.0.10", 81, "10.0.0.5", 40000],
    ["10.96.0.10", 80, "10.0.0.5", 40001],
    ["10.96.0.11", 80, "10.0.0.5", 40000],
    ["10.96.0.10", 80, "10.0.0.6", 40000],
  ] as const)
    assert.deepEqual(read(messageOf({ ...plain, reply }))?.reply, [...reply]);
});

test("messages about other things are passed over; those that cannot be read are counted", () => {
  const reader = new ConntrackReader();
  for (const type of [0x101, 0x103, 0x200, 2, 3])
    assert.equal(read(messageOf(service, type), reader), undefined);
  assert.equal(reader.invalidCount, 0);
  const bytes = messageOf(service);
  bytes[16] = 7; // no such family
  assert.equal(read(bytes, reader), undefined);
  assert.equal(reader.invalidCount, 1);
});

test("a connection that is tracked no more is told as its end", () => {
  const reader = new ConntrackReader();
  assert.deepEqual(read(messageOf(service, 0x102), reader), { ...service, zone: 0 });
  assert.equal(reader.isEnd, true);
  read(messageOf(service), reader);
  assert.equal(reader.isEnd, false);
});

test("every truncation: read whole, or counted", () => {
  const whole = messageOf(service);
  for (let length = 16; length < whole.length; length++) {
    const cut = whole.slice(0, length);
    new DataView(cut.buffer).setUint32(0, length, true);
    const reader = new ConntrackReader();
    const result = read(cut, reader);
    if (result === undefined) assert.equal(reader.invalidCount, 1, `${length} bytes`);
    else assert.deepEqual(result, { ...service, zone: 0 });
  }
});

test("mutations: nothing throws or loops, and ports and zone stay numbers of 16 bits", () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 0x7fffffff));
  console.log(`SEED=${seed}`);
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x100000000) * below);
  };
  const reader = new ConntrackReader();
  const walk = new MessageWalk();
  let readCount = 0;
  for (let round = 0; round < 30_000; round++) {
    const bytes = messageOf({ ...service, zone: 1, tupleZone: 2 });
    for (let i = random(4); i >= 0; i--) bytes[16 + random(bytes.length - 16)] = random(256);
    walk.open(bytes);
    while (walk.next()) {
      if (!reader.read(walk)) continue;
      readCount++;
      const { entry } = reader;
      for (const value of [
        entry.originalSourcePort,
        entry.originalDestinationPort,
        entry.replySourcePort,
        entry.replyDestinationPort,
        entry.zone,
      ])
        assert.ok(value >= 0 && value <= 0xffff);
      assert.ok(entry.protocol >= 0 && entry.protocol <= 0xff);
    }
  }
  assert.ok(readCount > 0 && reader.invalidCount > 0);
});

test("the number of entries in a table", () => {
  const walk = new MessageWalk();
  const payload = [new Uint8Array(4), writeAttribute(1, Uint8Array.of(0x80, 1, 0, 2))];
  walk.open(writeMessage({ type: 0x105, flags: 0, payload }));
  walk.next();
  assert.equal(readEntryCount(walk), 0x80010002);
  walk.open(writeMessage({ type: 0x100, flags: 0, payload }));
  walk.next();
  assert.equal(readEntryCount(walk), undefined);
});
