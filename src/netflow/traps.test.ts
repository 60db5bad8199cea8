import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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
  v9OptionsTemplate,
  variable,
} from "./testdata/messages.ts";

/**
 * The traps, by number, in as far as a decoder can fall into them; 7 is in sampling.test.ts,
 * 22 is in the sflow room, 24 (sockets) in collector's tests, 15 in its sequence and loss, 20 in stitch. A fixture of testdata that shows a trap is named beside it.
 */
const fixturesByTrap: Readonly<Record<number, readonly string[]>> = {
  1: ["template-behind-its-data", "template-in-a-later-datagram"],
  2: ["unknown-set-beside-known"],
  3: ["cisco-v9-count-too-low"],
  4: ["template-redefined"],
  5: ["ipfix-withdrawal", "template-of-no-fields", "template-of-no-length"],
  6: ["juniper-v9-options-without-scope", "nexus-interface-names"],
  7: ["ipfix-sampling-as-interval-and-space", "ipfix-sampling-in-record", "psamp-frames-and-headers"],
  8: ["netscaler-ipfix-variable-length"],
  9: ["ipfix-reduced-size", "ipfix-counters-beyond-53-bits"],
  10: ["netscaler-ipfix-variable-length"],
  11: ["asr-v9-zero-length-fields", "juniper-v9-repeated-counters", "srv6-outer-and-inner-header"],
  12: ["yaf-lists-beside-known-fields"],
  13: [
    "paloalto-v9-zero-tail",
    "paloalto-v9-padding-longer-than-record",
    "cisco-v9-padding",
    "set-length-too-small",
  ],
  14: ["ipfix-several-messages"],
  17: ["cisco-v5-uptime-wrapped", "ipfix-start-of-exporter-in-record", "times-of-every-kind"],
  18: [
    "cisco-asa-nsel-event",
    "ng-netflow-out-bytes-of-zero",
    "fortigate-out-bytes-repeat-in-bytes",
    "yaf-totals-of-a-long-flow",
  ],
  19: ["softflowd-ipfix-biflow", "biflow-reverse-only-with-direction"],
  21: [
    "cisco-mpls-label-stack",
    "asr1k-vlans-and-macs",
    "cisco-nat-event-log",
    "prefixes-where-addresses-are-missing",
  ],
  23: ["template-field-count-65535", "telegraf-set-longer-than-message"],
  25: ["cisco-v5-icmp-in-port", "cisco-v9-icmp-in-port"],
};

test("every fixture named for a trap is there", () => {
  for (const name of Object.values(fixturesByTrap).flat())
    assert.ok(readFileSync(`${import.meta.dirname}/testdata/${name}.hex`).length > 0, name);
});

const basic: readonly SpecifiedField[] = [
  [8, 4],
  [1, 4],
];
const record = (last: number) => concat(ipv4(`10.0.0.${last}`), unsigned(last, 4));
const announce = (id = 300, fields = basic) => set(2, template(id, fields));

test("trap 1: data before its template is read when it comes, by every place it may be missing from", () => {
  const trial = createTrial();
  trial.send(ipfixMessage({}, set(300, record(1)), set(301, record(2))));
  trial.send(ipfixMessage({}, announce(301)));
  trial.send(ipfixMessage({}, set(301, record(3)), announce(300)));
  assert.deepEqual(
    trial.rows.map(({ sourceAddress }) => sourceAddress),
    ["10.0.0.2", "10.0.0.3", "10.0.0.1"],
  );
});

test("trap 1: a set waits for the template of its own domain and version", () => {
  const trial = createTrial();
  trial.send(ipfixMessage({ domain: 1 }, set(300, record(1))));
  for (const other of [
    ipfixMessage({ domain: 2 }, announce()),
    v9Message({ domain: 1 }, set(0, template(300, basic))),
  ])
    assert.equal(trial.send(other).recordCount, 0);
  assert.equal(trial.send(ipfixMessage({ domain: 1 }, announce())).recordCount, 1);
});

test("trap 2: one unknown set leaves the others of its datagram readable, and is shown as missing", () => {
  const trial = createTrial();
  trial.send(ipfixMessage({}, announce(), set(999, record(1)), set(300, record(2)), set(999, record(3))));
  trial.send(ipfixMessage({}, set(999, record(4))), { waited: 500 });
  assert.equal(trial.rows.length, 1);
  assert.deepEqual(trial.decoder.describe("192.0.2.1")?.missingTemplates, [
    {
      id: 999,
      protocol: "ipfix",
      observationDomainId: 0,
      port: 1,
      waitingSetCount: 3,
      waitingBytes: 24,
      sinceMilliseconds: trial.receivedMilliseconds - 500,
    },
  ]);
});

