import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom, createTrial, type Trial } from "./testdata/decode.ts";
import {
  concat,
  ipfixMessage,
  ipfixOptionsTemplate,
  ipv4,
  type SpecifiedField,
  set,
  template,
  unsigned,
  v9Message,
  v9OptionsTemplate,
} from "./testdata/messages.ts";

const basic: readonly SpecifiedField[] = [
  [8, 4],
  [1, 4],
];
const record = (last: number) => concat(ipv4(`10.0.0.${last}`), unsigned(last, 4));
const now = 1_760_000_002_000;

/** Two exporters with all that a dump can hold. */
function createKnowing(): Trial {
  const trial = createTrial();
  const sampler = ipfixOptionsTemplate(
    400,
    [[149, 4]],
    [
      [48, 1],
      [50, 4],
      [84, 4],
    ],
  );
  const init = ipfixOptionsTemplate(
    401,
    [[301, 8]],
    [
      [302, 4],
      [160, 8],
    ],
  );
  trial.send(ipfixMessage({ domain: 7 }, set(2, template(300, [...basic, [48, 1]])), set(3, sampler, init)));
  trial.send(
    ipfixMessage(
      { domain: 7 },
      set(400, unsigned(0, 4), Uint8Array.of(3), unsigned(50, 4), Buffer.from("edge")),
    ),
  );
  trial.send(
    ipfixMessage({ domain: 7 }, set(401, unsigned(77, 8), unsigned(3, 4), unsigned(1_759_000_000_000, 8))),
  );
  trial.send(
    ipfixMessage(
      { domain: 7 },
      set(
        2,
        template(300, [
          [1, 4],
          [8, 4],
        ]),
      ),
    ),
    { port: 2 },
  );
  const names = v9OptionsTemplate(
    500,
    [[2, 4]],
    [
      [82, 4],
      [34, 4],
    ],
  );
  const said = set(500, unsigned(9, 4), Buffer.from("eth9"), unsigned(10, 4));
  trial.send(v9Message({}, set(1, names), said, set(0, template(300, basic))), {
    addressText: "2001:db8::5",
    port: 9,
  });
  return trial;
}

const throughFile = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("what was known before a restart is known after it", () => {
  const before = createKnowing();
  const after = createTrial();
  assert.equal(after.decoder.restoreTemplates(throughFile(before.decoder.dumpTemplates()), now), 6);
  assert.deepEqual(after.decoder.dumpTemplates(), before.decoder.dumpTemplates());
  assert.deepEqual(after.decoder.usage, before.decoder.usage);
  const data = ipfixMessage({ domain: 7 }, set(300, record(1), Uint8Array.of(3)));
  const lent = ipfixMessage({ domain: 7 }, set(300, unsigned(5, 4), ipv4("10.0.0.5")));
  for (const trial of [before, after]) {
    assert.equal(trial.send(data, { port: 1 }).samplingInterval, 50);
    assert.equal(trial.send(lent, { port: 33 }).recordCount, 1, "lent is what was announced last");
    assert.equal(
      trial.send(v9Message({}, set(300, record(2))), { addressText: "2001:db8::5", port: 9 })
        .samplingInterval,
      10,
    );
  }
  assert.deepEqual(after.rows, before.rows);
  assert.deepEqual(after.decoder.describe("2001:db8::5")?.interfaces, [
    { index: 9, name: "eth9", description: "" },
  ]);
});

test("a dump does not bring back what is too old, nor undo what was announced since", () => {
  const dump = throughFile(createKnowing().decoder.dumpTemplates());
  const late = createTrial();
  assert.equal(late.decoder.restoreTemplates(dump, now + 86_400_000), 0);
  assert.equal(late.decoder.usage.exporterCount, 0);
  const since = createTrial();
  since.send(ipfixMessage({ domain: 7 }, set(2, template(300, [[8, 4]]))));
  assert.equal(since.decoder.restoreTemplates(dump, now), 2, "only the other exporter's");
});

