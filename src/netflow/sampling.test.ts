import assert from "node:assert/strict";
import { test } from "node:test";
import { createTrial, type Trial } from "./testdata/decode.ts";
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
} from "./testdata/messages.ts";

/** Trap 7: what a record's rate is, and which of several statements counts. */
const plain: readonly SpecifiedField[] = [
  [8, 4],
  [1, 4],
];
const withSampler: readonly SpecifiedField[] = [...plain, [48, 1]];
const record = (last: number) => concat(ipv4(`10.0.0.${last}`), unsigned(100, 4));
const announce = (fields: readonly SpecifiedField[]) => ipfixMessage({}, set(2, template(300, fields)));
const sampled = (...ids: readonly number[]) =>
  ipfixMessage({}, set(300, ...ids.map((id) => concat(record(id), unsigned(id, 1)))));

/** Options data: a domain as scope, then these elements with these values. */
function options(
  fields: readonly (readonly [id: number, length: number, value: number | Uint8Array])[],
  domain = 0,
) {
  const values = fields.map(([, length, value]) =>
    typeof value === "number" ? unsigned(value, length) : value,
  );
  const specified = fields.map(([id, length]): SpecifiedField => [id, length]);
  return ipfixMessage(
    { domain },
    set(3, ipfixOptionsTemplate(400, [[149, 4]], specified)),
    set(400, unsigned(0, 4), ...values),
  );
}

const rates = (trial: Trial) => trial.rows.map((row) => row.samplingInterval ?? 0);
const float = (value: number) => new Uint8Array(Float64Array.of(value).buffer).reverse();

test("trap 7: several samplers of one domain have each their own rate", () => {
  const trial = createTrial();
  trial.send(announce(withSampler));
  trial.send(
    options([
      [48, 1, 1],
      [50, 4, 100],
    ]),
  );
  trial.send(
    options([
      [302, 4, 2],
      [305, 4, 1],
      [306, 4, 999],
    ]),
  );
  const summary = trial.send(sampled(1, 2, 3));
  assert.deepEqual(rates(trial), [100, 1000, 0], "a sampler nobody described has no rate");
  assert.equal(summary.samplingOrigin, "unknown");
  assert.equal(trial.send(sampled(1)).samplingOrigin, "sampler");
});

test("trap 7: what a device says in domain 0 holds for all its domains, unless they say otherwise", () => {
  const trial = createTrial();
  const inDomain = (domain: number, ...sets: readonly Uint8Array[]) =>
    trial.send(ipfixMessage({ domain }, ...sets));
  for (const domain of [5, 6]) inDomain(domain, set(2, template(300, withSampler), template(301, plain)));
  trial.send(
    options([
      [48, 1, 1],
      [50, 4, 100],
    ]),
  );
  trial.send(
    options(
      [
        [48, 1, 1],
        [50, 4, 400],
      ],
      6,
    ),
  );
  for (const domain of [5, 6]) inDomain(domain, set(300, record(1), unsigned(1, 1)), set(301, record(2)));
  assert.deepEqual(rates(trial), [100, 100, 400, 400]);
});

test("trap 7: a record's own statement goes before its sampler, that before the domain", () => {
  const trial = createTrial();
  trial.send(announce([...withSampler, [34, 4]]));
  trial.send(options([[34, 4, 7]]));
  const inline = (id: number, interval: number) =>
    ipfixMessage({}, set(300, record(id), unsigned(id, 1), unsigned(interval, 4)));
  const origins = [trial.send(inline(1, 0))];
  trial.send(
    options([
      [48, 1, 1],
      [50, 4, 100],
    ]),
  );
  origins.push(trial.send(inline(1, 0)), trial.send(inline(1, 55)));
  assert.deepEqual(rates(trial), [7, 100, 55]);
  assert.deepEqual(
    origins.map(({ samplingOrigin, samplingInterval }) => [samplingOrigin, samplingInterval]),
    [
      ["options", 7],
      ["sampler", 100],
      ["record", 55],
    ],
  );
});

test("trap 7: the ways to say a rate", () => {
  const cases: readonly (readonly [Parameters<typeof options>[0], number])[] = [
    [[[34, 4, 512]], 512],
    [[[50, 4, 128]], 128],
    [
      [
        [305, 4, 1],
        [306, 4, 9],
      ],
      10,
    ],
    [
      [
        [305, 4, 10],
        [306, 4, 990],
      ],
      100,
    ],
    [
      [
        [304, 2, 3],
        [309, 4, 5],
        [310, 4, 100],
      ],
      20,
    ],
    [[[311, 8, float(0.25)]], 4],
    [
      [
        [307, 4, 1000],
        [308, 4, 9000],
      ],
      10,
    ],
    [[[311, 8, float(Number.NaN)]], 0],
    [
      [
        [305, 4, 0],
        [306, 4, 9],
      ],
      0,
    ],
  ];
  for (const [said, rate] of cases) {
    const trial = createTrial();
    trial.send(announce(plain));
    trial.send(options(said));
    trial.send(ipfixMessage({}, set(300, record(1))));
    assert.deepEqual(rates(trial), [rate], JSON.stringify(said));
  }
});

test("trap 7: a sampler nobody described has no rate, even where all others agree", () => {
  const trial = createTrial();
  trial.send(announce(withSampler));
  trial.send(
    options([
      [48, 1, 1],
      [50, 4, 100],
    ]),
  );
  trial.send(sampled(2));
  assert.deepEqual(rates(trial), [0]);
});

test("trap 7: a probability beyond 1 or below 0 is none", () => {
  for (const probability of [2, -1, Number.POSITIVE_INFINITY]) {
    const trial = createTrial();
    trial.send(announce(plain));
    trial.send(options([[311, 8, float(probability)]]));
    trial.send(ipfixMessage({}, set(300, record(1))));
    assert.deepEqual(rates(trial), [0], String(probability));
  }
});

