import assert from "node:assert/strict";
import { test } from "node:test";
import { createTrial } from "./testdata/decode.ts";
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
  variable,
} from "./testdata/messages.ts";

/** The traps from 17 on: times, counters, directions, and input that means harm. See traps.test.ts. */
const basic: readonly SpecifiedField[] = [
  [8, 4],
  [1, 4],
];
const record = (last: number) => concat(ipv4(`10.0.0.${last}`), unsigned(last, 4));
const announce = (id = 300, fields = basic) => set(2, template(id, fields));

test("trap 17: an uptime that wrapped, one of the future, and one from options of another port", () => {
  const trial = createTrial();
  const timed: readonly SpecifiedField[] = [...basic, [22, 4], [21, 4]];
  const times = (first: number, last: number) => concat(unsigned(first, 4), unsigned(last, 4));
  trial.send(
    v9Message({ uptime: 1000 }, set(0, template(300, timed)), set(300, record(1), times(0xffff_ff00, 500))),
  );
  trial.send(v9Message({ uptime: 1000 }, set(300, record(2), times(4000, 9000))));
  const init = set(3, ipfixOptionsTemplate(400, [[149, 4]], [[160, 8]]));
  trial.send(ipfixMessage({}, init, set(400, unsigned(0, 4), unsigned(1_759_999_000_000, 8))), { port: 5 });
  trial.send(ipfixMessage({}, announce(300, timed), set(300, record(3), times(1000, 2000))));
  assert.deepEqual(
    trial.rows.map((row) => [
      Number(row.flowStartMilliseconds) - 1.76e12,
      Number(row.flowEndMilliseconds) - 1.76e12,
    ]),
    [
      [-1256, -500],
      [-5000, 0],
      [-999_000, -998_000],
    ],
  );
});

test("trap 18: of a counter's names the best that says something counts, in every order", () => {
  const names = [1, 231, 23, 352];
  for (const [i, first] of names.entries()) {
    const rest = names.slice(i + 1).reverse();
    const fields: SpecifiedField[] = [...rest.map((id): SpecifiedField => [id, 4]), [first, 4], [8, 4]];
    const values = [...rest.map((id) => unsigned(id, 4)), unsigned(9000 + first, 4), ipv4("10.0.0.1")];
    const trial = createTrial();
    trial.send(ipfixMessage({}, announce(300, fields), set(300, ...values)));
    assert.equal(trial.rows[0]?.octetDeltaCount, 9000 + first, `${fields}`);
  }
});

test("trap 18: what went out is never what came back", () => {
  const trial = createTrial();
  trial.send(
    ipfixMessage(
      {},
      announce(300, [...basic, [23, 4], [24, 4]]),
      set(300, record(1), unsigned(7, 4), unsigned(8, 4)),
    ),
  );
  const [row] = trial.rows;
  assert.deepEqual(
    [row?.octetDeltaCount, row?.packetDeltaCount, row?.reverseOctetDeltaCount, row?.reversePacketDeltaCount],
    [1, 8, undefined, undefined],
  );
});

const totals: readonly SpecifiedField[] = [
  [8, 4],
  [12, 4],
  [152, 8],
  [85, 8],
  [86, 8],
];
const total = (last: number, start: number, octets: number, packets: number) =>
  concat(
    ipv4(`10.0.0.${last}`),
    ipv4("10.0.1.1"),
    ...[start, octets, packets].map((value) => unsigned(value, 8)),
  );

test("trap 18: of totals only the growth counts, per flow, exporter and domain; an overtaken record adds nothing", () => {
  const trial = createTrial();
  trial.send(
    ipfixMessage({}, announce(300, totals), set(300, total(1, 5000, 100, 1), total(2, 5000, 40, 4))),
  );
  trial.send(
    ipfixMessage({}, set(300, total(1, 5000, 300, 3), total(1, 5000, 200, 2), total(1, 6000, 70, 7))),
  );
  trial.send(ipfixMessage({ domain: 1 }, announce(300, totals), set(300, total(1, 5000, 1000, 1))));
  trial.send(ipfixMessage({}, announce(300, totals), set(300, total(1, 5000, 1000, 1))), {
    addressText: "192.0.2.2",
  });
  assert.deepEqual(
    trial.rows.map((row) => [row.octetDeltaCount ?? 0, row.packetDeltaCount ?? 0]),
    [
      [100, 1],
      [40, 4],
      [200, 2],
      [0, 0],
      [70, 7],
      [1000, 1],
      [1000, 1],
    ],
  );
});

