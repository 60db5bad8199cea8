import assert from "node:assert/strict";
import { test } from "node:test";
import {
  readCorpus,
  readCorpusFiles,
  readCorpusFolders,
  readCorpusText,
  readPcap,
  skipWithoutCorpora as skip,
} from "./testdata/corpora.ts";
import { createTrial, type Row } from "./testdata/decode.ts";
import { expectRow, rowValue, type Said } from "./testdata/expected-row.ts";

/** One capture, and what its upstream says of each record, in order; a name the table of fields has no column for is passed over. */
interface Case {
  readonly name: string;
  readonly datagrams: readonly Uint8Array[];
  /** How many rows there have to be; undefined when upstream does not say. */
  readonly rowCount: number | undefined;
  /** What has to be in some row; each in its own when there are as many as rows. */
  readonly said: readonly Said[];
}

/** Where ours differ from what upstream says, and why. Anything else that differs is a fault of ours. */
interface Difference {
  readonly why: string;
  readonly rows?: number;
  /** Columns that are not compared. */
  readonly columns?: readonly string[];
}

const optionsAreNoFlows = "options records count as events there, and are no flow records here";
const differences: Readonly<Record<string, Difference>> = {
  "Netflow 5 valid 01": {
    why: "times there are not safe from the wrap of the uptime: flows start 49.7 days after they end",
    columns: ["flowStartMilliseconds"],
  },
  "Netflow 9 nprobe DPI L7": {
    why: "its flows end after their export, so that only their length is known",
    columns: ["flowStartMilliseconds", "flowEndMilliseconds"],
  },
  "Netflow 9 multiple netflow exporters": { why: optionsAreNoFlows, rows: 8 },
  "Juniper SRX options template with 0 scope field length": { why: optionsAreNoFlows, rows: 0 },
  "Netflow 9 Cisco ASR 9000 series options template 256": { why: optionsAreNoFlows, rows: 0 },
  "Netflow 9 Cisco NBAR options template 260": { why: optionsAreNoFlows, rows: 0 },
  "IPFIX YAF basic with applabel": { why: optionsAreNoFlows, rows: 2 },
  "IPFIX Netscaler with variable length fields, 4 datagrams": {
    why: "the codec drops data before its template",
    rows: 6,
  },
};

/** Any of a capture's other names. */
function differenceOf({ name, datagrams }: Case): Difference | undefined {
  return differences[`${name}, ${datagrams.length} datagrams`] ?? differences[name];
}

function* allCases(): Generator<Case> {
  yield netgauzeCase();
  yield* logstashCases();
  yield* telegrafCases();
}

test("every capture gives its upstream's records, value by value, but for the differences known", {
  skip,
}, () => {
  let comparedCount = 0;
  for (const one of allCases()) {
    const trial = createTrial(64, {}, true);
    for (const datagram of one.datagrams) trial.send(datagram);
    const { rows } = trial;
    const difference = differenceOf(one);
    const expected = difference?.rows ?? one.rowCount ?? rows.length;
    assert.equal(rows.length, expected, `${one.name}: ${JSON.stringify(trial.drops)}`);
    const isInOrder = one.said.length === rows.length;
    for (const [index, said] of one.said.entries()) {
      const values = [...expectRow(said)].filter(([name]) => !difference?.columns?.includes(name));
      const isOptions =
        difference?.why === optionsAreNoFlows && !values.some(([name]) => name === "sourceAddress");
      if (values.length === 0 || difference?.rows === 0 || isOptions) continue;
      const row = isInOrder ? rows[index]! : findClosest(rows, values);
      for (const [name, value] of values)
        assert.equal(rowValue(row, name), value, `${one.name}: ${index} ${name}`);
      comparedCount += values.length;
    }
  }
  assert.ok(comparedCount > 2400, `only ${comparedCount} values compared`);
});

function findClosest(rows: readonly Row[], values: readonly (readonly [string, number | string])[]): Row {
  const agreement = (row: Row) => values.filter(([name, value]) => rowValue(row, name) === value).length;
  return rows.reduce((best, row) => (agreement(row) > agreement(best) ? row : best));
}

