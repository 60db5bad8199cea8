import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch } from "../flow/index.ts";
import { FlowDecoder } from "./decoder.ts";
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
} from "./testdata/messages.ts";

const basic: readonly SpecifiedField[] = [
  [8, 4],
  [1, 4],
];
const record = (last: number) => concat(ipv4(`10.0.0.${last}`), unsigned(last, 4));
const announce = (...ids: readonly number[]) =>
  ipfixMessage({}, set(2, ...ids.map((id) => template(id, basic))));
const data = (id: number, ...lasts: readonly number[]) => ipfixMessage({}, set(id, ...lasts.map(record)));

const nothingKept = {
  exporterCount: 0,
  templateFieldCount: 0,
  waitingBytes: 0,
  samplerCount: 0,
  interfaceCount: 0,
  totalFlowCount: 0,
  totalOverflowCount: 0,
};

test("an exporter that comes back from another port is understood by its old templates", () => {
  const trial = createTrial();
  trial.send(announce(300), { port: 1000 });
  trial.send(data(300, 7), { port: 2000 });
  assert.equal(trial.rows[0]?.sourceAddress, "10.0.0.7");
});

test("a template of another port is not used for a set it does not fit", () => {
  const trial = createTrial();
  trial.send(announce(300), { port: 1000 });
  const wide = (last: number) => concat(record(last), unsigned(80, 2), unsigned(0, 4));
  const summary = trial.send(ipfixMessage({}, set(300, wide(1))), { port: 2000 });
  assert.equal(summary.waitingSetCount, 1);
  trial.send(ipfixMessage({}, set(2, template(300, [...basic, [7, 2], [10, 4]]))), { port: 2000 });
  assert.deepEqual(
    trial.rows.map((row) => [row.sourceAddress, row.sourceTransportPort]),
    [["10.0.0.1", 80]],
  );
});

test("each port keeps its own layout of one template id", () => {
  const trial = createTrial();
  trial.send(announce(300), { port: 1000 });
  trial.send(
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
    { port: 2000 },
  );
  trial.send(data(300, 5), { port: 1000 });
  trial.send(ipfixMessage({}, set(300, unsigned(6, 4), ipv4("10.0.0.6"))), { port: 2000 });
  assert.deepEqual(
    trial.rows.map((row) => [row.sourceAddress, row.octetDeltaCount]),
    [
      ["10.0.0.5", 5],
      ["10.0.0.6", 6],
    ],
  );
});

test("templates of another address, domain or version are nobody else's", () => {
  const trial = createTrial();
  trial.send(announce(300));
  const strangers = [
    trial.send(data(300, 1), { addressText: "192.0.2.2" }),
    trial.send(ipfixMessage({ domain: 1 }, set(300, record(1)))),
    trial.send(v9Message({}, set(300, record(1)))),
  ];
  assert.deepEqual(
    strangers.map(({ waitingSetCount }) => waitingSetCount),
    [1, 1, 1],
  );
  assert.equal(trial.rows.length, 0);
});

test("sampling told from another port holds for the domain, a port's own goes before it", () => {
  const trial = createTrial();
  const options = (interval: number) =>
    v9Message(
      {},
      set(1, v9OptionsTemplate(400, [[1, 4]], [[50, 4]])),
      set(400, unsigned(0, 4), unsigned(interval, 4)),
    );
  trial.send(v9Message({}, set(0, template(300, basic)), set(300, record(1))), { port: 1 });
  trial.send(options(100), { port: 9 });
  trial.send(v9Message({}, set(300, record(2))), { port: 1 });
  trial.send(options(50), { port: 1 });
  trial.send(options(200), { port: 9 });
  trial.send(v9Message({}, set(300, record(3))), { port: 1 });
  assert.deepEqual(
    trial.rows.map((row) => row.samplingInterval),
    [undefined, 100, 50],
  );
});

