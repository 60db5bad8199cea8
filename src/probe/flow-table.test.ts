import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../packet/testdata/random.ts";
import { defaultFlowTableConfig, defaultTimeouts, type FlowTableConfig, trackLevels } from "./config.ts";
import { type EndReason, endReason } from "./end-reason.ts";
import { doubleOf, rowDoubles, rowWords, stateBit, wordOf } from "./flow-row.ts";
import { FlowTable } from "./flow-table.ts";
import { PacketGroup } from "./packet-group.ts";
import { ack, batchOf, fin, rst, syn, type TestPacket } from "./testdata/packets.ts";

interface Reported {
  readonly packets: readonly [number, number];
  readonly octets: readonly [number, number];
  readonly reason: EndReason;
  readonly initiatorIsB: boolean;
  readonly endA: number;
  readonly start: number;
  readonly end: number;
  /** Control bits and classes of service. */
  readonly facts: number;
}

const start = 1_760_000_000_000;

function trial(config: Partial<FlowTableConfig> = {}) {
  const reported: Reported[] = [];
  const table: FlowTable = new FlowTable(
    { ...defaultFlowTableConfig, flowsMax: 64, ...config },
    (row, reason) => {
      const { words, doubles } = table;
      const base = row * rowWords;
      const double = row * rowDoubles;
      const starts = [doubles[double + doubleOf.start]!, doubles[double + doubleOf.start + 1]!].filter(
        (one) => one > 0,
      );
      reported.push({
        packets: [words[base + wordOf.packets]!, words[base + wordOf.packets + 1]!],
        octets: [doubles[double + doubleOf.octets]!, doubles[double + doubleOf.octets + 1]!],
        reason,
        initiatorIsB: (words[base + wordOf.state]! & stateBit.initiatorIsB) !== 0,
        endA: words[base + wordOf.endA + 3]! & 0xff,
        start: Math.min(...starts) - start,
        end: Math.max(doubles[double + doubleOf.end]!, doubles[double + doubleOf.end + 1]!) - start,
        facts: words[base + wordOf.flagsAndClasses]!,
      });
    },
  );
  return { table, reported, add: (...packets: TestPacket[]) => table.add(batchOf(packets)) };
}

const a = "10.0.0.1";
const b = "10.0.0.2";
const there = (time: number, more: Partial<TestPacket> = {}): TestPacket => ({
  time: start + time,
  source: a,
  destination: b,
  ...more,
});
const back = (time: number, more: Partial<TestPacket> = {}): TestPacket => ({
  time: start + time,
  source: b,
  destination: a,
  sourcePort: 53,
  destinationPort: 1000,
  ...more,
});
const opened = { protocol: "tcp" } as const;

test("both directions are one flow, each with its counters", () => {
  const { table, reported, add } = trial();
  add(there(0, { payloadBytes: 10 }), back(5), back(7));
  assert.equal(table.flowCount, 1);
  table.expireAll();
  assert.deepEqual(reported, [
    {
      packets: [1, 2],
      octets: [38, 56],
      reason: endReason.forced,
      initiatorIsB: false,
      endA: 1,
      start: 0,
      end: 7,
      facts: 0,
    },
  ]);
  assert.equal(table.flowCount, 0);
});

test("the initiator is who sent SYN, also when the answer or a later packet is seen first", () => {
  const cases: [string, TestPacket[], boolean][] = [
    ["SYN first", [there(0, { ...opened, flags: syn }), back(1, { ...opened, flags: syn | ack })], false],
    [
      "the answer first",
      [there(0, { ...opened, flags: syn | ack }), back(1, { ...opened, flags: ack })],
      true,
    ],
    [
      "in the middle, then a SYN from the other end",
      [there(0, { ...opened, flags: ack }), back(1, { ...opened, flags: syn })],
      true,
    ],
    [
      "in the middle, then the answer of the first end",
      [there(0, { ...opened, flags: ack }), there(1, { ...opened, flags: syn | ack })],
      true,
    ],
    ["in the middle only", [there(0, { ...opened, flags: ack }), back(1, { ...opened, flags: ack })], false],
  ];
  for (const [name, packets, isB] of cases) {
    const { table, reported, add } = trial();
    add(...packets);
    table.expireAll();
    assert.deepEqual(
      reported.map(({ initiatorIsB }) => initiatorIsB),
      [isB],
      name,
    );
  }
});