interface NetgauzeRecord {
  readonly scope_fields: readonly Said[];
  readonly fields: readonly Said[];
}

/**
 * NetGauze gives elements in the template's order; of an SRv6 record's two headers the outer stands first. Its uptimes
 * count from systemInitTimeMilliseconds, which its options data repeat.
 */
function netgauzeCase(): Case {
  const lines = readCorpusText("netgauze/flow/srv6/srv6-flow.json").trim().split("\n");
  const said: Said[] = [];
  for (const line of lines) {
    const { sets } = JSON.parse(line).IPFIX as {
      readonly sets: readonly { readonly Data?: { readonly records: readonly NetgauzeRecord[] } }[];
    };
    for (const { scope_fields, fields } of sets.flatMap(({ Data }) => Data?.records ?? [])) {
      const values: Record<string, unknown> = {};
      for (const [name, value] of fields.flatMap((field) => Object.entries(field))) values[name] ??= value;
      delete values.flowStartSysUpTime;
      delete values.flowEndSysUpTime;
      if (scope_fields.length === 0) said.push(values);
    }
  }
  return {
    name: "netgauze srv6",
    datagrams: readPcap("netgauze/flow/srv6/srv6.pcap"),
    rowCount: said.length,
    said,
  };
}

interface LogstashCase {
  readonly context: string;
  readonly datagrams_in_order: readonly string[];
  readonly expected_event_count: number | null;
  readonly expected_events_listed?: readonly { readonly netflow?: Said }[];
  readonly asserts?: readonly { readonly event: number; readonly path: string; readonly value: unknown }[];
}

function* logstashCases(): Generator<Case> {
  const folder = "logstash-codec-netflow";
  for (const one of JSON.parse(readCorpusText(`${folder}/expectations.json`)) as LogstashCase[]) {
    const listed = (one.expected_events_listed ?? []).map(({ netflow = {} }) => netflow);
    yield {
      name: one.context,
      datagrams: one.datagrams_in_order.map((name) => readCorpus(`${folder}/dat/${name}`)),
      rowCount: one.expected_event_count ?? undefined,
      said: listed.map(withoutQuirks),
    };
    yield {
      name: one.context,
      datagrams: one.datagrams_in_order.map((name) => readCorpus(`${folder}/dat/${name}`)),
      rowCount: one.expected_event_count ?? undefined,
      said: assertedEvents(one).map(withoutQuirks),
    };
  }
}

/**
 * The codec borrows a second for the milliseconds and does not take it off, but where there is nothing to borrow; and some
 * of the assertions have text in quotes.
 */
function withoutQuirks(event: Said): Said {
  return Object.fromEntries(
    Object.entries(event).map(([name, value]) => {
      if (typeof value !== "string") return [name, value];
      const text = value.replace(/^'(.*)'$/, "$1");
      if (!name.endsWith("_switched") || event.flow_records === 30) return [name, text];
      return [name, new Date(Date.parse(text) - 1000).toISOString()];
    }),
  );
}

/** The codec's single assertions, joined by event. */
function assertedEvents({ asserts = [] }: LogstashCase): Said[] {
  const events = new Map<number, Record<string, unknown>>();
  for (const { event, path, value } of asserts) {
    const name = /^\[netflow\]\[(\w+)\]$/.exec(path)?.[1];
    if (name !== undefined) events.set(event, { ...events.get(event), [name]: value });
  }
  return [...events.values()];
}

/** Influx line protocol, a record a line. v5's times there are uptimes; the time behind the values is that of receipt. */
function* telegrafCases(): Generator<Case> {
  for (const [name, file] of [
    ["netflow_v5_example", "netflow_v5.bin"],
    ["netflow_v9_example", "netflow_v9.bin"],
    ["issue_14370", "message.bin"],
  ] as const) {
    const lines = readCorpusText(`telegraf/${name}/expected.out`).trim().split("\n");
    yield {
      name: `telegraf ${name}`,
      datagrams: [readCorpus(`telegraf/${name}/${file}`)],
      rowCount: lines.length,
      said: lines.map(parseInfluxLine),
    };
  }
}