test("options data with variable-length fields are stepped through", () => {
  const trial = createTrial();
  trial.send(
    ipfixMessage(
      {},
      set(
        3,
        ipfixOptionsTemplate(
          400,
          [[149, 4]],
          [
            [82, 65_535],
            [34, 4],
          ],
        ),
      ),
      set(400, unsigned(0, 4), Uint8Array.of(3, 1, 2, 3), unsigned(20, 4)),
      set(400, unsigned(0, 4), Uint8Array.of(200, 1, 2, 3), unsigned(30, 4)),
      set(2, template(300, basic)),
      set(300, record(1)),
    ),
  );
  assert.equal(trial.rows[0]?.samplingInterval, 20);
  assert.deepEqual(trial.drops, { set_truncated: 1 });
});

test("a datagram with more records than the batch holds is flushed in between", () => {
  const trial = createTrial(16);
  const lasts = Array.from({ length: 200 }, (_, i) => i + 1);
  trial.send(v5Message({}, ...lasts.map((last) => v5Record({ source: `10.0.0.${last}` }))));
  assert.deepEqual(
    trial.rows.map((row) => row.sourceAddress),
    lasts.map((last) => `10.0.0.${last}`),
  );
});

test("rows say who saw them and when they were taken", () => {
  const decoder = new FlowDecoder(() => {});
  const batch = new FlowBatch(4);
  const source = { addressText: "192.0.2.1", port: 1, observerRow: 42 };
  decoder.decode(v5Message({}, v5Record({})), source, 1_760_000_009_000, { batch, flush() {} });
  assert.equal(batch.columns.observer[0], 42);
  assert.equal(batch.columns.collectionTimeMilliseconds[0], 1_760_000_009_000);
});

test("the rows taken back from an empty record are empty again", () => {
  const decoder = new FlowDecoder(() => {});
  const batch = new FlowBatch(4);
  const source = { addressText: "192.0.2.1", port: 1, observerRow: 42 };
  const fields: readonly SpecifiedField[] = [...basic, [61, 1], [7, 2]];
  const empty = concat(new Uint8Array(8), Uint8Array.of(1), unsigned(99, 2));
  const full = concat(record(1), Uint8Array.of(0), unsigned(80, 2));
  decoder.decode(ipfixMessage({}, set(2, template(300, fields)), set(300, empty, full, empty)), source, 1, {
    batch,
    flush() {},
  });
  assert.equal(batch.count, 1);
  assert.equal(batch.columns.sourceTransportPort[0], 80);
  assert.equal(batch.columns.flowDirection[0], 0);
  assert.equal(batch.columns.flowDirection[1], 255);
  assert.equal(batch.columns.sourceTransportPort[1], 0);
});

test("unknown protocols and stumps are drops", () => {
  const trial = createTrial();
  for (const stump of [[], [0], [0, 9], [0, 5, 0, 1], [0, 10, 0, 16], [0, 1, 0, 0], [255, 255]]) {
    trial.send(Uint8Array.from(stump));
  }
  trial.send(concat(announce(300), Uint8Array.of(0, 9, 0, 1)));
  assert.deepEqual(trial.drops, { message_truncated: 5, version_unknown: 3 });
});

test("sets wait for their template within bounds, and what falls out is counted", () => {
  const trial = createTrial(16, {
    waitingBytesPerExporterMax: 800,
    waitingBytesMax: 1600,
    waitingMilliseconds: 5000,
  });
  for (let last = 1; last <= 5; last++) trial.send(data(300, last));
  assert.deepEqual(trial.drops, { template_missing: 2 }, "an exporter pushes out its own oldest");
  for (const last of [6, 7]) trial.send(data(300, last), { addressText: "192.0.2.2" });
  assert.deepEqual(trial.drops, { template_missing: 3 }, "but not another's, and leaves as much as it takes");
  trial.send(announce(300));
  assert.deepEqual(
    trial.rows.map((row) => row.sourceAddress),
    ["10.0.0.3", "10.0.0.4", "10.0.0.5"],
  );
  trial.send(data(301, 7));
  trial.send(data(302, 8), { waited: 5001 });
  assert.deepEqual(trial.drops, { template_missing: 5 }, "the oldest waited too long");
  assert.equal(trial.decoder.usage.waitingBytes, 264);
});