test("trap 3: no count of v9's header ends a message or is waited for", () => {
  const trial = createTrial();
  const sets = [set(0, template(300, basic)), set(300, record(1)), set(300, record(2), record(3))];
  for (const count of [0, 1, 2, 65_535]) trial.send(v9Message({ count }, ...sets));
  assert.equal(trial.rows.length, 12);
});

test("trap 4: a redefinition counts at once; a set of the old layout that was overtaken is still read", () => {
  const trial = createTrial();
  const wide: readonly SpecifiedField[] = [...basic, [7, 2], [11, 2]];
  trial.send(ipfixMessage({}, announce(300, wide)));
  trial.send(ipfixMessage({}, announce()));
  trial.send(ipfixMessage({}, set(300, concat(record(1), unsigned(80, 2), unsigned(81, 2)))));
  trial.send(ipfixMessage({}, set(300, record(2))));
  assert.deepEqual(
    trial.rows.map((row) => [row.octetDeltaCount, row.sourceTransportPort]),
    [
      [1, 80],
      [2, undefined],
    ],
  );
  trial.send(ipfixMessage({}, announce()));
  trial.send(ipfixMessage({}, set(300, concat(record(3), unsigned(80, 2), unsigned(81, 2)))));
  assert.equal(trial.rows[2]?.sourceTransportPort, undefined, "until the new one is announced again");
});

test("trap 4: templates not announced again are given up, and counted", () => {
  const trial = createTrial(7, { templateMilliseconds: 600_000 });
  trial.send(ipfixMessage({}, announce(300), announce(301)));
  trial.send(ipfixMessage({}, announce(301)), { waited: 400_000 });
  assert.equal(trial.send(ipfixMessage({}, set(300, record(1))), { waited: 300_000 }).waitingSetCount, 1);
  assert.equal(trial.send(ipfixMessage({}, set(301, record(2)))).recordCount, 1);
  const { templateCount, expiredTemplateCount } = trial.decoder.describe("192.0.2.1")!;
  assert.deepEqual([templateCount, expiredTemplateCount], [1, 1]);
  assert.equal(trial.decoder.usage.templateFieldCount, 2);
});

test("trap 4: with 0 templates hold for ever, and by default for a day", () => {
  for (const [limits, count] of [
    [{ templateMilliseconds: 0 }, 1],
    [{}, 0],
  ] as const) {
    const trial = createTrial(7, limits);
    trial.send(ipfixMessage({}, announce()));
    assert.equal(
      trial.send(ipfixMessage({}, set(300, record(1))), { waited: 86_400_001 }).recordCount,
      count,
    );
  }
});

test("trap 4: an exporter whose templates are all too old leaves nothing behind but its count", () => {
  const trial = createTrial();
  trial.send(ipfixMessage({}, announce()));
  trial.send(ipfixMessage({}, set(300, record(1))), { waited: 86_400_001 });
  const { domains, expiredTemplateCount } = trial.decoder.describe("192.0.2.1")!;
  assert.deepEqual([domains, expiredTemplateCount], [[], 1]);
  assert.equal(trial.decoder.usage.templateFieldCount, 0);
});

test("trap 4: fields beyond the bound are those of exporters silent for long, not of one that is heard", () => {
  const trial = createTrial(7, { templateFieldsMax: 512, idleMilliseconds: 10_000 });
  trial.send(ipfixMessage({}, announce()));
  for (let i = 1; i < 256; i++) trial.send(ipfixMessage({}, announce()), { addressText: `198.51.100.${i}` });
  const other = { addressText: "192.0.2.2" };
  assert.equal(trial.send(ipfixMessage({}, announce()), other).templateCount, 0);
  assert.equal(trial.send(ipfixMessage({}, announce()), { ...other, waited: 11_000 }).templateCount, 1);
  assert.equal(trial.decoder.describe("192.0.2.1"), undefined);
});

test("how often a template was used, and its fields, can be seen", () => {
  const trial = createTrial();
  const fields: readonly SpecifiedField[] = [...basic, [1, 4, 29_305], [57, 2, 35_632], [371, 65_535]];
  trial.send(ipfixMessage({ domain: 3 }, announce(300, fields)), { port: 6 });
  const tail = concat(unsigned(0, 4), unsigned(0, 2), variable(Buffer.from("root")));
  trial.send(ipfixMessage({ domain: 3 }, set(300, record(1), tail, record(2), tail)), { port: 6 });
  assert.deepEqual(trial.decoder.describe("192.0.2.1")?.templates, [
    {
      id: 300,
      protocol: "ipfix",
      observationDomainId: 3,
      port: 6,
      isOptions: false,
      fields: [
        { name: "sourceIPv4Address", length: 4 },
        { name: "octetDeltaCount", length: 4 },
        { name: "reverseOctetDeltaCount", length: 4 },
        { name: "35632/57", length: 2 },
        { name: "userName", length: 65_535 },
      ],
      recordCount: 2,
      announcedMilliseconds: trial.receivedMilliseconds - 1,
    },
  ]);
});