test("a flow is reported at least every maxlife, keeps who began, and leaves when it is silent", () => {
  const { table, reported, add } = trial();
  add(there(0, { ...opened, flags: syn | ack }));
  for (let second = 1; second <= 130; second++) add(back(second * 1000, { ...opened, flags: ack }));
  assert.deepEqual(
    reported.map(({ reason, packets }) => [reason, packets[0] + packets[1] >= 55]),
    [
      [endReason.maxlife, true],
      [endReason.maxlife, true],
    ],
  );
  assert.ok(reported.every(({ initiatorIsB }) => initiatorIsB));
  assert.equal(table.flowCount, 1);
  table.advance(start + 200_000);
  table.advance(start + 300_000);
  assert.equal(
    reported.reduce((sum, { packets }) => sum + packets[0] + packets[1], 0),
    131,
    "every packet once",
  );
  assert.equal(table.flowCount, 0);
});

test("a closed or reset connection is reported as ended, though maxlife comes before its timeout", () => {
  for (const [last, reason] of [
    [fin, endReason.fin],
    [rst, endReason.reset],
    [ack, endReason.maxlife],
  ] as const) {
    const { table, reported, add } = trial();
    add(there(0, { ...opened, flags: syn }), there(5, { ...opened, flags: fin | ack }));
    add(back(10, { ...opened, flags: last | ack }));
    table.advance(start + 66_000);
    assert.deepEqual(
      reported.map((one) => one.reason),
      [reason],
    );
    add(there(70_000, { ...opened, flags: syn }), back(70_010, { ...opened, flags: syn | ack }));
    table.advance(start + 140_000);
    assert.equal(reported.at(-1)?.reason, endReason.maxlife, "the next connection of these ports goes on");
  }
});

const idle: [string, TestPacket[], number, EndReason][] = [
  ["udp", [there(0)], 300, endReason.udp],
  ["icmp", [there(0, { protocol: "icmp", flags: 0x0800 })], 300, endReason.icmp],
  ["tcp", [there(0, opened)], 3600, endReason.tcp],
  ["tcp.rst", [there(0, opened), back(1, { ...opened, flags: rst })], 120, endReason.reset],
  ["tcp.fin", [there(0, { ...opened, flags: fin }), back(1, { ...opened, flags: fin })], 300, endReason.fin],
  ["one fin is not the end", [there(0, { ...opened, flags: fin })], 3600, endReason.tcp],
];
for (const [name, packets, seconds, reason] of idle)
  test(`idle: ${name}`, () => {
    const { table, reported, add } = trial({ timeouts: { ...defaultFlowTableConfig.timeouts, maxlife: 0 } });
    add(...packets);
    for (let second = 1; second < seconds; second += 1) table.advance(start + second * 1000);
    assert.equal(reported.length, 0);
    table.advance(start + (seconds + 6) * 1000);
    assert.deepEqual(
      reported.map((one) => one.reason),
      [reason],
    );
  });

test("with no room for another, the flows not seen for longest are reported, the oldest first", () => {
  const { table, reported, add } = trial({ flowsMax: 4 });
  for (let i = 0; i < 4; i++) add(there(i, { sourcePort: i }));
  add(there(10, { sourcePort: 1 }), there(11, { sourcePort: 0 }));
  for (let i = 0; i < 4; i++) add(there(20 + i, { sourcePort: 100 + i }));
  assert.equal(table.flowCount, 4);
  assert.deepEqual(
    reported.map(({ end, reason }) => [end, reason]),
    [2, 3, 10, 11].map((end) => [end, endReason.evicted]),
  );
});