test("an exporter that only ever waited is forgotten with its last set", () => {
  const trial = createTrial(16, { waitingMilliseconds: 10 });
  trial.send(data(300, 1), { addressText: "192.0.2.9" });
  assert.equal(trial.decoder.usage.exporterCount, 1);
  trial.send(v5Message({}), { waited: 20 });
  assert.deepEqual(trial.decoder.usage, nothingKept);
});

test("a set that waited keeps its own message's times, and is taken when its template comes", () => {
  const decoder = new FlowDecoder(() => {});
  const batch = new FlowBatch(4);
  const sink = { batch, flush() {} };
  const source = { addressText: "192.0.2.1", port: 1, observerRow: 1 };
  const timed: readonly SpecifiedField[] = [...basic, [22, 4], [21, 4]];
  const early = v9Message(
    { seconds: 1000, uptime: 50_000 },
    set(300, record(1), unsigned(40_000, 4), unsigned(45_000, 4)),
  );
  decoder.decode(early, source, 5000, sink);
  early.fill(0xff); // the buffer is the caller's again
  decoder.decode(
    v9Message({ seconds: 9000, uptime: 90_000 }, set(0, template(300, timed))),
    source,
    7000,
    sink,
  );
  assert.equal(batch.columns.octetDeltaCount[0], 1);
  assert.equal(batch.columns.flowStartMilliseconds[0], 990_000);
  assert.equal(batch.columns.flowEndMilliseconds[0], 995_000);
  assert.equal(batch.columns.collectionTimeMilliseconds[0], 7000);
});

test("an exporter whose set finds no room to wait leaves nothing behind", () => {
  const trial = createTrial(16, { waitingBytesMax: 10 });
  trial.send(data(300, 1));
  assert.deepEqual(trial.drops, { template_missing: 1 });
  assert.equal(trial.decoder.usage.exporterCount, 0);
});

test("an exporter without a clock exports when its datagram is received", () => {
  const trial = createTrial();
  trial.send(ipfixMessage({ seconds: 0 }, set(2, template(300, basic)), set(300, record(1))));
  trial.send(v9Message({ seconds: 0 }, set(0, template(300, basic)), set(300, record(1))));
  trial.send(v5Message({ seconds: 0, uptime: 5000 }, v5Record({ last: 5000 })));
  assert.deepEqual(
    trial.rows.map((row) => row.flowEndMilliseconds),
    [1_760_000_001_001, 1_760_000_001_002, 1_760_000_001_003],
  );
});

test("a Unix time goes before an uptime in one template", () => {
  const trial = createTrial();
  const fields: readonly SpecifiedField[] = [...basic, [22, 4], [152, 8], [153, 8], [21, 4]];
  const times = concat(
    unsigned(7, 4),
    unsigned(1_759_999_990_000, 8),
    unsigned(1_759_999_991_000, 8),
    unsigned(8, 4),
  );
  trial.send(v9Message({}, set(0, template(300, fields)), set(300, record(1), times)));
  assert.equal(trial.rows[0]?.flowStartMilliseconds, 1_759_999_990_000);
  assert.equal(trial.rows[0]?.flowEndMilliseconds, 1_759_999_991_000);
});

test("options templates with more scopes than fields, or odd lengths, are invalid", () => {
  const trial = createTrial();
  trial.send(ipfixMessage({}, set(3, Uint8Array.of(1, 144, 0, 1, 0, 2, 0, 34, 0, 4))));
  trial.send(v9Message({}, set(1, Uint8Array.of(1, 144, 0, 3, 0, 4, 0, 34, 0, 4))));
  assert.deepEqual(trial.drops, { template_invalid: 2 });
});