test("trap 5: a withdrawal of one or all takes templates away and never stores an empty one", () => {
  const trial = createTrial();
  const options = set(3, ipfixOptionsTemplate(400, [[149, 4]], [[34, 4]]));
  trial.send(ipfixMessage({}, announce(300), announce(301), options));
  const ids = () => trial.decoder.describe("192.0.2.1")?.templates.map(({ id }) => id);
  trial.send(ipfixMessage({}, set(2, template(300, []))));
  assert.deepEqual(ids(), [301, 400]);
  trial.send(ipfixMessage({}, set(2, template(2, []))));
  assert.deepEqual(ids(), [400], "withdraw-all is for one kind");
  trial.send(ipfixMessage({}, set(3, template(3, []))));
  assert.equal(trial.decoder.describe("192.0.2.1"), undefined);
});

test("trap 6: options name interfaces by scope or field, in every order, and not as flows", () => {
  const trial = createTrial();
  trial.send(
    v9Message(
      {},
      set(
        1,
        v9OptionsTemplate(
          400,
          [[1, 4]],
          [
            [82, 8],
            [10, 2],
          ],
        ),
      ),
      set(400, unsigned(0, 4), Buffer.from("ge-0/0/1"), unsigned(501, 2)),
      set(1, v9OptionsTemplate(401, [[2, 2]], [[83, 8]])),
      set(401, unsigned(501, 2), Buffer.from("uplink\0\0")),
    ),
  );
  assert.deepEqual(trial.decoder.describe("192.0.2.1")?.interfaces, [
    { index: 501, name: "ge-0/0/1", description: "uplink" },
  ]);
  assert.equal(trial.interfaces.length, 2);
  assert.equal(trial.rows.length, 0);
});

test("of interfaces only those that are kept are told, with names that can be shown", () => {
  const trial = createTrial(7, { interfacesPerExporterMax: 2 });
  const options = ipfixOptionsTemplate(400, [[10, 4]], [[82, 65_535]]);
  trial.send(ipfixMessage({}, set(3, options)));
  for (const [index, name] of ["e\u001b[2Jt\u202eh\r\n", "x".repeat(300), "eth9"].entries())
    trial.send(ipfixMessage({}, set(400, unsigned(index, 4), variable(Buffer.from(name)))));
  assert.deepEqual(
    trial.interfaces.map(({ index, name }) => [index, name]),
    [
      [0, "e[2Jth"],
      [1, "x".repeat(255)],
    ],
  );
  assert.deepEqual(trial.drops, { template_limit: 1 });
});

test("trap 6: of several interfaces in one options record the first is the one it is about", () => {
  const trial = createTrial();
  const about = ipfixOptionsTemplate(
    400,
    [[10, 4]],
    [
      [14, 4],
      [82, 4],
    ],
  );
  const said = set(
    400,
    unsigned(5, 4),
    unsigned(6, 4),
    Buffer.from("eth5"),
    unsigned(0, 4),
    unsigned(7, 4),
    Buffer.from("eth7"),
  );
  trial.send(ipfixMessage({}, set(3, about), said));
  assert.deepEqual(
    trial.interfaces.map(({ index, name }) => [index, name]),
    [
      [5, "eth5"],
      [7, "eth7"],
    ],
  );
});

test("trap 8: a long length cut off at the end of the datagram is no record", () => {
  const trial = createTrial();
  trial.send(
    ipfixMessage(
      {},
      announce(300, [
        [1, 4],
        [371, 65_535],
      ]),
    ),
  );
  for (const tail of [[255], [255, 0], [255, 0, 1]]) {
    assert.equal(
      trial.send(ipfixMessage({}, set(300, unsigned(9, 4), Uint8Array.from(tail)))).recordCount,
      0,
    );
  }
  assert.deepEqual(trial.drops, { set_truncated: 3 });
});