test("of many flows too, the oldest go first", () => {
  const { reported, add } = trial({ flowsMax: 512 });
  for (let i = 0; i < 512; i++) add(there(i, { sourcePort: i }));
  for (let i = 0; i < 512; i++) add(there(1000 + i, { sourcePort: (i * 77) % 512 }));
  for (let i = 0; i < 300; i++) add(there(2000 + i, { sourcePort: 1000 + i }));
  assert.deepEqual(
    reported.map(({ end }) => end),
    Array.from({ length: 300 }, (_, i) => 1000 + i),
  );
});

test("flows that come and go in a full table leave no gaps: none is there twice", () => {
  const { table, add } = trial({ flowsMax: 8000 });
  const random = createRandom(1);
  for (let round = 0; round < 40; round++) {
    const packets = Array.from({ length: 1000 }, () =>
      there(round, { sourcePort: random(10_000), source: `10.0.${random(2)}.1` }),
    );
    add(...packets);
  }
  const keys = new Set<string>();
  let rowCount = 0;
  table.visit((row) => {
    rowCount++;
    keys.add(table.words.subarray(row * rowWords, row * rowWords + wordOf.vlans).join());
  });
  assert.equal(rowCount, 8000);
  assert.equal(keys.size, 8000);
});

test("a later fragment is of its packet's flow; one whose first was not seen stands alone", () => {
  const { table, add } = trial();
  add(there(0, { fragment: 0x2000 }), there(1, { fragment: 0x0003 }));
  assert.equal(table.flowCount, 1);
  add(there(2, { fragment: 0x0004, source: "10.9.9.9" }));
  assert.equal(table.flowCount, 2);
  assert.equal(table.counts.fragmentCount, 3);
  add(there(59_000, { fragment: 0x0005 }));
  assert.equal(table.flowCount, 2);
  add(there(61_000, { fragment: 0x0005 }));
  assert.equal(table.flowCount, 3, "a minute later the number may be another packet's");
});

test("an echo and its reply are one flow, an error another", () => {
  const { table, add } = trial();
  add(there(0, { protocol: "icmp", flags: 0x0800 }), back(1, { protocol: "icmp", flags: 0 }));
  assert.equal(table.flowCount, 1);
  add(back(2, { protocol: "icmp", flags: 0x0301 }));
  assert.equal(table.flowCount, 2);
});

test("a clock that goes back is another: what was before it is reported, and counting goes on", () => {
  const { table, reported, add } = trial();
  add(there(0), there(-30_000), there(-100_000), there(-99_000));
  assert.equal(table.counts.clockBackwardCount, 1);
  assert.deepEqual(
    reported.map(({ packets }) => packets),
    [[2, 0]],
  );
  table.advance(start + 300_000);
  assert.equal(
    reported.reduce((sum, { packets }) => sum + packets[0], 0),
    4,
  );
});

test("one packet of three, by turns", () => {
  const { table, add } = trial({ sampling: 3 });
  add(...Array.from({ length: 10 }, (_, i) => there(i)));
  assert.equal(table.counts.countedPackets, 3);
  assert.equal(table.counts.sampledOut, 7);
});

test("where counters have 32 bits a flow is reported before they run over", () => {
  const { reported, add } = trial({ octetsMax: 2000 });
  for (let i = 0; i < 30; i++) add(there(i, { payloadBytes: 100 }));
  assert.ok(
    reported.length >= 1 &&
      reported.every(({ reason, octets }) => reason === endReason.octets && octets[0] < 2300),
  );
});

