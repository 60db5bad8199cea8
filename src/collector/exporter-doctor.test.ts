import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { recogniseDevice } from "./doctor/remedies.ts";
import { bytes, count, duration, ordered, percent } from "./doctor/words.ts";
import { type DoctorFacts, diagnose, diagnoseStranger, severities } from "./exporter-doctor.ts";
import type { ExporterStatus } from "./exporter-status.ts";
import { flowFields, healthyExporter, optionsTemplate, template } from "./testdata/exporters.ts";

const now = Date.parse("2026-03-01T12:00:00Z");
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

const without = (...names: string[]) =>
  template(
    {},
    flowFields.filter(([name]) => !names.includes(name)),
  );
const healthy = healthyExporter(now);
const facts: DoctorFacts = { nowMilliseconds: now, doubledCount: 0, kernelDropCount: 0 };

type Changes = Partial<ExporterStatus> & { readonly facts?: Partial<DoctorFacts> };
const look = ({ facts: more, ...changes }: Changes) =>
  diagnose({ ...healthy, ...changes }, { ...facts, ...more });

const loss = (changes: Partial<ExporterStatus["loss"]>) => ({ loss: { ...healthy.loss, ...changes } });
const sampling = (changes: Partial<ExporterStatus["sampling"]>) => ({
  sampling: { ...healthy.sampling, ...changes },
});
const directions = (ingressCount: number, egressCount: number, unknownCount = 0) => ({
  directions: { ingressCount, egressCount, unknownCount },
});
const missing = (sinceMilliseconds: number) => ({
  waitingBytes: 12_345,
  missingTemplates: [
    {
      id: 1024,
      protocol: "netflow9",
      observationDomainId: 0,
      port: 50_000,
      waitingSetCount: 31,
      waitingBytes: 12_345,
      sinceMilliseconds,
    },
  ],
});
const softflowd = { templates: [template({ id: 1024 }), template({ id: 2048 })] };
const sflow = {
  protocols: ["sflow5"],
  templates: [],
  sampling: { interval: 100, origin: "record" as const, samplers: [] },
};
const sflowAgent = (agentDropCount: number): ExporterStatus["agents"][number] => ({
  address: "10.0.0.1",
  subAgentId: 0,
  datagramCount: 100,
  sampleCounts: { flow: 700, expandedFlow: 0, counter: 0, expandedCounter: 0, discarded: 0, unknown: 0 },
  recordCounts: { flow: 700, expandedFlow: 0, counter: 0, expandedCounter: 0, discarded: 0, unknown: 0 },
  sources: [
    {
      type: 0,
      index: 1,
      samplingInterval: 100,
      samplePool: 70_000,
      agentDropCount,
      flowSampleCount: 700,
      lostFlowSampleCount: 0,
      counterSampleCount: 0,
      lostCounterSampleCount: 0,
      discardedCount: 0,
      lostDiscardedCount: 0,
    },
  ],
});
const v5 = { protocols: ["netflow5"], templates: [], interfaces: [] };

interface Case {
  readonly code: string;
  readonly severity: string;
  readonly shows: Changes;
  /** Words of the detail. */
  readonly says: RegExp;
  /** Words of the remedy. */
  readonly remedy: RegExp;
  /** Almost the same, and healthy. */
  readonly near: Changes;
}