test("trap 18: after an overtaken record growth is still counted from the largest total", () => {
  const trial = createTrial();
  const records = [300, 200, 350].map((octets) => total(1, 5000, octets, 1));
  trial.send(ipfixMessage({}, announce(300, totals), set(300, ...records)));
  assert.deepEqual(
    trial.rows.map((row) => row.octetDeltaCount ?? 0),
    [300, 0, 50],
  );
});

test("trap 18: totals beside deltas are not counted, nor is growth asked of a flow without a start", () => {
  const trial = createTrial();
  trial.send(
    ipfixMessage(
      {},
      announce(300, [...basic, [85, 8]]),
      set(300, concat(ipv4("10.0.0.1"), unsigned(0, 4), unsigned(5000, 8))),
    ),
  );
  const once: readonly SpecifiedField[] = [
    [8, 4],
    [85, 8],
  ];
  const same = concat(ipv4("10.0.0.2"), unsigned(700, 8));
  trial.send(ipfixMessage({}, announce(301, once), set(301, same, same)));
  assert.deepEqual(
    trial.rows.map((row) => row.octetDeltaCount ?? 0),
    [0, 700, 700],
  );
});

test("trap 18: a start that is told by its distance from the export tells no flow from another", () => {
  const trial = createTrial();
  const fields: readonly SpecifiedField[] = [
    [8, 4],
    [158, 4],
    [85, 8],
  ];
  const same = concat(ipv4("10.0.0.2"), unsigned(5000, 4), unsigned(700, 8));
  trial.send(ipfixMessage({}, announce(300, fields), set(300, same, same)));
  assert.deepEqual(
    trial.rows.map((row) => row.octetDeltaCount),
    [700, 700],
  );
});

test("trap 17: how long a flow lasted is its own record's, whatever was in that row before", () => {
  const trial = createTrial(1);
  const fields: readonly SpecifiedField[] = [...basic, [162, 4]];
  const lasting = (milliseconds: number) => concat(record(1), unsigned(milliseconds * 1000, 4));
  trial.send(ipfixMessage({}, announce(300, fields), set(300, lasting(2500), lasting(500), lasting(0))));
  assert.deepEqual(
    trial.rows.map((row) => Number(row.flowEndMilliseconds) - Number(row.flowStartMilliseconds)),
    [2500, 500, 0],
  );
});

test("trap 18: with no room for another flow its totals are taken as they are, and that is counted", () => {
  const trial = createTrial(7, { totalFlowsMax: 2, idleMilliseconds: 10_000 });
  const send = (last: number, waited = 1) =>
    trial.send(ipfixMessage({}, announce(300, totals), set(300, total(last, 5000, 100, 1))), { waited });
  for (const last of [1, 2, 3, 3, 1]) send(last);
  assert.deepEqual(
    trial.rows.map((row) => row.octetDeltaCount ?? 0),
    [100, 100, 100, 100, 0],
  );
  assert.deepEqual([trial.decoder.usage.totalFlowCount, trial.decoder.usage.totalOverflowCount], [2, 2]);
  send(4, 20_000);
  send(4);
  assert.deepEqual(
    trial.rows.slice(5).map((row) => row.octetDeltaCount ?? 0),
    [100, 0],
    "idle flows make room",
  );
});

test("trap 19: a biflow with nothing forward stays a row, and says who began where it is said", () => {
  const trial = createTrial();
  const fields: readonly SpecifiedField[] = [
    [8, 4],
    [1, 4],
    [1, 4, 29_305],
    [239, 1],
  ];
  const biflow = (direction: number) => concat(record(0), unsigned(50, 4), Uint8Array.of(direction));
  trial.send(ipfixMessage({}, announce(300, fields), set(300, ...[0, 1, 2, 3].map(biflow))));
  assert.deepEqual(
    trial.rows.map((row) => [row.reverseOctetDeltaCount, row.clientEnd]),
    [
      [50, undefined],
      [50, 1],
      [50, 2],
      [50, undefined],
    ],
  );
});

test("trap 19: counters named for initiator and responder make the source the client, unless 239 says otherwise", () => {
  const trial = createTrial();
  const fields: readonly SpecifiedField[] = [
    [8, 4],
    [231, 4],
    [232, 4],
    [239, 1],
  ];
  const flow = (direction: number) => concat(record(5), unsigned(60, 4), Uint8Array.of(direction));
  trial.send(ipfixMessage({}, announce(300, fields), set(300, flow(0), flow(2))));
  assert.deepEqual(
    trial.rows.map((row) => [row.octetDeltaCount, row.reverseOctetDeltaCount, row.clientEnd]),
    [
      [5, 60, 1],
      [5, 60, 2],
    ],
  );
});