/** A map of lists is the oracle: every packet counted once, in the flow that the level says. SEED=n gives a run back. */
test("at every level, with evictions, the flows are those of the clear table", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  const random = createRandom(seed);
  for (const level of trackLevels)
    for (const flowsMax of [16_384, 20]) {
      const { table, reported, add } = trial({ level, flowsMax });
      const clear = new Map<string, number>();
      let octets = 0;
      for (let round = 0; round < 60; round++) {
        const packets = Array.from(
          { length: 1 + random(200) },
          (): TestPacket => ({
            time: start + round * 10,
            ...addresses[random(addresses.length)]!(random(5), random(5)),
            sourcePort: random(4),
            destinationPort: random(4),
            protocol: (["tcp", "udp"] as const)[random(2)]!,
            payloadBytes: random(50),
            ...(random(2) === 0 ? {} : { vlan: 1 + random(2) }),
          }),
        );
        for (const packet of packets) {
          clear.set(clearKey(packet, level), (clear.get(clearKey(packet, level)) ?? 0) + 1);
          octets +=
            (packet.source.includes(":") ? 40 : 20) +
            (packet.protocol === "tcp" ? 20 : 8) +
            packet.payloadBytes!;
        }
        add(...packets);
        assert.ok(table.flowCount <= flowsMax);
      }
      if (flowsMax === 16_384) assert.equal(table.flowCount, clear.size, `SEED=${seed} ${level}`);
      table.expireAll();
      const packetCount = reported.reduce((sum, { packets }) => sum + packets[0] + packets[1], 0);
      assert.equal(packetCount, table.counts.countedPackets, `SEED=${seed} ${level}`);
      assert.equal(
        reported.reduce((sum, one) => sum + one.octets[0] + one.octets[1], 0),
        octets,
      );
      if (flowsMax === 16_384)
        assert.deepEqual(
          reported.map(({ packets }) => packets[0] + packets[1]).sort((x, y) => x - y),
          [...clear.values()].sort((x, y) => x - y),
          `SEED=${seed} ${level}`,
        );
    }
});

/** The ends differ in their last octet, or in their first: every word of an address counts. */
const addresses = [
  (a: number, b: number) => ({ source: `10.0.0.${a}`, destination: `10.0.0.${b}` }),
  (a: number, b: number) => ({ source: `2001:db8::${a}`, destination: `2001:db8::${b}` }),
  (a: number, b: number) => ({ source: `200${a}:db8::1`, destination: `200${b}:db8::1` }),
  (a: number, b: number) => ({ source: `2001:db8:${a + 1}:0:${b}::1`, destination: "2001:db8::1" }),
];

function clearKey(
  { source, destination, sourcePort, destinationPort, protocol, vlan }: TestPacket,
  level: string,
): string {
  const depth = trackLevels.indexOf(level as (typeof trackLevels)[number]);
  const ends =
    depth >= 2 ? [`${source}:${sourcePort}`, `${destination}:${destinationPort}`] : [source, destination];
  // The frames' MAC addresses are always the same two: at that level a flow is of one direction.
  const sorted = depth >= 5 ? ends : ends.toSorted();
  return [...sorted, depth >= 1 ? protocol : "", depth >= 4 ? (vlan ?? 0) : ""].join(" ");
}

test("packets of one flow and direction in a row are one run, and what begins or ends a connection is none", () => {
  const group = new PacketGroup(defaultFlowTableConfig);
  const runsFrom = (now: number, until: number, ...packets: readonly TestPacket[]) => {
    const long = packets.map((packet) => ({ ...packet, payloadBytes: 100 }));
    assert.equal(group.read(batchOf(long), 0, now, until), packets.length);
    return [...group.packetCounts.subarray(0, group.size)];
  };
  const runs = (until: number, ...packets: readonly TestPacket[]) => runsFrom(0, until, ...packets);
  const never = Number.POSITIVE_INFINITY;
  assert.deepEqual(runs(never, there(0), there(1), there(1), back(2), back(3), there(4)), [3, 2, 1]);
  const second = { captureInterface: 1 };
  assert.deepEqual(runs(never, there(0), there(0, second), there(1, second), there(1)), [1, 2, 1]);
  const flags = [ack, ack, ack | fin, ack, ack, rst, syn, ack, ack];
  const tcp = flags.map((bits, i) => there(i, { ...opened, flags: bits }));
  assert.deepEqual(runs(never, ...tcp), [2, 1, 2, 1, 1, 2]);
  assert.deepEqual(runs(never, there(1), there(0), there(0), there(1), there(2)), [1, 1, 3], "clock back");
  assert.deepEqual(runs(start + 2, there(0), there(1), there(2), there(3)), [2, 1, 1], "clock at its limit");
  const back100 = [there(100_000), there(100_001), there(0), there(1), there(100_002)];
  assert.deepEqual(runs(never, ...back100), [2, 1, 1, 1], "another clock");
  assert.deepEqual(runsFrom(start + 60_000, never, there(0), there(1)), [2], "the same clock as before");
  assert.deepEqual(runsFrom(start + 60_001, never, there(0), there(1)), [1, 1], "another than before");
});