const cases: readonly Case[] = [
  {
    code: "silent",
    severity: "warning",
    shows: { lastSeenMilliseconds: now - 121 * second },
    says: /2 min ago\. It used to send one every 1\.0 s/,
    remedy: /tcpdump -ni any udp and src host 10\.0\.0\.1/,
    near: { lastSeenMilliseconds: now - 119 * second },
  },
  {
    code: "silent",
    severity: "problem",
    shows: { lastSeenMilliseconds: now - 11 * minute },
    says: /11 min ago/,
    remedy: /firewall/,
    // One that speaks every four minutes may be quiet for half an hour.
    near: { firstSeenMilliseconds: now - 7 * hour, lastSeenMilliseconds: now - 30 * minute, packetCount: 98 },
  },
  {
    code: "bursty",
    severity: "hint",
    shows: { packetCount: 13 },
    says: /13 datagrams in 60 min/,
    remedy: /maxlife=60 -t expint=5[\s\S]*cache timeout active 60[\s\S]*flow-active-timeout 60/,
    near: { packetCount: 60 },
  },
  {
    code: "template_missing",
    severity: "warning",
    shows: missing(now - 20 * second),
    says: /^31 data sets \(12\.3 kB\) can not be read without template 1024, not announced since 20 s\. The sets wait/,
    remedy: /send-template[\s\S]*template data timeout 60/,
    near: { templates: [template({ id: 1024 })] },
  },
  {
    code: "template_missing",
    severity: "problem",
    shows: { ...missing(now - 5 * minute), drops: { template_missing: 2 } },
    says: /since 5 min\. .*; 2 more sets waited too long and are lost\.$/,
    remedy: /template-refresh-rate seconds 60/,
    near: { missingTemplates: [], waitingBytes: 0 },
  },
  {
    code: "template_late",
    severity: "warning",
    shows: { drops: { template_missing: 1 } },
    says: /^1 data set waited in vain for its template and is lost\. All templates in use are known now/,
    remedy: /template data timeout 60/,
    near: { drops: { template_missing: 0 } },
  },
  {
    code: "sampling_unknown",
    severity: "hint",
    shows: sampling({ interval: 0, origin: "unknown" }),
    says: /None of its 72,000 records/,
    remedy: /option sampler-table/,
    near: { ...v5, ...sampling({ interval: 0, origin: "unknown" }) },
  },
  {
    code: "sampled",
    severity: "hint",
    shows: sampling({ interval: 1000, origin: "sampler" }),
    says: /Sampling is 1:1,000, its records name a sampler/,
    remedy: /Sample 0[\s\S]*input rate 1/,
    near: sampling({ interval: 1, origin: "sampler" }),
  },
  {
    code: "samplers_ambiguous",
    severity: "warning",
    shows: sampling({
      samplers: [
        { id: 1, interval: 100 },
        { id: 2, interval: 1000 },
      ],
    }),
    says: /2 samplers of different rates \(1 1:100 and 2 1:1,000\)\. Records do not say/,
    remedy: /collect flow sampler/,
    near: sampling({
      samplers: [
        { id: 1, interval: 100 },
        { id: 2, interval: 100 },
      ],
    }),
  },
  {
    code: "several_samplers",
    severity: "hint",
    shows: {
      ...sampling({
        samplers: [
          { id: 1, interval: 100 },
          { id: 2, interval: 1000 },
        ],
      }),
      templates: [template({}, [...flowFields, ["samplerId", 1]])],
    },
    says: /Records say which one they are of/,
    remedy: /Nothing to do/,
    near: sampling({ samplers: [{ id: 1, interval: 100 }] }),
  },
  {
    code: "loss_here",
    severity: "problem",
    shows: { ...loss({ lostCount: 400, recentLostCount: 20 }), facts: { kernelDropCount: 1234 } },
    says: /gaps of 400 datagrams, 10 % of all; 25 % in the last minute \(20\)\. This machine's kernel had no room for 1,234 datagrams/,
    remedy: /net\.core\.rmem_max=33554432/,
    // What the kernel threw away may have been of another exporter.
    near: { facts: { kernelDropCount: 1234 } },
  },
  {
    code: "loss_on_the_way",
    severity: "warning",
    shows: loss({ unit: "records", lostCount: 40 }),
    says: /gaps of 40 records, 1\.1 % of all; none in the last minute\. This machine's kernel threw none away/,
    remedy: /firewall[\s\S]*softflowctl statistics[\s\S]*show flow exporter statistics/,
    near: loss({ lostCount: 3 }),
  },
  {
    code: "loss",
    severity: "problem",
    shows: { ...loss({ lostCount: 1, recentLostCount: 1 }), facts: { kernelDropCount: undefined } },
    says: /1 datagram, less than 0\.1 % of all; 1\.6 % in the last minute \(1\)\. Whether here or on the way is not known/,
    remedy: /MTU/,
    near: { ...loss({ lostCount: 1 }), facts: { kernelDropCount: undefined } },
  },
  {
    code: "restarts",
    severity: "warning",
    shows: loss({ restartCount: 3 }),
    says: /anew 3 times in 60 min/,
    remedy: /pfSense kills/,
    near: loss({ restartCount: 2 }),
  },
  {
    code: "reordered",
    severity: "hint",
    shows: loss({ reorderedCount: 18 }),
    says: /^18 datagrams of 3,600 came after a younger one/,
    remedy: /Harmless/,
    near: loss({ reorderedCount: 17 }),
  },
  {
    code: "duplicated",
    severity: "warning",
    shows: loss({ duplicateCount: 900 }),
    says: /^900 datagrams of 3,600 had come before/,
    remedy: /twice/,
    near: loss({ duplicateCount: 4 }),
  },
  {
    code: "counters_only",
    severity: "warning",
    shows: {
      ...sflow,
      recordCount: 0,
      recordRate: 0,
      agents: [{ ...sflowAgent(0), sampleCounts: { ...sflowAgent(0).sampleCounts, flow: 0, counter: 9 } }],
    },
    says: /not one sampled packet/,
    remedy: /sampling rate/,
    near: { ...sflow, agents: [sflowAgent(0)] },
  },
  {
    code: "samples_given_up",
    severity: "warning",
    shows: { ...sflow, agents: [sflowAgent(700)] },
    says: /given up 700 samples at 1 data source/,
    remedy: /Sample fewer packets/,
    near: { ...sflow, agents: [sflowAgent(4)] },
  },
  {
    code: "counts_own_message",
    severity: "hint",
    shows: loss({ countsOwnMessage: true }),
    says: /softflowd's IPFIX.*no loss is counted because of it/,
    remedy: /Nothing to do/,
    near: loss({ countsOwnMessage: false }),
  },
  {
    code: "clock_skew",
    severity: "warning",
    shows: { clockSkewMilliseconds: -4200 },
    says: /4\.2 s behind this machine's/,
    remedy: /NTP[\s\S]*ntp server/,
    near: { clockSkewMilliseconds: -3000 },
  },
  {
    code: "clock_skew",
    severity: "problem",
    shows: { clockSkewMilliseconds: 2 * hour },
    says: /2 h ahead of this machine's/,
    remedy: /Time Servers/,
    near: { clockSkewMilliseconds: 3000 },
  },
  {
    code: "clock_unset",
    severity: "problem",
    shows: { clockSkewMilliseconds: -now },
    says: /say that it is 1970-01-01/,
    remedy: /NTP/,
    near: { clockSkewMilliseconds: undefined },
  },
  {
    code: "doubled",
    severity: "hint",
    shows: { facts: { doubledCount: 36_000 } },
    says: /36,000 records of 72,000 .* kept, and counted once/,
    remedy: /ip flow monitor NAME output/,
    near: { facts: { doubledCount: 0 } },
  },
  {
    code: "both_directions",
    severity: "hint",
    shows: directions(40_000, 32_000),
    says: /40,000 records at ingress, 32,000 at egress/,
    remedy: /sampling output/,
    // softflowd's direction means nothing.
    near: { ...directions(40_000, 32_000), ...softflowd },
  },
  {
    code: "egress_only",
    severity: "hint",
    shows: directions(0, 72_000),
    says: /All 72,000 records are of egress/,
    remedy: /NAME input/,
    near: directions(0, 71_000, 1000),
  },
  {
    code: "direction_unknown",
    severity: "hint",
    shows: { ...directions(0, 0, 72_000), templates: [without("flowDirection")] },
    says: /None of its 72,000 records/,
    remedy: /match flow direction/,
    near: { ...v5, ...directions(0, 0, 72_000) },
  },
  {
    code: "ipv6_missing",
    severity: "hint",
    shows: v5,
    says: /NetFlow v5 has no IPv6/,
    remedy: /netflow-v9/,
    near: { ...v5, protocols: ["netflow9"] },
  },
  {
    code: "several_protocols",
    severity: "hint",
    shows: { protocols: ["netflow5", "netflow9"] },
    says: /^NetFlow v5, NetFlow v9 came from this address/,
    remedy: /Keep one/,
    near: { protocols: ["netflow9"] },
  },
  {
    code: "version_unknown",
    severity: "warning",
    shows: { drops: { version_unknown: 40 } },
    says: /40 datagrams from 10\.0\.0\.1 are of no protocol that is read .* NetFlow v1, v7, v8/,
    remedy: /export-protocol netflow-v9/,
    near: { drops: { version_unknown: 3 } },
  },
  {
    code: "malformed",
    severity: "warning",
    shows: { drops: { set_truncated: 30, message_truncated: 1 } },
    says: /^31 pieces given up: 1 cut off inside a header or record, 30 with a set shorter/,
    remedy: /flows\.pcap/,
    near: { drops: { set_truncated: 3 } },
  },
  {
    code: "template_limit",
    severity: "problem",
    shows: { drops: { template_limit: 7 } },
    says: /2 templates are kept; 7 announcements/,
    remedy: /Remove flow monitors/,
    near: { drops: { template_limit: 0 } },
  },
  {
    code: "too_fast",
    severity: "problem",
    shows: { drops: { queue_full: 7 } },
    says: /7 records came faster/,
    remedy: /Sample/,
    near: { drops: { peer_limit: 7 } },
  },
  {
    code: "options_only",
    severity: "warning",
    shows: { recordCount: 0, templates: [optionsTemplate] },
    says: /3,600 datagrams in 60 min held 1 template, all of options data \(interfaces, samplers\), and not one flow record/,
    remedy: /ip flow monitor NAME input/,
    near: { recordCount: 0, templates: [optionsTemplate], firstSeenMilliseconds: now - 4 * minute },
  },
  {
    code: "no_records",
    severity: "warning",
    shows: { recordCount: 0, templates: [template({ recordCount: 0 }), optionsTemplate] },
    says: /2 templates and not one flow record/,
    remedy: /softflowctl statistics/,
    near: { recordCount: 0, templates: [template({ recordCount: 1 }), optionsTemplate] },
  },
  {
    code: "addresses_missing",
    severity: "problem",
    shows: {
      templates: [without("sourceIPv4Address", "destinationIPv4Address")],
      drops: { record_empty: 12 },
    },
    says: /^Template 260 holds no source or destination address.*; 12 held neither/,
    remedy: /match ipv4 source address/,
    near: {
      templates: [{ ...without("sourceIPv4Address", "destinationIPv4Address"), recordCount: 0 }],
      drops: { record_empty: 12 },
    },
  },
  {
    code: "addresses_missing",
    severity: "hint",
    shows: { templates: [template(), template({ id: 261 }, [["octetDeltaCount", 8]])] },
    says: /^Template 261 holds/,
    remedy: /Nothing, if/,
    near: { templates: [template(), template({ id: 261, isOptions: true }, [["octetDeltaCount", 8]])] },
  },
  {
    code: "bytes_missing",
    severity: "warning",
    shows: { templates: [without("octetDeltaCount")] },
    says: /^Template 260 has addresses but no count of octets/,
    remedy: /collect counter bytes/,
    near: {
      templates: [
        template(
          {},
          flowFields.map(([name, length]) => [name === "octetDeltaCount" ? "initiatorOctets" : name, length]),
        ),
      ],
    },
  },
  {
    code: "ports_missing",
    severity: "warning",
    shows: { templates: [without("sourceTransportPort", "destinationTransportPort")] },
    says: /^Template 260 has no ports/,
    remedy: /-T full[\s\S]*match transport source-port/,
    // ICMP has none.
    near: {
      templates: [
        template(),
        template({ id: 261 }, [
          ["sourceIPv4Address", 4],
          ["destinationIPv4Address", 4],
          ["icmpTypeCodeIPv4", 2],
          ["octetDeltaCount", 8],
        ]),
      ],
    },
  },
  {
    code: "interfaces_missing",
    severity: "hint",
    shows: { templates: [without("ingressInterface", "egressInterface")] },
    says: /^Template 260 does not say through which interface/,
    remedy: /-i 1:em0/,
    near: { templates: [without("ingressInterface")] },
  },
  {
    code: "interface_zero",
    severity: "hint",
    shows: { interfaces: [{ index: 0, name: "em0", description: "" }] },
    says: /interface 0 \("em0"\)/,
    remedy: /-i 1:em0/,
    near: { interfaces: [{ index: 1, name: "em0", description: "" }] },
  },
  {
    code: "counters_narrow",
    severity: "hint",
    shows: {
      octetRate: 2e9,
      ...sampling({ interval: 10 }),
      templates: [
        template(
          {},
          flowFields.map(([name, length]) => [name, Math.min(4, length)]),
        ),
      ],
    },
    says: /^Template 260 counts octets in 4 bytes.*At the 200\.0 MB\/s it tells of.*in 21 s/,
    remedy: /bytes long/,
    near: { octetRate: 2e9, ...sampling({ interval: 10 }) },
  },
  {
    code: "counters_narrow",
    severity: "hint",
    shows: { ...v5, octetRate: 1e8 },
    says: /^NetFlow v5 counts octets in 4 bytes/,
    remedy: /active timeout/,
    near: { ...v5, octetRate: 7e7 },
  },
];