test("trap 6: scopes that nobody knows are stepped over", () => {
  const trial = createTrial();
  trial.send(
    v9Message(
      {},
      set(
        1,
        v9OptionsTemplate(
          400,
          [
            [77, 3],
            [5, 5],
          ],
          [[34, 4]],
        ),
      ),
      set(400, new Uint8Array(8), unsigned(25, 4)),
      set(0, template(300, basic)),
      set(300, record(1)),
    ),
  );
  assert.equal(trial.rows[0]?.samplingInterval, 25);
});

test("trap 8: a value of no length and one in the long form, in data and in options", () => {
  const trial = createTrial();
  const fields: readonly SpecifiedField[] = [[371, 65_535], ...basic];
  trial.send(
    ipfixMessage(
      {},
      announce(300, fields),
      set(300, variable(new Uint8Array(0)), record(1), variable(new Uint8Array(3), true), record(2)),
    ),
  );
  assert.deepEqual(
    trial.rows.map((row) => row.octetDeltaCount),
    [1, 2],
  );
});

test("trap 9: a probability may come as float32", () => {
  const trial = createTrial();
  const half = new Uint8Array(Float32Array.of(0.5).buffer).reverse();
  trial.send(ipfixMessage({}, announce(300, [...basic, [311, 4]]), set(300, record(1), half)));
  assert.equal(trial.rows[0]?.samplingInterval, 2);
});

test("trap 10: ids above 32767 have an enterprise in IPFIX, and none in v9", () => {
  const trial = createTrial();
  trial.send(
    v9Message({}, set(0, template(300, [[0x8001, 4], ...basic])), set(300, unsigned(9, 4), record(1))),
  );
  trial.send(ipfixMessage({}, announce(300, [[1, 4, 9], ...basic]), set(300, unsigned(9, 4), record(2))));
  assert.deepEqual(
    trial.rows.map((row) => row.octetDeltaCount),
    [1, 2],
  );
  assert.deepEqual(
    trial.decoder.describe("192.0.2.1")?.templates.map(({ fields }) => fields[0]?.name),
    ["0/32769", "9/1"],
  );
});

test("trap 14: each of several messages is told with its own number", () => {
  const trial = createTrial();
  trial.send(
    concat(
      ipfixMessage({ sequence: 10, domain: 1 }, announce(), set(300, record(1), record(2))),
      ipfixMessage({ sequence: 7, domain: 2, seconds: 1_760_000_009 }, set(300, record(3))),
    ),
  );
  assert.deepEqual(
    trial.messages.map((one) => [
      one.sequenceNumber,
      one.observationDomainId,
      one.recordCount,
      one.exportMilliseconds,
    ]),
    [
      [10, 1, 2, 1_760_000_000_000],
      [7, 2, Number.NaN, 1_760_000_009_000],
    ],
  );
});

test("trap 15: what sequence numbers count is told: records with options data, NaN when some could not be read", () => {
  const trial = createTrial();
  const options = set(3, ipfixOptionsTemplate(400, [[149, 4]], [[34, 4]]));
  const said = set(400, new Uint8Array(8), unsigned(0, 4), unsigned(9, 4));
  trial.send(ipfixMessage({ sequence: 1 }, announce(), options, set(300, record(1), record(2)), said));
  trial.send(ipfixMessage({ sequence: 2 }, set(999, record(1))));
  trial.send(ipfixMessage({ sequence: 3 }, set(300, new Uint8Array(5))));
  const cut = ipfixMessage({ sequence: 4 }, set(300, record(1), record(2)));
  trial.send(cut.subarray(0, cut.length - 3));
  trial.send(
    ipfixMessage(
      { sequence: 5 },
      announce(301, [
        [10, 4],
        [82, 4],
      ]),
      set(301, new Uint8Array(24)),
    ),
  );
  trial.send(v9Message({ sequence: 6, uptime: 5000 }));
  trial.send(
    v5Message({ sequence: 7, domain: 0x0102, uptime: 6000, seconds: 0 }, v5Record({}), v5Record({})),
  );
  trial.send(v5Message({ sequence: 8, count: 3 }, v5Record({})));
  assert.deepEqual(
    trial.messages.map((one) => [one.format, one.sequenceNumber, one.recordCount, one.optionsRecordCount]),
    [
      [4, 1, 4, 2],
      [4, 2, Number.NaN, 0],
      [4, 3, Number.NaN, 0],
      [4, 4, Number.NaN, 0],
      [4, 5, 3, 0],
      [3, 6, 0, 0],
      [2, 7, 2, 0],
      [2, 8, Number.NaN, 0],
    ],
  );
  const [, , , , , v9, v5] = trial.messages;
  assert.deepEqual([v9?.uptimeMilliseconds, v5?.uptimeMilliseconds], [5000, 6000]);
  assert.deepEqual(
    [v5?.observationDomainId, v5?.exportMilliseconds],
    [0x0102, undefined],
    "a clock of 0 is none",
  );
});