test("trap 7: a record may say its rate as interval and space", () => {
  const trial = createTrial();
  trial.send(announce([...plain, [305, 4], [306, 4]]));
  const summary = trial.send(ipfixMessage({}, set(300, record(1), unsigned(1, 4), unsigned(99, 4))));
  assert.deepEqual([rates(trial), summary.samplingOrigin], [[100], "record"]);
});

test("trap 7: options learnt behind the data hold from then on, before the data at once", () => {
  const trial = createTrial();
  const body = set(3, ipfixOptionsTemplate(400, [[149, 4]], [[34, 4]]));
  const data = set(300, record(1));
  const said = set(400, unsigned(0, 4), unsigned(50, 4));
  trial.send(ipfixMessage({}, set(2, template(300, plain)), data, body, said, data));
  assert.deepEqual(rates(trial), [0, 50]);
});

test("trap 7: samplers and rates of another domain or exporter are nobody else's", () => {
  const trial = createTrial();
  trial.send(announce(withSampler));
  trial.send(
    options(
      [
        [48, 1, 1],
        [50, 4, 100],
      ],
      5,
    ),
  );
  trial.send(
    options([
      [48, 1, 1],
      [50, 4, 100],
    ]),
    { addressText: "192.0.2.9" },
  );
  trial.send(sampled(1));
  assert.deepEqual(rates(trial), [0]);
});

test("trap 16: samplers described from another port hold for the domain, a port's own go before", () => {
  const trial = createTrial();
  trial.send(announce(withSampler), { port: 1 });
  trial.send(
    options([
      [48, 1, 1],
      [50, 4, 100],
    ]),
    { port: 9 },
  );
  trial.send(sampled(1), { port: 1 });
  trial.send(
    options([
      [48, 1, 1],
      [50, 4, 30],
    ]),
    { port: 1 },
  );
  trial.send(
    options([
      [48, 1, 1],
      [50, 4, 200],
    ]),
    { port: 9 },
  );
  trial.send(sampled(1), { port: 1 });
  assert.deepEqual(rates(trial), [100, 30]);
});

test("records that name no sampler have the rate all samplers agree on, and none when they do not", () => {
  const trial = createTrial();
  trial.send(announce(plain));
  const data = ipfixMessage({}, set(300, record(1)));
  trial.send(
    options([
      [48, 1, 1],
      [50, 4, 100],
    ]),
  );
  trial.send(
    options([
      [48, 1, 2],
      [50, 4, 100],
    ]),
  );
  trial.send(data);
  trial.send(
    options([
      [48, 1, 2],
      [50, 4, 300],
    ]),
  );
  trial.send(data);
  assert.deepEqual(rates(trial), [100, 0]);
});

test("v9 names samplers as option or as scope, with a name of their own", () => {
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
            [48, 1],
            [49, 1],
            [50, 4],
            [84, 8],
          ],
        ),
      ),
      set(400, unsigned(0, 4), Uint8Array.of(3, 2), unsigned(64, 4), Buffer.from("edge\0\0xx")),
      set(0, template(300, withSampler)),
      set(300, record(1), Uint8Array.of(3)),
    ),
  );
  assert.deepEqual(rates(trial), [64]);
  assert.deepEqual(trial.decoder.describe("192.0.2.1")?.samplers, [
    { observationDomainId: 0, id: 3, interval: 64, algorithm: 2, name: "edge" },
  ]);
});

test("trap 7: a PSAMP selection sequence leads to its selector", () => {
  const trial = createTrial();
  const ofSequence = ipfixOptionsTemplate(401, [[301, 8]], [[302, 4]]);
  trial.send(ipfixMessage({}, set(3, ofSequence), set(401, unsigned(77, 8), unsigned(5, 4))));
  trial.send(
    options([
      [302, 4, 5],
      [305, 4, 1],
      [306, 4, 49],
    ]),
  );
  trial.send(announce([...plain, [301, 8]]));
  trial.send(ipfixMessage({}, set(300, record(1), unsigned(77, 8))));
  assert.deepEqual(rates(trial), [50]);
});

test("v5 says its rate in the header, below the two bits of the mode; 0 is unknown", () => {
  const trial = createTrial();
  const origins = [0x4064, 0, 0xffff].map(
    (sampling) => trial.send(v5Message({ sampling }, v5Record({}))).samplingOrigin,
  );
  assert.deepEqual(rates(trial), [100, 0, 0x3fff]);
  assert.deepEqual(origins, ["header", "unknown", "header"]);
});

test("a flood of samplers is refused within bounds, and the known ones stay", () => {
  const trial = createTrial(16, { samplersPerExporterMax: 6, samplersMax: 12 });
  trial.send(announce(withSampler));
  for (let id = 1; id < 50; id++)
    trial.send(
      options([
        [48, 1, id],
        [50, 4, 1000 + id],
      ]),
    );
  assert.equal(trial.decoder.usage.samplerCount, 6);
  assert.equal(trial.drops.template_limit, 46);
  trial.send(announce(withSampler), { addressText: "192.0.2.2" });
  for (const id of [1, 2, 3])
    trial.send(
      options([
        [48, 1, id],
        [50, 4, 7],
      ]),
      { addressText: "192.0.2.2" },
    );
  assert.equal(trial.decoder.usage.samplerCount, 9, "an exporter leaves as much as it takes");
  trial.send(sampled(1, 3, 4));
  assert.deepEqual(rates(trial), [1001, 1003, 0]);
  trial.decoder.forget("192.0.2.1");
  trial.decoder.forget("192.0.2.2");
  assert.equal(trial.decoder.usage.samplerCount, 0);
});