test("a healthy exporter has no finding", () => {
  assert.deepEqual(look({}), []);
});

for (const { code, severity, shows, says, remedy, near } of cases) {
  test(`${code}, ${severity}: shown, and not by its near miss`, () => {
    const found = look(shows).find((finding) => finding.code === code);
    assert.ok(found, JSON.stringify(look(shows)));
    assert.equal(found.severity, severity);
    assert.match(found.detail, says);
    assert.match(found.remedy, remedy);
    const codes = look(near).map((finding) => finding.code);
    assert.ok(!codes.includes(code), codes.join());
  });
}

test("one that was silent for a day is no problem of today", () => {
  const silent = (hours: number) => look({ lastSeenMilliseconds: now - hours * hour })[0]!;
  assert.deepEqual([silent(23).severity, silent(25).severity], ["problem", "warning"]);
  assert.match(silent(25).detail, /If it was taken away/);
  assert.doesNotMatch(silent(23).detail, /taken away/);
});

test("titles say whether it goes on", () => {
  const title = (changes: Changes) => look(changes)[0]?.title;
  assert.equal(title(loss({ lostCount: 40, recentLostCount: 20 })), "Loses 25 % of its datagrams");
  assert.equal(title(loss({ lostCount: 40, unit: "records" })), "Lost records earlier");
  assert.equal(title({ clockSkewMilliseconds: -90_000 }), "Its clock is 90 s behind");
  assert.equal(title({ clockSkewMilliseconds: 90_000 }), "Its clock is 90 s ahead");
});