test("trap 15: padding longer than a record is no record", () => {
  const trial = createTrial();
  trial.send(ipfixMessage({}, announce(), set(300, record(1), new Uint8Array(19))));
  assert.equal(trial.messages[0]?.recordCount, 1);
});

test("trap 16: two exporters behind one address keep their layouts; options come from a third port", () => {
  const trial = createTrial();
  trial.send(ipfixMessage({}, announce(300, basic)), { port: 1 });
  trial.send(
    ipfixMessage(
      {},
      announce(300, [
        [1, 4],
        [8, 4],
      ]),
    ),
    { port: 2 },
  );
  const options = set(3, ipfixOptionsTemplate(400, [[149, 4]], [[34, 4]]));
  trial.send(ipfixMessage({}, options, set(400, unsigned(0, 4), unsigned(8, 4))), { port: 3 });
  trial.send(ipfixMessage({}, set(300, record(5))), { port: 1 });
  trial.send(ipfixMessage({}, set(300, unsigned(6, 4), ipv4("10.0.0.6"))), { port: 2 });
  assert.deepEqual(
    trial.rows.map((row) => [row.sourceAddress, row.octetDeltaCount, row.samplingInterval]),
    [
      ["10.0.0.5", 5, 8],
      ["10.0.0.6", 6, 8],
    ],
  );
});

const udpPacket = Buffer.from("450000540001000040110000c0000201c6336401003500350040000000000000", "hex");

test("trap 13: padding as long as a sampled packet is no packet", () => {
  const trial = createTrial();
  trial.send(ipfixMessage({}, announce(300, [[313, 32]]), set(300, udpPacket, new Uint8Array(32))));
  assert.deepEqual([trial.rows.length, trial.drops], [1, { record_empty: 1 }]);
});

test("a sampled packet is read no further than was exported of it", () => {
  const trial = createTrial();
  const fields: readonly SpecifiedField[] = [
    [410, 2],
    [313, 32],
  ];
  trial.send(
    ipfixMessage({}, announce(300, fields), set(300, unsigned(20, 2), udpPacket, unsigned(32, 2), udpPacket)),
  );
  assert.deepEqual(
    trial.rows.map((row) => [row.sourceAddress, row.sourceTransportPort, row.octetDeltaCount]),
    [
      ["192.0.2.1", undefined, 84],
      ["192.0.2.1", 53, 84],
    ],
  );
});

test("trap 11: fields of no length, twice, or unknown shift nothing that stands behind them", () => {
  const trial = createTrial();
  const fields: readonly SpecifiedField[] = [
    [8, 4],
    [27, 0],
    [9999, 3],
    [1, 4],
    [1, 4],
    [12, 4],
  ];
  const values = concat(
    ipv4("10.0.0.1"),
    Uint8Array.of(1, 2, 3),
    unsigned(7, 4),
    unsigned(9, 4),
    ipv4("10.0.0.2"),
  );
  trial.send(v9Message({}, set(0, template(300, fields)), set(300, values, values)));
  assert.deepEqual(
    trial.rows.map((row) => [row.sourceAddress, row.octetDeltaCount, row.destinationAddress]),
    [
      ["10.0.0.1", 7, "10.0.0.2"],
      ["10.0.0.1", 7, "10.0.0.2"],
    ],
  );
  assert.deepEqual(trial.drops, {});
});

test("trap 12: lists are stepped over by their length, fixed or variable, short or long", () => {
  const list = Uint8Array.of(3, 0, 8, 0, 4, 10, 9, 9, 9, 10, 9, 9, 8);
  for (const element of [291, 292, 293]) {
    for (const [length, value] of [
      [list.length, list],
      [65535, variable(list)],
      [65535, variable(list, true)],
      [65535, variable(new Uint8Array())],
    ] as const) {
      const trial = createTrial();
      const values = concat(ipv4("10.0.0.1"), value, unsigned(7, 4));
      const announced = set(
        2,
        template(300, [
          [8, 4],
          [element, length],
          [1, 4],
        ]),
      );
      trial.send(ipfixMessage({}, announced, set(300, values, values)));
      assert.deepEqual(
        trial.rows.map((row) => [row.sourceAddress, row.octetDeltaCount]),
        [
          ["10.0.0.1", 7],
          ["10.0.0.1", 7],
        ],
        `element ${element}, length ${length}`,
      );
    }
  }
});
