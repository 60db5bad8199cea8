import assert from "node:assert/strict";
import { test } from "node:test";
import { linkType, PacketBatch, packetDirection } from "../packet/index.ts";
import { createRandom } from "../packet/testdata/random.ts";
import { CaptureReader } from "./index.ts";
import { block, interfaceBlock, packetBlock, pcapFile, sectionBlock } from "./testdata/captures.ts";

interface Read {
  readonly time: number;
  readonly bytes: number[];
  readonly wire: number;
  readonly captureInterface: number;
  readonly direction: number;
}

/** Reads a capture in pieces of a length, as a file or a pipe gives them. */
function readAll(capture: Uint8Array, pieceBytes = capture.length, batchPackets = 3) {
  const reader = new CaptureReader();
  const batch = new PacketBatch(batchPackets);
  const packets: Read[] = [];
  let held = new Uint8Array();
  for (let at = 0; at < capture.length; at += pieceBytes) {
    held = new Uint8Array(Buffer.concat([held, capture.subarray(at, at + pieceBytes)]));
    for (let start = 0; ; ) {
      batch.begin(held);
      const consumed = reader.read(batch, start, held.length);
      start += consumed;
      for (let i = 0; i < batch.count; i++) {
        const offset = batch.offsets[i]!;
        assert.ok(offset + batch.capturedLengths[i]! <= held.length, "a packet lies in what there is");
        packets.push({
          time: batch.times[i]!,
          bytes: [...held.subarray(offset, offset + batch.capturedLengths[i]!)],
          wire: batch.wireLengths[i]!,
          captureInterface: batch.interfaces[i]!,
          direction: batch.directions[i]!,
        });
      }
      if (consumed === 0) {
        held = held.slice(start);
        break;
      }
    }
  }
  return { packets, reader, left: held.length };
}

const two = [
  { seconds: 1_760_000_000, nanoseconds: 123_456_000, bytes: [1, 2, 3, 4], wire: 60 },
  { seconds: 1_760_000_001, nanoseconds: 1000, bytes: [9], wire: 1 },
];
const expected = [
  { time: 1_760_000_000_123.456, bytes: [1, 2, 3, 4], wire: 60 },
  { time: 1_760_000_001_000.001, bytes: [9], wire: 1 },
].map((packet) => ({ ...packet, captureInterface: 0, direction: packetDirection.unknown }));

for (const isLittleEndian of [true, false])
  for (const kind of ["micro", "nano", "kuznetzov"] as const)
    test(`pcap, ${kind}, ${isLittleEndian ? "little" : "big"}-endian, in pieces of every length`, () => {
      const capture = pcapFile(two, { isLittleEndian, kind });
      for (let piece = 1; piece <= capture.length; piece++) {
        const { packets, reader, left } = readAll(capture, piece);
        assert.deepEqual(packets, expected, `pieces of ${piece}`);
        assert.equal(left, 0);
        assert.deepEqual(reader.interfaces, [
          { linkType: linkType.ethernet, snapLength: 262_144, name: undefined },
        ]);
      }
    });

test("pcap: the check sequence's length, above the link type, is not part of it", () => {
  const capture = pcapFile(two, { linkType: 0x5400_0000 | linkType.ethernet });
  assert.deepEqual(readAll(capture, capture.length).packets, expected);
  assert.equal(readAll(capture, capture.length).reader.interfaces[0]?.linkType, linkType.ethernet);
});

test("pcapng: an interface's clock begins where its offset says, before 1970 too", () => {
  for (const isLittleEndian of [true, false])
    for (const offsetSeconds of [1_760_000_000, -3600]) {
      const capture = Buffer.concat([
        sectionBlock(isLittleEndian),
        interfaceBlock({ offsetSeconds, isLittleEndian }),
        packetBlock({ units: 7_200_000_000n, bytes: [1], wire: 1, isLittleEndian }),
      ]);
      const { packets } = readAll(new Uint8Array(capture), capture.length);
      assert.equal(packets[0]?.time, (offsetSeconds + 7200) * 1000);
    }
});