test("one of something is told as one", () => {
  const detail = (drops: ExporterStatus["drops"]) =>
    [...look({ drops }), ...diagnoseStranger("10.0.0.9", drops)].map((finding) => finding.detail).join("\n");
  assert.match(detail({ exporter_limit: 1 }), /1 datagram of it was thrown away/);
  assert.match(detail({ exporter_limit: 2 }), /2 datagrams of it were thrown away/);
  assert.match(detail({ exporter_not_allowed: 1 }), /1 datagram of it was thrown away/);
  assert.match(detail({ exporter_not_allowed: 2 }), /2 datagrams of it were thrown away/);
  assert.match(detail({ template_limit: 1 }), /1 announcement beyond the limit was refused/);
});

test("few datagrams, and directions that some records say, are no evidence", () => {
  const codes = (changes: Changes) => look(changes).map(({ code }) => code);
  assert.ok(!codes({ packetCount: 4 }).includes("bursty"));
  for (const some of [directions(1, 0, 71_999), directions(0, 1, 71_999)])
    assert.ok(!codes({ ...some, templates: [without("flowDirection")] }).includes("direction_unknown"));
});

test("every finding is in words: a title without full stop, sentences, and something to do", () => {
  for (const { shows } of cases) {
    for (const { code, title, detail, remedy } of look(shows)) {
      assert.match(code, /^[a-z0-9_]+$/);
      assert.match(title, /^[A-Z].{5,60}[^.]$/);
      assert.match(detail, /^[A-Z0-9].*\.$/);
      assert.doesNotMatch(detail + remedy + title, /NaN|undefined|Infinity|\b1 \w+s (is|was)\b/);
      assert.ok(remedy.length > 10);
    }
  }
});