test("a batch that begins by another clock: its flows are due by that, also within what might be a run", () => {
  const packets = Array.from({ length: 40 }, (_, second) => there(second * 2000, { payloadBytes: 100 }));
  const reported = [1, packets.length].map((batchPackets) => {
    const { table, reported, add } = trial();
    add(there(1_000_000));
    for (let at = 0; at < packets.length; at += batchPackets) add(...packets.slice(at, at + batchPackets));
    assert.equal(table.counts.clockBackwardCount, 1);
    table.expireAll();
    return reported;
  });
  assert.equal(reported[0]!.length, 3, "before the clock was another, by age, the rest");
  assert.deepEqual(reported[1], reported[0]);
});

/** Each packet in a batch of its own is the oracle: there no run can be. SEED=n gives a run back. */
test("packets in runs are counted as each alone", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  const random = createRandom(seed);
  for (const level of trackLevels) {
    const config = {
      level,
      timeouts: { ...defaultTimeouts, maxlife: 7, udp: 4, tcp: 5, expint: 1 + random(3) },
    };
    const together = trial(config);
    const alone = trial(config);
    let time = 0;
    let last = there(0);
    for (let round = 0; round < 300; round++) {
      const packets = Array.from({ length: 1 + random(150) }, () => {
        const step = random(20);
        time += step === 0 ? random(3000) : step === 1 ? -random(100) : random(10);
        if (random(3000) === 0) time -= 100_000; // another clock
        const kind = random(10) < 7 ? last : (random(2) === 0 ? there : back)(0);
        if (kind !== last && random(3) === 0) last = { ...kind, ...opened };
        else if (kind !== last) last = { ...kind, sourcePort: random(3), destinationPort: 53 };
        const bits = random(12) === 0 ? random(32) : ack | (random(2) * 8);
        const more = { flags: bits, payloadBytes: random(60), direction: random(3) };
        const tag = random(15) === 0 ? { vlan: random(2), captureInterface: 1 + random(2) } : {};
        return { ...last, ...more, ...tag, time: Math.max(start + 1_000_000 + time, 1) };
      });
      together.add(...packets);
      for (const packet of packets) alone.add(packet);
    }
    together.table.expireAll();
    alone.table.expireAll();
    assert.ok(alone.reported.length > 100);
    assert.deepEqual(together.reported, alone.reported, `SEED=${seed} ${level}`);
    assert.deepEqual(together.table.counts, alone.table.counts, `SEED=${seed} ${level}`);
  }
});

test("flows that are forgotten are not reported", () => {
  const { table, reported, add } = trial();
  add(there(0), there(1, { sourcePort: 7 }));
  assert.equal(table.deleteAll(), 2);
  table.expireAll();
  table.advance(start + 10_000_000);
  assert.equal(reported.length, 0);
});

test("the table grows with its flows, and every one of them is found again", () => {
  const { table, reported, add } = trial({ flowsMax: 100_000 });
  const packets = Array.from({ length: 30_000 }, (_, i) =>
    there(i / 100, { sourcePort: i, source: `10.${i % 200}.0.1` }),
  );
  for (const turn of [0, 1]) {
    for (let at = 0; at < packets.length; at += 1000) add(...packets.slice(at, at + 1000));
    assert.equal(table.flowCount, 30_000, `turn ${turn}`);
  }
  table.expireAll();
  assert.ok(reported.length === 30_000 && reported.every(({ packets: [count] }) => count === 2));
});
