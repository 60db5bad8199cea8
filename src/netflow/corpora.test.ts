import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { FieldName } from "../flow/index.ts";
import { createTrial } from "./testdata/decode.ts";

/** Captures of others, used in place where they are: shared/corpora/INDEX.md says what is in them. */
const corpora = `${import.meta.dirname}/../../../shared/corpora`;
const skip = existsSync(corpora) ? false : "no corpora beside the repository";

function readFiles(folder: string, suffix: string): Map<string, Uint8Array> {
  const names = readdirSync(`${corpora}/${folder}`).filter((name) => name.endsWith(suffix));
  return new Map(names.sort().map((name) => [name, readFileSync(`${corpora}/${folder}/${name}`)]));
}

test("softflowd runs conserve packets and bytes", { skip }, () => {
  const folders = readdirSync(`${corpora}/generated-softflowd`).filter((name) => /^(v5|v9|ipfix)/.test(name));
  for (const folder of folders) {
    const meta = JSON.parse(readFileSync(`${corpora}/generated-softflowd/${folder}/meta.json`, "utf8"));
    if (!meta.input.endsWith("mixed.pcap") || folder.includes("vlan") || folder.includes("sampled")) continue;
    const trial = createTrial(64);
    for (const [name, bytes] of readFiles(`generated-softflowd/${folder}`, ".bin")) {
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
    for (const bytes of readFiles(`generated-softflowd/${folder}`, ".bin").values()) trial.send(bytes);
    assert.ok(trial.rows.length > 0 && trial.rows.every((row) => row.samplingInterval === 10), folder);
  }
});

test("python-netflow's softflowd datagrams give the flows they are known for", { skip }, () => {
  const files = readFiles("python-netflow-v9-softflowd", ".bin");
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

type LogstashEvent = { readonly netflow?: Readonly<Record<string, number | string>> };

interface LogstashCase {
  readonly context: string;
  readonly datagrams_in_order: readonly string[];
  readonly expected_event_count: number | null;
  readonly expected_events_listed?: readonly LogstashEvent[];
}

/** Row counts where ours differ from the codec's events. Anything else that differs is a fault of ours. */
const optionsAreNoFlows = "options records count as events there, and are no flow records here";
const logstashDifferences: Readonly<Record<string, { readonly rows: number; readonly why: string }>> = {
  "Netflow 9 multiple netflow exporters": { rows: 8, why: optionsAreNoFlows },
  "Juniper SRX options template with 0 scope field length": { rows: 0, why: optionsAreNoFlows },
  "Netflow 9 Cisco ASR 9000 series options template 256": { rows: 0, why: optionsAreNoFlows },
  "Netflow 9 Cisco NBAR options template 260": { rows: 0, why: optionsAreNoFlows },
  "IPFIX YAF basic with applabel": { rows: 2, why: optionsAreNoFlows },
  "IPFIX Netscaler with variable length fields, 4 datagrams": {
    rows: 6,
    why: "the codec drops data before its template",
  },
};

/** The codec's name of a field, and the column that has to hold the same. */
const logstashNames: Readonly<Record<string, FieldName>> = {
  ipv4_src_addr: "sourceAddress",
  ipv4_dst_addr: "destinationAddress",
  sourceIPv4Address: "sourceAddress",
  destinationIPv4Address: "destinationAddress",
  in_bytes: "octetDeltaCount",
  octetDeltaCount: "octetDeltaCount",
  in_pkts: "packetDeltaCount",
  packetDeltaCount: "packetDeltaCount",
  protocol: "protocolIdentifier",
  protocolIdentifier: "protocolIdentifier",
  input_snmp: "ingressInterface",
  ingressInterface: "ingressInterface",
  tcp_flags: "tcpControlBits",
  src_as: "bgpSourceAsNumber",
  direction: "flowDirection",
};

test("logstash's captures give its events, but for the differences known", { skip }, () => {
  const folder = `${corpora}/logstash-codec-netflow`;
  const cases: LogstashCase[] = JSON.parse(readFileSync(`${folder}/expectations.json`, "utf8"));
  let comparedCount = 0;
  for (const { context, datagrams_in_order, expected_event_count, expected_events_listed = [] } of cases) {
    const trial = createTrial(64);
    for (const name of datagrams_in_order) trial.send(readFileSync(`${folder}/dat/${name}`));
    const difference =
      logstashDifferences[`${context}, ${datagrams_in_order.length} datagrams`] ??
      logstashDifferences[context];
    const expected = difference?.rows ?? expected_event_count ?? trial.rows.length;
    assert.equal(trial.rows.length, expected, `${context}: ${JSON.stringify(trial.drops)}`);
    if (difference !== undefined || expected_events_listed.length !== trial.rows.length) continue;
    for (const [index, { netflow = {} }] of expected_events_listed.entries()) {
      for (const [theirs, ours] of Object.entries(logstashNames)) {
        if (netflow[theirs] === undefined) continue;
        assert.equal(trial.rows[index]![ours] ?? 0, netflow[theirs], `${context}: event ${index} ${theirs}`);
        comparedCount++;
      }
    }
  }
  assert.ok(comparedCount > 50, `only ${comparedCount} values compared`);
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
    for (const [name, bytes] of readFiles(folder, suffix)) {
      if (name.endsWith(".md") || name.startsWith("LICENSE") || bytes.length > 9000) continue;
      trial.send(bytes);
      for (let length = 0; length < bytes.length; length += 7) trial.send(bytes.subarray(0, length));
    }
  }
});