test("a flood of templates is refused, and the known ones stay", () => {
  const trial = createTrial(16, { templatesPerExporterMax: 10, templateFieldsMax: 40 });
  const ids = Array.from({ length: 50 }, (_, i) => 300 + i);
  trial.send(announce(300));
  for (const id of ids) trial.send(announce(id));
  assert.deepEqual(trial.drops, { template_limit: 40 });
  trial.send(announce(340, 341, 300));
  assert.deepEqual(trial.drops, { template_limit: 41 }, "of a set the first is counted");
  const known = trial.decoder.describe("192.0.2.1")!.templates.find(({ id }) => id === 300)!;
  assert.equal(
    known.announcedMilliseconds,
    trial.receivedMilliseconds,
    "and those behind it that are known are read",
  );
  for (let i = 0; i < 20; i++) trial.send(announce(...ids), { addressText: `192.0.2.${i + 10}` });
  assert.equal(trial.decoder.usage.templateFieldCount, 38, "each exporter leaves as much as it takes");
  trial.send(data(300, 1));
  assert.equal(trial.rows.length, 1);
});

test("spoofed exporters do not push out a known one, until it is silent for long", () => {
  const trial = createTrial(16, { exportersMax: 3, idleMilliseconds: 60_000 });
  trial.send(announce(300));
  for (let i = 0; i < 20; i++) trial.send(announce(300), { addressText: `192.0.2.${i + 10}`, waited: 1001 });
  assert.deepEqual(trial.drops, { exporter_limit: 18 });
  assert.equal(trial.send(data(300, 1)).recordCount, 1);
  trial.send(announce(300), { addressText: "192.0.2.200", waited: 60_000 });
  assert.equal(trial.decoder.describe("192.0.2.200")?.templateCount, 1);
  assert.equal(trial.decoder.usage.exporterCount, 3);
});

test("ports beyond the bound push out the one of the same exporter longest silent", () => {
  const trial = createTrial(16, { sessionsPerExporterMax: 3 });
  for (let port = 1; port <= 40; port++) trial.send(announce(300, 301), { port });
  const description = trial.decoder.describe("192.0.2.1");
  assert.deepEqual(
    description?.domains.flatMap(({ ports }) => ports.map(({ port }) => port)),
    [38, 39, 40],
  );
  assert.equal(description?.templateCount, 6);
  assert.equal(trial.decoder.usage.templateFieldCount, 12);
  assert.equal(trial.send(data(301, 1), { port: 99 }).recordCount, 1, "borrowed from port 40");
});

test("of one datagram no more than 1024 templates are compiled; those known from another cost nothing", () => {
  const trial = createTrial();
  const many = ipfixMessage(
    {},
    set(2, ...Array.from({ length: 1100 }, (_, i) => template(300 + i, [...basic, [2, 1 + i]]))),
  );
  assert.equal(trial.send(many).templateCount, 1024);
  assert.deepEqual(trial.drops, { template_limit: 1 });
  assert.equal(trial.send(many).templateCount, 1100);
  assert.equal(trial.send(many, { addressText: "192.0.2.2" }).templateCount, 1100);
  const next = createTrial();
  assert.equal(
    next.decoder.restoreTemplates(trial.decoder.dumpTemplates(), trial.receivedMilliseconds),
    2200,
  );
});

/** In one exporter's name from ever new ports and domains. */
function announceFromEverywhere(trial: ReturnType<typeof createTrial>, ...sets: readonly Uint8Array[]) {
  for (let i = 0; i < 40; i++)
    trial.send(ipfixMessage({ domain: 100 + i }, set(2, template(999, basic)), ...sets), { port: 1000 + i });
}

test("a port whose records are read is not pushed out by ports that only announce", () => {
  const trial = createTrial(16, { sessionsPerExporterMax: 3 });
  const lender = { port: 50_000 };
  trial.send(announce(300), lender);
  trial.send(ipfixMessage({}, set(3, ipfixOptionsTemplate(400, [[149, 4]], [[34, 4]]))), lender);
  trial.send(data(300, 1), { port: 9 });
  announceFromEverywhere(trial);
  assert.deepEqual(
    trial.decoder.describe("192.0.2.1")?.domains.flatMap(({ ports }) => ports.map(({ port }) => port)),
    [50_000, 1038, 1039],
    "records of a port that borrows count for the lender",
  );
  trial.send(ipfixMessage({}, set(400, unsigned(0, 4), unsigned(100, 4))), lender);
  announceFromEverywhere(trial, set(999, record(9)));
  assert.equal(trial.decoder.describe("192.0.2.1")?.domains[0]?.samplingInterval, 100);
  assert.equal(trial.send(data(300, 2), lender).samplingInterval, 100);
});