test("what is lent after a restart is what was announced last, whichever port was heard last", () => {
  const before = createTrial();
  before.send(ipfixMessage({}, set(2, template(300, basic))), { port: 1 });
  before.send(
    ipfixMessage(
      {},
      set(
        2,
        template(300, [
          [1, 4],
          [8, 4],
        ]),
      ),
    ),
    { port: 2 },
  );
  before.send(ipfixMessage({}, set(2, template(301, basic))), { port: 1 });
  const after = createTrial();
  after.decoder.restoreTemplates(throughFile(before.decoder.dumpTemplates()), now);
  after.send(ipfixMessage({}, set(300, unsigned(6, 4), ipv4("10.0.0.6"))), { port: 3 });
  assert.equal(after.rows[0]?.sourceAddress, "10.0.0.6");
});

test("a dump is taken within the limits", () => {
  const dump = throughFile(createKnowing().decoder.dumpTemplates());
  const limits = { exportersMax: 1, templatesPerExporterMax: 2, samplersMax: 1, interfacesMax: 0 };
  const trial = createTrial(7, limits);
  assert.equal(trial.decoder.restoreTemplates(dump, now), 2);
  const { exporterCount, samplerCount, interfaceCount } = trial.decoder.usage;
  assert.deepEqual([exporterCount, samplerCount, interfaceCount], [1, 1, 0]);
});

test("a time of the future counts as now", () => {
  const dump = JSON.parse(
    JSON.stringify(createKnowing().decoder.dumpTemplates()).replaceAll(
      /"announcedMilliseconds":\d+/g,
      '"announcedMilliseconds":9e15',
    ),
  );
  const trial = createTrial();
  assert.equal(trial.decoder.restoreTemplates(dump, now), 6);
  assert.ok(
    trial.decoder
      .describe("192.0.2.1")
      ?.templates.every(({ announcedMilliseconds }) => announcedMilliseconds === now),
  );
});

test("anything else is no dump, and nothing is taken from it", () => {
  const good = createKnowing().decoder.dumpTemplates();
  const others = [
    undefined,
    null,
    7,
    "x",
    [],
    {},
    { ...good, version: 2 },
    { ...good, format: "x" },
    { ...good, exporters: 5 },
  ];
  for (const value of others) {
    const trial = createTrial();
    assert.equal(trial.decoder.restoreTemplates(value, now), 0);
    assert.equal(trial.decoder.usage.exporterCount, 0);
  }
});

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
test(`a file somebody edited does no harm (SEED=${seed})`, () => {
  const random = createRandom(seed);
  const dump = createKnowing().decoder.dumpTemplates();
  const oddities = [
    null,
    -1,
    1e300,
    0.5,
    "",
    "zz",
    "00",
    [],
    {},
    true,
    [[]],
    "ffffffff",
    2 ** 53,
    "10.0.0.1",
  ];
  const spoil = (value: unknown): unknown => {
    if (random(40) === 0) return oddities[random(oddities.length)];
    if (Array.isArray(value)) return value.map(spoil);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [random(60) === 0 ? "x" : name, spoil(inner)]),
    );
  };
  for (let round = 0; round < 2000; round++) {
    const trial = createTrial(7, { samplersMax: 50 });
    const count = trial.decoder.restoreTemplates(
      { ...(spoil(dump) as object), format: dump.format, version: 1 },
      now,
    );
    assert.ok(count <= 6);
    trial.send(ipfixMessage({ domain: 7 }, set(300, record(1), Uint8Array.of(3))));
    for (const { address } of dump.exporters) {
      trial.decoder.describe(address);
      trial.decoder.forget(address);
    }
    for (const text of ["10.0.0.1", "192.0.2.1"]) trial.decoder.forget(text);
    const { templateFieldCount, samplerCount, interfaceCount } = trial.decoder.usage;
    assert.deepEqual([templateFieldCount, samplerCount, interfaceCount], [0, 0, 0]);
  }
});