function parseInfluxLine(line: string): Said {
  const values: Record<string, unknown> = {};
  for (const [, name, text, number] of line.matchAll(/(\w+)=(?:"([^"]*)"|([\d.]+)u?)/g))
    values[name!] = number === undefined ? text : Number(number);
  const { src, dst, flow_start_ms, flow_end_ms, first_switched: _, last_switched: __, ...rest } = values;
  const family = String(src).includes(":") ? "IPv6" : "IPv4";
  const addresses = { [`source${family}Address`]: src, [`destination${family}Address`]: dst };
  const times = { flowStartMilliseconds: flow_start_ms, flowEndMilliseconds: flow_end_ms };
  return { ...rest, ...addresses, ...(flow_start_ms === undefined ? {} : times) };
}

test("NetGauze's datagrams hold the sets and records it counts", { skip }, () => {
  const trial = createTrial(64);
  for (const datagram of readPcap("netgauze/flow/srv6/srv6.pcap")) trial.send(datagram);
  const { sets, samplers, templateCount } = trial.decoder.describe("192.0.2.1")!;
  assert.deepEqual(
    sets.map(({ kind, setCount, recordCount }) => [kind, setCount, recordCount]),
    [
      ["template", 44, 44],
      ["optionsTemplate", 43, 43],
      ["data", 78, 86],
      ["optionsData", 43, 86],
    ],
  );
  assert.deepEqual(
    [
      templateCount,
      trial.messages.length,
      trial.messages.reduce((sum, { recordCount }) => sum + recordCount, 0),
    ],
    [8, 170, 172],
  );
  assert.deepEqual(samplers, [
    { observationDomainId: 0, id: 1, interval: 1, algorithm: 3, name: "NETFLOW-SAMPLER-MAP" },
  ]);
  assert.deepEqual(trial.drops, {});
});

test("NetGauze's sequence numbers are those of its records, options data too", { skip }, () => {
  const trial = createTrial(64);
  for (const datagram of readPcap("netgauze/flow/srv6/srv6.pcap")) trial.send(datagram);
  let next = trial.messages[0]!.sequenceNumber;
  for (const { sequenceNumber, recordCount } of trial.messages) {
    assert.equal(sequenceNumber, next);
    next = sequenceNumber + recordCount;
  }
});

test("telegraf's options records name the interfaces", { skip }, () => {
  const trial = createTrial(64);
  trial.send(readCorpus("telegraf/netflow_v9_options/message.bin"));
  const expected = readCorpusText("telegraf/netflow_v9_options/expected.out")
    .trim()
    .split("\n")
    .map(parseInfluxLine);
  assert.deepEqual(
    trial.interfaces.map(({ index, name, description }) => [index, name, description]),
    expected.map(({ in_snmp, interface: name, interface_desc }) => [in_snmp, name, interface_desc]),
  );
  assert.equal(trial.interfaces.length, 8);
});

test("softflowd's sampled packets are one row each, with the octets of their IP headers", { skip }, () => {
  const trial = createTrial(64, {}, true);
  for (const bytes of readCorpusFiles("generated-softflowd/psamp", ".bin").values()) trial.send(bytes);
  const sum = (name: string) => trial.rows.reduce((total, row) => total + Number(row[name] ?? 0), 0);
  assert.deepEqual([trial.rows.length, sum("packetDeltaCount"), sum("octetDeltaCount")], [16, 16, 2322]);
  assert.deepEqual(trial.drops, {});
});

test("vflow's known sets survive an unknown one, and goflow2's datagrams give their records", {
  skip,
}, () => {
  const vflow = createTrial(64);
  vflow.send(readCorpus("vflow/ipfix.multiMessage.02.bin"));
  assert.equal(vflow.send(readCorpus("vflow/ipfix.unknownDatasetMessage.03.bin")).recordCount, 2);
  const late = createTrial(64);
  assert.equal(late.send(readCorpus("vflow/ipfix.payload.04.bin")).waitingSetCount, 3);
  assert.equal(late.send(readCorpus("vflow/ipfix.tpl.05.bin")).recordCount, 4, "data that came before");
  const v5 = createTrial(64);
  v5.send(readCorpus("vflow/v5.TestV5FlowPacket.06.bin"));
  assert.equal(v5.rows.length, 29);
  const v9 = createTrial(64);
  for (const part of ["template", "data"]) v9.send(readCorpus(`goflow2/TestDecodeNetFlowV9.${part}.bin`));
  assert.deepEqual([v9.rows.length, v9.drops], [21, {}]);
});

test("softflowd runs conserve packets and bytes", { skip }, () => {
  const folders = readCorpusFolders("generated-softflowd").filter((name) => /^(v5|v9|ipfix)/.test(name));
  for (const folder of folders) {
    const meta = JSON.parse(readCorpusText(`generated-softflowd/${folder}/meta.json`));
    if (!meta.input.endsWith("mixed.pcap") || folder.includes("vlan") || folder.includes("sampled")) continue;
    const trial = createTrial(64);
    for (const [name, bytes] of readCorpusFiles(`generated-softflowd/${folder}`, ".bin")) {
      trial.send(bytes, { port: name.startsWith("d1") ? 2 : 1 });
    }
    const copies = folder.endsWith("copy") ? 2 : 1;
    const expected = folder === "v5" ? [118, 17_670] : [157 * copies, 21_606 * copies];
    const total = (...names: readonly string[]) =>
      trial.rows.reduce(
        (sum, row) => sum + names.reduce((both, name) => both + Number(row[name] ?? 0), 0),
        0,
      );
    assert.deepEqual(
      [
        total("packetDeltaCount", "reversePacketDeltaCount"),
        total("octetDeltaCount", "reverseOctetDeltaCount"),
      ],
      expected,
      folder,
    );
    assert.deepEqual(trial.drops, {}, folder);
  }
});

test("sampled softflowd runs say their interval", { skip }, () => {
  for (const folder of ["v5-sampled10", "v9-sampled10", "ipfix-sampled10"]) {
    const trial = createTrial(64);
    for (const bytes of readCorpusFiles(`generated-softflowd/${folder}`, ".bin").values()) trial.send(bytes);
    assert.ok(trial.rows.length > 0 && trial.rows.every((row) => row.samplingInterval === 10), folder);
  }
});

test("python-netflow's softflowd datagrams give the flows they are known for", { skip }, () => {
  const files = readCorpusFiles("python-netflow-v9-softflowd", ".bin");
  const recordCount = (...names: readonly string[]) => {
    const trial = createTrial(64);
    for (const name of names) trial.send(files.get(name)!);
    return trial.rows.length;
  };
  assert.equal(recordCount("packet_v5.bin"), 3);
  assert.equal(recordCount("packet_v9_template.bin"), 8);
  assert.equal(recordCount("packet_v9_template_mixed.bin"), 8, "data before templates in one datagram");
  for (const number of [0, 1, 2]) {
    assert.equal(recordCount("packet_v9_template.bin", `packets_v9-${number}.bin`), 20);
    assert.equal(
      recordCount(`packets_v9-${number}.bin`, "packet_v9_template.bin"),
      20,
      "data, then template",
    );
  }
  assert.equal(recordCount("packet_v1.bin"), 0, "NetFlow v1 is a later issue");
  assert.equal(recordCount("packet_invalid.bin"), 0);
});

test("no capture, whole or cut, is more than a drop", { skip }, () => {
  const groups = [
    ["logstash-codec-netflow/dat", ".dat"],
    ["vflow", ""],
    ["goflow2", ".bin"],
    ["python-netflow-v9-softflowd", ".bin"],
  ] as const;
  for (const [folder, suffix] of groups) {
    const trial = createTrial(64);
    for (const [name, bytes] of readCorpusFiles(folder, suffix)) {
      if (name.endsWith(".md") || name.startsWith("LICENSE") || bytes.length > 9000) continue;
      trial.send(bytes);
      for (let length = 0; length < bytes.length; length += 7) trial.send(bytes.subarray(0, length));
    }
  }
});