test("with all its ports in use an exporter's new one is refused, but for what it borrows, until one is idle", () => {
  const trial = createTrial(16, {
    sessionsPerExporterMax: 2,
    idleMilliseconds: 60_000,
    templateMilliseconds: 50_000,
  });
  for (const port of [1, 2]) {
    trial.send(announce(300), { port });
    trial.send(data(300, port), { port });
  }
  assert.equal(trial.send(announce(300), { port: 3, waited: 40_000 }).templateCount, 1);
  assert.equal(
    trial.send(data(300, 3), { port: 3, waited: 20_000 }).recordCount,
    1,
    "announced again in time",
  );
  assert.equal(trial.send(announce(301), { port: 4 }).templateCount, 1, "the other port's was too old");
  trial.send(data(301, 4), { port: 4 });
  assert.equal(trial.send(announce(302), { port: 5 }).templateCount, 0);
  assert.deepEqual(trial.drops, { template_limit: 1 });
  trial.send(announce(301), { port: 4, waited: 40_000 });
  assert.equal(trial.send(announce(302), { port: 5, waited: 20_002 }).templateCount, 1);
});

test("templates announced with the same bytes are compiled and described once", () => {
  const trial = createTrial();
  for (const addressText of ["192.0.2.1", "192.0.2.2"]) trial.send(announce(300, 301), { addressText });
  trial.send(v9Message({}, set(0, template(300, basic))));
  const lists = ["192.0.2.1", "192.0.2.2"].flatMap((address) =>
    trial.decoder.describe(address)!.templates.map(({ fields }) => fields),
  );
  assert.deepEqual(
    lists.map((list) => lists.indexOf(list)),
    [0, 0, 2, 0, 0],
    "v9's element numbers are its own",
  );
  assert.equal(trial.decoder.usage.templateFieldCount, 10);
});

test("what a forgotten port announced is lent to nobody", () => {
  const trial = createTrial(16, { sessionsPerExporterMax: 2 });
  trial.send(announce(300), { port: 1 });
  trial.send(announce(301), { port: 2 });
  trial.send(announce(301), { port: 3 });
  assert.equal(trial.send(data(300, 1), { port: 9 }).waitingSetCount, 1);
});

test("a template redefined is one template", () => {
  const trial = createTrial();
  trial.send(announce(300));
  trial.send(ipfixMessage({}, set(2, template(300, [[8, 4]]))));
  assert.equal(trial.decoder.describe("192.0.2.1")?.templateCount, 1);
  assert.equal(
    trial.decoder.usage.templateFieldCount,
    3,
    "the old one is kept until the new one is repeated",
  );
  trial.send(ipfixMessage({}, set(2, template(300, [[8, 4]]))));
  assert.equal(trial.decoder.usage.templateFieldCount, 1);
});

test("withdrawn and forgotten templates are no longer accounted for", () => {
  const trial = createTrial();
  trial.send(announce(300, 301));
  trial.send(ipfixMessage({}, set(2, template(300, []))));
  assert.equal(trial.decoder.describe("192.0.2.1")?.templateCount, 1);
  trial.send(ipfixMessage({}, set(2, template(2, []))));
  assert.equal(trial.decoder.describe("192.0.2.1"), undefined);
  trial.send(announce(300));
  trial.send(data(301, 1));
  trial.decoder.forget("192.0.2.1");
  assert.deepEqual(trial.decoder.usage, nothingKept);
  assert.deepEqual(trial.drops, { template_missing: 1 });
});