test("the worst comes first", () => {
  const found = look({
    ...v5,
    ...sampling({ interval: 10 }),
    ...loss({ restartCount: 9 }),
    drops: { queue_full: 1 },
  });
  const ranks = found.map(({ severity }) => severities.indexOf(severity));
  assert.deepEqual(
    ranks,
    ranks.toSorted((a, b) => a - b),
  );
  assert.deepEqual([found[0]?.code, found[1]?.code], ["too_fast", "restarts"]);
  const silent = look({
    lastSeenMilliseconds: now - hour,
    ...missing(now - 2 * hour),
    drops: { queue_full: 1 },
  });
  assert.deepEqual(
    silent.map(({ code }) => code),
    ["silent", "too_fast", "template_missing"],
  );
});

test("what a maker's templates give away shortens the remedy to its own settings", () => {
  assert.equal(recogniseDevice(healthy), undefined);
  assert.equal(recogniseDevice(softflowd), "softflowd");
  assert.equal(recogniseDevice({ templates: [...softflowd.templates, template({ id: 300 })] }), undefined);
  assert.equal(recogniseDevice({ templates: [template({ id: 1024, observationDomainId: 7 })] }), undefined);
  assert.equal(recogniseDevice({ templates: [template({}, [["2636/137", 4]])] }), "juniper");
  assert.equal(recogniseDevice({ templates: [template({}, [["9/12172", 4]])] }), "cisco");
  const [anybody] = look(missing(now - 5 * minute));
  assert.match(anybody!.remedy, /\nsoftflowd, pfSense: it repeats.*\nCisco: /);
  const [known] = look({ ...missing(now - 5 * minute), ...softflowd });
  assert.match(known!.remedy, /\nIt repeats templates every 16 datagrams and never by time/);
  assert.doesNotMatch(known!.remedy, /Cisco|Juniper/);
});