test("trap 20: a direction that is not said is not ingress", () => {
  const trial = createTrial();
  trial.send(
    ipfixMessage(
      {},
      announce(300, [...basic, [61, 1]]),
      set(300, record(1), Uint8Array.of(0), record(2), Uint8Array.of(1)),
    ),
  );
  trial.send(ipfixMessage({}, announce(301), set(301, record(3))));
  assert.deepEqual(
    trial.rows.map((row) => row.flowDirection),
    [0, 1, undefined],
  );
});

test("trap 21: MPLS labels end at the bottom of the stack, and may come in a record of variable length", () => {
  const trial = createTrial(7, {}, true);
  const fields: readonly SpecifiedField[] = [[371, 65_535], [70, 3], [71, 3], [72, 3], ...basic];
  const labels = concat(unsigned(0x000640, 3), unsigned(0x000651, 3), unsigned(0x000660, 3));
  trial.send(
    ipfixMessage({}, announce(300, fields), set(300, variable(Buffer.from("x")), labels, record(1))),
  );
  assert.deepEqual(trial.rows[0]?.mplsLabelStack, [0x00064000, 0x00065100]);
});

test("trap 23: many sets waiting cost nothing when templates for others are repeated", () => {
  const trial = createTrial();
  for (let i = 0; i < 200; i++) trial.send(ipfixMessage({}, set(999, record(1))));
  const many = ipfixMessage(
    {},
    set(2, ...Array.from({ length: 4000 }, (_, i) => template(300 + (i % 600), basic))),
  );
  for (let i = 0; i < 20; i++) trial.send(many);
  assert.equal(trial.rows.length, 0);
  assert.equal(trial.send(ipfixMessage({}, announce(999))).recordCount, 200);
});

test("trap 23: a template changed to and fro looks at so many waiting sets a datagram, and no more", () => {
  const trial = createTrial();
  const long: readonly SpecifiedField[] = [...basic, [371, 100]];
  trial.send(ipfixMessage({}, announce(300, long)), { port: 1 });
  for (let i = 0; i < 900; i++) trial.send(ipfixMessage({}, set(300, record(1))), { port: 2 });
  const toAndFro = ipfixMessage(
    {},
    ...Array.from({ length: 1000 }, (_, i) => announce(300, [...long, [372, 1 + (i % 2)]])),
  );
  for (let i = 0; i < 50; i++) trial.send(toAndFro, { port: 1 });
  assert.equal(trial.rows.length, 0);
  assert.equal(trial.send(ipfixMessage({}, announce(300)), { port: 2 }).recordCount, 900);
});

test("trap 23: a datagram of 64 kB is read whole", () => {
  const trial = createTrial(64);
  const records = Array.from({ length: 8180 }, (_, i) => record(1 + (i % 250)));
  trial.send(ipfixMessage({}, announce(), set(300, ...records)));
  assert.deepEqual([trial.rows.length, trial.messages[0]?.recordCount, trial.drops], [8180, 8180, {}]);
});

test("trap 25: ICMP type and code from fields of their own, for both families", () => {
  const trial = createTrial();
  const fields: readonly SpecifiedField[] = [
    ...basic,
    [4, 1],
    [11, 2],
    [176, 1],
    [177, 1],
    [178, 1],
    [179, 1],
  ];
  const icmp = (...values: readonly number[]) =>
    concat(record(1), Uint8Array.of(values[0]!), unsigned(0, 2), Uint8Array.from(values.slice(1)));
  trial.send(
    ipfixMessage(
      {},
      announce(300, fields),
      set(300, icmp(1, 3, 13, 0, 0), icmp(58, 0, 0, 128, 0), icmp(58, 0, 0, 1, 4)),
    ),
  );
  assert.deepEqual(
    trial.rows.map((row) => row.icmpTypeCode),
    [0x030d, 0x8000, 0x0104],
  );
});

test("trap 25: icmpTypeCode goes before its halves", () => {
  const trial = createTrial();
  const fields: readonly SpecifiedField[] = [[176, 1], [177, 1], [32, 2], [4, 1], ...basic];
  trial.send(ipfixMessage({}, announce(300, fields), set(300, Uint8Array.of(3, 3, 8, 0, 1), record(1))));
  assert.equal(trial.rows[0]?.icmpTypeCode, 0x0800);
});

test("trap 26: any mix of versions on one port", () => {
  const trial = createTrial();
  trial.send(v5Message({}, v5Record({})));
  trial.send(v9Message({}, set(0, template(300, basic)), set(300, record(1))));
  trial.send(ipfixMessage({}, announce(300), set(300, record(2))));
  assert.deepEqual(
    trial.messages.map(({ format }) => format),
    [2, 3, 4],
  );
  assert.equal(trial.rows.length, 3);
});