test("pcapng: interfaces with names and clocks, three kinds of packet, directions, and a section of the other order", () => {
  const capture = Buffer.concat([
    sectionBlock(true),
    interfaceBlock({ linkType: 1, name: "eth0" }),
    interfaceBlock({ linkType: 101, name: "tun0", resolution: 9, snapLength: 2 }),
    packetBlock({
      captureInterface: 0,
      units: 1_760_000_000_123_456n,
      bytes: [1, 2, 3, 4, 5],
      wire: 60,
      flags: 2,
    }),
    block(true, 0x0bad, [1, 2, 3, 4]),
    packetBlock({ captureInterface: 1, units: 1_760_000_001_000_001_000n, bytes: [7], wire: 1, flags: 1 }),
    packetBlock({ captureInterface: 9, units: 0n, bytes: [7], wire: 1 }),
    sectionBlock(false),
    interfaceBlock({ linkType: 1, resolution: 0x80 | 10, isLittleEndian: false }),
    packetBlock({ captureInterface: 0, units: 1024n * 5n, bytes: [8], wire: 8, isLittleEndian: false }),
    block(false, 3, [0, 0, 0, 40, 6, 6, 6, 6]),
  ]);
  for (let piece = 1; piece <= capture.length; piece += 3) {
    const { packets, reader } = readAll(new Uint8Array(capture), piece);
    assert.equal(reader.problem, undefined);
    assert.equal(reader.skippedCount, 1, "a packet of an interface that is not described");
    assert.deepEqual(
      reader.interfaces.map(({ name, linkType: link }) => [name, link]),
      [
        ["eth0", 1],
        ["tun0", linkType.raw],
        [undefined, 1],
      ],
    );
    assert.deepEqual(packets, [
      {
        time: 1_760_000_000_123.456,
        bytes: [1, 2, 3, 4, 5],
        wire: 60,
        captureInterface: 0,
        direction: packetDirection.outbound,
      },
      {
        time: 1_760_000_001_000.001,
        bytes: [7],
        wire: 1,
        captureInterface: 1,
        direction: packetDirection.inbound,
      },
      { time: 5000, bytes: [8], wire: 8, captureInterface: 2, direction: packetDirection.unknown },
      { time: 5000, bytes: [6, 6, 6, 6], wire: 40, captureInterface: 2, direction: packetDirection.unknown },
    ]);
  }
});

test("what is no capture, and where one is corrupt, is said", () => {
  assert.match(
    readAll(new TextEncoder().encode("this is no capture at all")).reader.problem ?? "",
    /74686973/,
  );
  const corrupt = pcapFile(two, {});
  corrupt.set([0xff, 0xff, 0xff, 0x7f], 24 + 16 + 4 + 8);
  const { packets, reader } = readAll(corrupt);
  assert.equal(packets.length, 1, "what came before is read");
  assert.match(reader.problem ?? "", /packet 2 claims 2147483647 octets/);
  const section = new Uint8Array(Buffer.concat([sectionBlock(true), block(true, 6, [1, 2, 3, 4])]));
  section.set([13, 0, 0, 0], 28 + 4);
  assert.match(readAll(section).reader.problem ?? "", /block 2 claims 13 octets/);
});

test("a block of any length that is not read is stepped over without being kept", () => {
  const long = new Uint8Array(
    Buffer.concat([
      sectionBlock(true),
      block(true, 0x0bad, new Uint8Array(3_000_000)),
      interfaceBlock({}),
      packetBlock({ bytes: [1], wire: 1 }),
    ]),
  );
  assert.equal(readAll(long, 65_536).packets.length, 1);
});

/** SEED=n gives a run back; FUZZ_CAPTURES=n runs longer. */
test("no octets make the reader throw, loop, or leave what it was given", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  const random = createRandom(seed);
  const captures = [
    pcapFile(two, {}),
    pcapFile(two, { isLittleEndian: false, kind: "nano" }),
    new Uint8Array(
      Buffer.concat([
        sectionBlock(true),
        interfaceBlock({ name: "a" }),
        packetBlock({ bytes: [1, 2, 3], wire: 9, flags: 1 }),
        block(true, 3, [9, 0, 0, 0, 1, 2, 3, 4]),
      ]),
    ),
  ];
  for (let i = Number(process.env.FUZZ_CAPTURES ?? 20_000); i > 0; i--) {
    const bytes = Uint8Array.from(captures[random(captures.length)]!);
    for (let changes = random(6); changes > 0; changes--)
      bytes[random(bytes.length)] = random(2) === 0 ? random(256) : 0;
    const { packets } = readAll(
      bytes.subarray(0, random(4) === 0 ? random(bytes.length) : bytes.length),
      1 + random(80),
    );
    assert.ok(packets.length <= bytes.length / 4, `SEED=${seed}`);
  }
});