test("one that has just begun is not judged", () => {
  const begun = {
    ...healthy,
    firstSeenMilliseconds: now - second,
    packetCount: 1,
    recordCount: 0,
    templates: [],
    loss: { ...healthy.loss, receivedCount: 0, recentReceivedCount: 0 },
    clockSkewMilliseconds: undefined,
    directions: { ingressCount: 0, egressCount: 0, unknownCount: 0 },
    sampling: { interval: 0, origin: "unknown" as const, samplers: [] },
  };
  assert.deepEqual(diagnose(begun, facts), []);
});

test("a sender of which only drops are known", () => {
  const codes = (drops: ExporterStatus["drops"]) =>
    diagnoseStranger("10.0.0.9", drops).map(({ code, severity }) => `${code} ${severity}`);
  assert.deepEqual(codes({ version_unknown: 1 }), ["version_unknown problem"]);
  assert.deepEqual(codes({ exporter_not_allowed: 1 }), ["exporter_not_allowed warning"]);
  assert.deepEqual(codes({ message_truncated: 2, exporter_limit: 3 }), [
    "malformed problem",
    "exporter_limit problem",
  ]);
  assert.deepEqual(codes({}), []);
});

test("numbers as people read them", () => {
  assert.deepEqual(
    [count(1, "record"), count(0, "record"), count(1234567), count(12, "datagram"), count(1000)],
    ["1 record", "0 records", "1,234,567", "12 datagrams", "1,000"],
  );
  assert.deepEqual(
    [percent(0), percent(0.00001), percent(0.0123), percent(0.5)],
    ["0.0 %", "less than 0.1 %", "1.2 %", "50 %"],
  );
  assert.deepEqual([bytes(999), bytes(12_345), bytes(2e6)], ["999 B", "12.3 kB", "2.0 MB"]);
  assert.deepEqual([4200, 45_000, 125_000, 7_200_000, 3 * 86_400_000, 50 * 3_600_000].map(duration), [
    "4.2 s",
    "45 s",
    "2 min",
    "2 h",
    "3 days",
    "2 days",
  ]);
  assert.deepEqual(
    [ordered([1]), ordered([1, 2, 3]), ordered([1, 2, 3], 2)],
    ["1", "1, 2 and 3", "1, 2 and 1 more"],
  );
});

test("docs/reference/exporters.md has every finding, with its severities, and no other", () => {
  const text = readFileSync(new URL("../../docs/reference/exporters.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| `(\w+)` \| ((?:hint|warning|problem)(?:, \w+)*) \|/gm)].map(
    ([, code, severity]) => `${code} ${severity}`,
  );
  const told = new Map<string, Set<string>>();
  const tell = (code: string, severity: string) =>
    told.set(code, (told.get(code) ?? new Set()).add(severity));
  for (const { code, severity } of cases) tell(code, severity);
  for (const reason of [
    "version_unknown",
    "exporter_limit",
    "exporter_not_allowed",
    "set_truncated",
  ] as const)
    for (const { code, severity } of diagnoseStranger("10.0.0.9", { [reason]: 1 })) tell(code, severity);
  for (const code of ["loss", "loss_here", "loss_on_the_way"])
    told.set(code, new Set(["warning", "problem"]));
  const found = [...told].map(
    ([code, set]) => `${code} ${["hint", "warning", "problem"].filter((s) => set.has(s)).join(", ")}`,
  );
  assert.deepEqual(rows.sort(), found.sort());
});
