import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readMessages } from "../src/goflow/testdata/read-message.ts";
import { netflow5, sendDatagrams } from "./pretend-exporter.ts";
import { PretendV9 } from "./pretend-v9.ts";
import { freePort, type Program, runProgram, startProgram, temporaryFolder, until } from "./program.ts";

interface Collecting extends Program {
  readonly flowPort: number;
  /** What came out of standard output so far. */
  readonly written: () => Buffer;
}

/** Starts `portolan collect`, for NetFlow unless other listeners are given, and waits until it collects. */
async function startCollect(t: TestContext, ...flags: string[]): Promise<Collecting> {
  const flowPort = await freePort();
  const program = await startProgram([
    "collect",
    ...["-listen", `netflow://127.0.0.1:${flowPort}`],
    ...["-addr", "127.0.0.1:0"],
    ...flags,
  ]);
  t.after(() => program.stop("SIGKILL"));
  const parts: Buffer[] = [];
  program.child.stdout!.on("data", (part: Buffer) => parts.push(part));
  await until("it collects", async () => ((await fetch(`${program.url}/__health`)).ok ? true : undefined));
  return { ...program, flowPort, written: () => Buffer.concat(parts) };
}

const recordsPerDatagram = 30;

/** Datagrams whose records are numbered from 0 by their octets. */
function numbered(datagramCount: number): Buffer[] {
  return Array.from({ length: datagramCount }, (_, datagram) => {
    const flows = Array.from({ length: recordsPerDatagram }, (_, i) => ({
      source: "10.1.2.3",
      destination: "192.0.2.9",
      sourcePort: 40_000 + i,
      destinationPort: 443,
      bytes: datagram * recordsPerDatagram + i,
      packets: 2,
    }));
    return netflow5(flows, datagram * recordsPerDatagram);
  });
}

/** The numbers of the records in JSON lines; every line has to be whole. */
function numbersIn(text: string): number[] {
  assert.ok(text === "" || text.endsWith("\n"), "the last line is whole");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { bytes: number }).bytes);
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

function fixture(name: string, room = "netflow"): Buffer[] {
  const file = new URL(`../src/${room}/testdata/${name}.hex`, import.meta.url);
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => Buffer.from(line, "hex"));
}

/** What GoFlow2 v2.2.6 wrote for a fixture, but for when it was received. */
const goflow2Lines = (name: string) =>
  readFileSync(new URL(`../src/goflow/testdata/${name}.goflow2.json`, import.meta.url), "utf8");
const withoutTime = (text: string) => text.replaceAll(/("?time_received_ns"?[:=])\d+/g, "$10");

/** NetFlow v5 has ICMP's type and code in the destination port. GoFlow2 leaves them there; we say what they are. */
const withIcmp = (text: string) =>
  text.replaceAll(
    /("proto":"ICMP".*?"dst_port":)(\d+)(.*?"icmp_type":)0,"icmp_code":0/g,
    (_, before: string, port: string, between: string) =>
      `${before}0${between}${Number(port) >> 8},"icmp_code":${Number(port) & 0xff}`,
  );

for (const [name, ours] of [
  ["softflowd-v5", withIcmp],
  ["softflowd-v9", (text: string) => text],
  ["softflowd-ipfix-milliseconds-vlan", (text: string) => text],
] as const) {
  test(`the seed manifest's arguments give GoFlow2's lines: ${name}`, async (t) => {
    const program = await startCollect(t, "-transport", "stdout", "-format", "json");
    const expected = ours(goflow2Lines(name));
    await sendDatagrams(program.flowPort, fixture(name));
    const lines = await until("all lines", () => {
      const text = program.written().toString();
      return text.split("\n").length === expected.split("\n").length ? text : undefined;
    });
    assert.deepEqual(withoutTime(lines).split("\n"), expected.split("\n"));
    const [, received] = /"time_received_ns":(\d+)/.exec(lines)!;
    assert.ok(Math.abs(Number(received) / 1e6 - Date.now()) < 60_000, received);
    assert.equal(await program.stop(), 0);
    assert.match(program.output(), /level=INFO msg="starting collection" scheme=netflow/);
  });
}

type Line = Record<string, string | number | readonly (string | number)[]>;

const linesIn = (text: string) =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

/** Starts it, sends, ends it; the JSON lines it wrote. */
async function collectLines(t: TestContext, scheme: string, datagrams: readonly Buffer[]): Promise<Line[]> {
  const port = await freePort();
  const program = await startCollect(t, "-listen", `${scheme}://127.0.0.1:${port}`);
  await sendDatagrams(port, datagrams);
  assert.equal(await program.stop(), 0);
  return linesIn(program.written().toString());
}

/** What GoFlow2 says of a sampled frame that is otherwise ours, in these records, and what we say. */
const ofFrame = [
  "bytes: 1518, here 1500",
  "observation_point_id: 0, here 7",
  "layer_size: 14,20,24, here 14,20,20",
];
const ofDatagram = ["bytes: 1058, here 1040", "observation_point_id: 0, here 7"];

/**
 * Differences from GoFlow2 v2.2.6, each meant: octets of the IP packet, not the frame; the data source; TCP headers as long
 * as they say (GoFlow2 takes the flags for the length); the VLAN that the switch names; no number that is all ones
 * (sFlow's for unknown); MPLS of the switch's record.
 */
const sflowDifferences: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "compact-and-expanded": [ofFrame, ofFrame],
  "gateway-of-own-addresses": [ofFrame, ofFrame],
  "switch-router-nat-mpls": [
    ["vlan_id: 0, here 10", ...ofFrame],
    ["src_vlan: 4095, here 0", "dst_vlan: 4294967295, here 0", ...ofDatagram],
    ofFrame,
    [
      "mpls_ttl: , here 64,64",
      "mpls_label: , here 256000,256001",
      "mpls_ip: , here 203.0.113.77",
      ...ofFrame,
    ],
  ],
};

for (const [name, differences] of Object.entries(sflowDifferences)) {
  test(`sFlow gives GoFlow2's lines, but for what is listed: ${name}`, async (t) => {
    const lines = await collectLines(t, "sflow", fixture(name, "sflow"));
    const theirs = linesIn(goflow2Lines(name));
    assert.equal(lines.length, theirs.length);
    for (const [i, line] of lines.entries()) {
      assert.deepEqual(Object.keys(line), Object.keys(theirs[i]!), "the fields, in their order");
      const found = Object.keys(line)
        .filter((field) => !field.endsWith("_ns") && String(line[field]) !== String(theirs[i]![field]))
        .map((field) => `${field}: ${theirs[i]![field]}, here ${line[field]}`);
      assert.deepEqual(found.sort(), [...differences[i]!].sort(), `record ${i}`);
      // A sampled packet was seen when its datagram came.
      assert.equal(line.time_flow_start_ns, line.time_received_ns);
      assert.equal(line.time_flow_end_ns, line.time_received_ns);
    }
  });
}

test("a record of both directions is two lines, the way back right behind, and nothing is lost", async (t) => {
  const name = "softflowd-ipfix-biflow";
  const lines = await collectLines(t, "netflow", fixture(name));
  const expected = new URL(`../src/netflow/testdata/${name}.json`, import.meta.url);
  const { rows } = JSON.parse(readFileSync(expected, "utf8")) as { rows: Record<string, string | number>[] };
  const ends = ["src_addr", "dst_addr", "src_port", "dst_port", "bytes", "packets"];
  assert.deepEqual(
    lines.map((line) => ends.map((field) => line[field])),
    rows.flatMap((row) => {
      const { sourceAddress, destinationAddress, octetDeltaCount = 0, packetDeltaCount = 0 } = row;
      const { sourceTransportPort: from = 0, destinationTransportPort: to = 0 } = row;
      const { reverseOctetDeltaCount = 0, reversePacketDeltaCount = 0 } = row;
      const forth = [sourceAddress, destinationAddress, from, to, octetDeltaCount, packetDeltaCount];
      const back = [
        destinationAddress,
        sourceAddress,
        to,
        from,
        reverseOctetDeltaCount,
        reversePacketDeltaCount,
      ];
      return [forth, back].filter(([, , , , , packets]) => packets !== 0);
    }),
  );
  const sum = (records: readonly Record<string, unknown>[], ...fields: string[]) =>
    records.reduce((total, row) => fields.reduce((value, name) => value + Number(row[name] ?? 0), total), 0);
  assert.equal(sum(lines, "bytes"), sum(rows, "octetDeltaCount", "reverseOctetDeltaCount"));
  assert.equal(sum(lines, "packets"), sum(rows, "packetDeltaCount", "reversePacketDeltaCount"));
});

test("protobuf messages are GoFlow2's, but for our own fields", async (t) => {
  const program = await startCollect(t, "-format", "bin", "-transport.file.sep", "");
  await sendDatagrams(program.flowPort, fixture("softflowd-v9"));
  assert.equal(await program.stop(), 0);
  const golden = new URL("../src/goflow/testdata/softflowd-v9.goflow2.bin", import.meta.url);
  // When it was received; flow direction and end reason are ours.
  const plain = (bytes: Buffer) => readMessages(bytes).map(({ 110: _, 42: __, 1016: ___, ...rest }) => rest);
  assert.deepEqual(plain(program.written()), plain(readFileSync(golden)));
});

test("text and protobuf", async (t) => {
  const text = await startCollect(t, "-format=text");
  const bin = await startCollect(t, "--format", "bin", "-transport.file.sep", "");
  for (const { flowPort } of [text, bin]) await sendDatagrams(flowPort, numbered(1));
  for (const program of [text, bin]) assert.equal(await program.stop(), 0);
  const lines = text.written().toString().split("\n");
  assert.equal(lines.length, recordsPerDatagram + 1);
  assert.match(
    lines[7]!,
    /^type=NETFLOW_V5 time_received_ns=\d+ .* bytes=7 packets=2 src_addr=10\.1\.2\.3 dst_addr=/,
  );
  const messages = readMessages(bin.written());
  assert.deepEqual(
    messages.map((message) => Number(message[9] ?? 0)),
    upTo(recordsPerDatagram),
  );
  assert.deepEqual([messages[7]![1], messages[7]![6], messages[7]![20]], [2n, "0a010203", 6n]);
});

test("SIGHUP goes on in a new file, and no record is lost or cut", async (t) => {
  const file = join(temporaryFolder(t), "records.json");
  const program = await startCollect(t, "-transport.file", file);
  const datagrams = numbered(90);
  const hasGrown = (path: string) =>
    until("records in the file", () => statSync(path, { throwIfNoEntry: false })?.size || undefined);
  for (let part = 0; part < 3; part++) {
    await sendDatagrams(program.flowPort, datagrams.slice(part * 30, part * 30 + 30));
    if (part === 2) break;
    await hasGrown(file);
    renameSync(file, `${file}.${part}`);
    program.child.kill("SIGHUP");
    await until("the new file", () => statSync(file, { throwIfNoEntry: false }));
  }
  assert.equal(await program.stop(), 0);
  const texts = [`${file}.0`, `${file}.1`, file].map((path) => readFileSync(path, "utf8"));
  for (const text of texts) assert.notEqual(text, "");
  assert.deepEqual(texts.flatMap(numbersIn), upTo(90 * recordsPerDatagram));
});

test("SIGTERM right behind a burst: every record that was received is written", async (t) => {
  const file = join(temporaryFolder(t), "records.json");
  const program = await startCollect(t, "-transport.file", file);
  await sendDatagrams(program.flowPort, numbered(60));
  assert.equal(await program.stop(), 0);
  assert.deepEqual(numbersIn(readFileSync(file, "utf8")), upTo(60 * recordsPerDatagram));
});

test("health, templates and metrics", async (t) => {
  const program = await startCollect(t);
  await sendDatagrams(program.flowPort, [...fixture("softflowd-v9"), Buffer.from("garbage")]);
  const templates = await until("templates", async () => {
    const found = await program.get<Record<string, Record<string, object>>>("/templates");
    return Object.keys(found).length > 0 ? found : undefined;
  });
  const [[source, ofSource]] = Object.entries(templates) as [
    [string, Record<string, Record<string, unknown>>],
  ];
  assert.match(source, /^127\.0\.0\.1:\d+$/);
  const template = ofSource["2533274790396928"]!; // version 9, domain 0, template 1024
  assert.deepEqual([template["template-id"], template["field-count"]], [1024, 16]);
  assert.deepEqual((template.fields as unknown[])[0], { "pen-provided": false, type: 8, length: 4, pen: 0 });

  const health = await fetch(`${program.url}/__health`);
  assert.deepEqual([health.status, await health.text()], [200, "OK\n"]);
  assert.equal((await fetch(`${program.url}/nothing`)).status, 404);
  const metrics = await until("all records are written and counted", async () => {
    const text = await (await fetch(`${program.url}/metrics`)).text();
    return /^portolan_output_records_total 11$/m.test(text) && text.includes("version_unknown")
      ? text
      : undefined;
  });
  const place = `remote_ip="127.0.0.1",local_ip="127.0.0.1",local_port="${program.flowPort}",type="netflow"`;
  for (const line of [
    `goflow2_flow_traffic_packets_total{${place}} 2`,
    'goflow2_flow_process_nf_total{router="127.0.0.1",version="9"} 2',
    'portolan_collector_records_total{exporter="127.0.0.1"} 11',
    `goflow2_flow_process_nf_templates_total{router="${source}",version="9",obs_domain_id="0",template_id="256",type="options_template"} 1`,
    'portolan_collector_received_total{exporter="127.0.0.1",unit="datagrams"} 1',
    'portolan_collector_templates{exporter="127.0.0.1"} 5',
    "portolan_output_records_total 11",
    'portolan_drops_total{reason="version_unknown",source="127.0.0.1"} 1',
  ])
    assert.ok(metrics.split("\n").includes(line), `${line}\n${metrics}`);
});

const processed = (name: string, labels: string, value: number) =>
  `goflow2_flow_process_${name}_total{router="127.0.0.1",${labels}} ${value}`;
const ofV9 = (type: string) => `version="9",type="${type}"`;
const ofAgent = (type: string) => `agent="198.51.100.254",version="5",type="${type}"`;

/** What GoFlow2 v2.2.6 counts of these fixtures. */
for (const [name, room, expected, also = []] of [
  [
    "softflowd-v9",
    "netflow",
    [
      processed("nf", 'version="9"', 1),
      processed("nf_flowset", ofV9("TemplateFlowSet"), 4),
      processed("nf_flowset", ofV9("OptionsTemplateFlowSet"), 1),
      processed("nf_flowset", ofV9("DataFlowSet"), 5),
      processed("nf_flowset", ofV9("OptionsDataFlowSet"), 1),
      processed("nf_flowset_records", ofV9("TemplateFlowSet"), 4),
      processed("nf_flowset_records", ofV9("OptionsTemplateFlowSet"), 1),
      processed("nf_flowset_records", ofV9("DataFlowSet"), 11),
      processed("nf_flowset_records", ofV9("OptionsDataFlowSet"), 1),
    ],
  ],
  [
    "softflowd-v5",
    "netflow",
    [processed("nf", 'version="5"', 1), processed("nf_flowset", 'version="5",type="DataFlowSet"', 7)],
  ],
  [
    "compact-and-expanded",
    "sflow",
    [
      processed("sf", 'agent="198.51.100.254",version="5"', 2),
      processed("sf_samples", ofAgent("FlowSample"), 1),
      processed("sf_samples", ofAgent("ExpandedFlowSample"), 1),
      processed("sf_samples", ofAgent("CounterSample"), 3),
      processed("sf_samples", ofAgent("ExpandedCounterSample"), 1),
      processed("sf_samples_records", ofAgent("FlowSample"), 1),
      processed("sf_samples_records", ofAgent("ExpandedFlowSample"), 1),
      processed("sf_samples_records", ofAgent("CounterSample"), 6),
      processed("sf_samples_records", ofAgent("ExpandedCounterSample"), 1),
    ],
    ["counters-and-port-names"],
  ],
] as const) {
  test(`GoFlow2's figures of what was processed: ${name}`, async (t) => {
    const program = await startCollect(t, "-listen", "flow://127.0.0.1:0");
    const port = /hostname=127\.0\.0\.1 port=(\d+)/.exec(program.output())![1];
    const datagrams = [name, ...also].flatMap((fixtureName) => fixture(fixtureName, room));
    await sendDatagrams(Number(port), datagrams);
    const lines = await until("the figures", async () => {
      const text = await (await fetch(`${program.url}/metrics`)).text();
      const found = text.split("\n").filter((line) => /^goflow2_flow_process_(?!nf_templates)/.test(line));
      return text.includes(`portolan_collector_packets_total{exporter="127.0.0.1"} ${datagrams.length}\n`)
        ? found
        : undefined;
    });
    assert.deepEqual(lines.sort(), [...expected].sort());
    await program.stop();
  });
}

/** What comes back for these bytes, until the other side closes. */
async function ask(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  let text = "";
  for await (const part of socket) text += part;
  return text;
}

test("any request line has an answer, and none ends it", async (t) => {
  const program = await startCollect(t);
  for (const [line, status, body] of [
    ["GET // HTTP/1.1", 404, "404 page not found\n"],
    ["GET http:// HTTP/1.1", 404, "404 page not found\n"],
    ["GET /__health?x=// HTTP/1.1", 200, "OK\n"],
    ["HEAD /__health HTTP/1.1", 200, ""],
    ["HEAD /metrics HTTP/1.1", 200, ""],
    ["POST /metrics HTTP/1.1", 405, "Method Not Allowed\n"],
    ["GET /\u0000 HTTP/1.1", 400, ""],
    ["nonsense", 400, ""],
  ] as const) {
    const text = await ask(program.url, `${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), line);
    assert.equal(text.slice(text.indexOf("\r\n\r\n") + 4), body, line);
  }
  assert.equal(await program.stop(), 0);
});

test("a request that does not end is given up", async (t) => {
  const program = await startCollect(t);
  const { hostname, port } = new URL(program.url);
  const socket = connect(Number(port), hostname);
  socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\n");
  let text = "";
  for await (const part of socket) text += part;
  assert.match(text, /^HTTP\/1\.1 408 /);
});

test("whoever reaches it may ask: the start line says so, and how to close it", async (t) => {
  const [open, closed] = [await startCollect(t, "-addr", ":0"), await startCollect(t)];
  assert.match(open.output(), /to whoever reaches this address; -addr 127\.0\.0\.1:\d+ closes it/);
  assert.doesNotMatch(closed.output(), /whoever reaches/);
});

/** IPFIX that announces templates of one field, as many as one exporter may. */
function announcement(templateCount: number): Buffer {
  const set = Buffer.alloc(4 + templateCount * 8);
  set.writeUInt16BE(2, 0);
  set.writeUInt16BE(set.length, 2);
  for (let i = 0; i < templateCount; i++)
    [256 + i, 1, 8, 4].forEach((word, n) => void set.writeUInt16BE(word, 4 + i * 8 + n * 2));
  const header = Buffer.alloc(16);
  header.writeUInt16BE(10, 0);
  header.writeUInt16BE(header.length + set.length, 2);
  header.writeUInt32BE(Math.trunc(Date.now() / 1000), 4);
  return Buffer.concat([header, set]);
}

test("very many templates: metrics and the list are bounded", async (t) => {
  const program = await startCollect(t);
  for (const host of ["127.0.0.2", "127.0.0.3", "127.0.0.4"]) {
    const socket = createSocket("udp4").bind(0, host);
    t.after(() => socket.close());
    await once(socket, "listening");
    socket.send(announcement(4096), program.flowPort, "127.0.0.1");
  }
  const metrics = await until("the templates", async () => {
    const text = await (await fetch(`${program.url}/metrics`)).text();
    return text.match(/^portolan_collector_templates\{.* 4096$/gm)?.length === 3 ? text : undefined;
  });
  const series = metrics.match(/^goflow2_flow_process_nf_templates_total\{.*$/gm)!;
  assert.equal(series.length, 5001);
  assert.match(series.at(-1)!, /router="~other",version="",.* 7288$/);

  const list = await fetch(`${program.url}/templates`);
  assert.equal(list.headers.get("portolan-left-out"), "2288");
  const bySource = (await list.json()) as Record<string, object>;
  assert.equal(Object.values(bySource).flatMap(Object.keys).length, 10_000);
});

test("a full disk: said once, counted, and on when there is room", async (t) => {
  const program = await startCollect(t, "-transport.file", "/dev/full");
  await sendDatagrams(program.flowPort, numbered(2));
  await until("the records are counted", async () => {
    const metrics = await (await fetch(`${program.url}/metrics`)).text();
    const count = /^portolan_drops_total\{reason="output_failed",source="output"\} (\d+)$/m.exec(
      metrics,
    )?.[1];
    return Number(count) === 2 * recordsPerDatagram ? true : undefined;
  });
  assert.equal(await program.stop(), 1, "what was taken could not be written");
  assert.match(program.output().trim().split("\n").at(-1)!, /"60 records could not be written"/);
  assert.equal(program.output().match(/\/dev\/full takes no records: writing ended with ENOSPC/g)?.length, 1);
});

test("a reader that has stopped reading costs records, not the program", async (t) => {
  const pipe = join(temporaryFolder(t), "pipe");
  execFileSync("mkfifo", [pipe]);
  const reader = spawn("sh", ["-c", `exec 3<'${pipe}'; sleep 60`], { detached: true, stdio: "ignore" });
  t.after(() => process.kill(-reader.pid!, "SIGKILL"));
  const program = await startCollect(t, "-transport.file", pipe);
  await sendDatagrams(program.flowPort, numbered(20)); // 600 kB; a pipe holds 64
  await sendDatagrams(program.flowPort, numbered(20));
  await until("it says so", () => /its reader has stopped reading/.exec(program.output()) ?? undefined);
  assert.equal((await fetch(`${program.url}/__health`)).status, 200);
  assert.equal(await program.stop(), 1, "what was taken could not be written");
  assert.match(program.output(), /\d+ bytes of records could not be written/);
});

test("SIGHUP while the old file takes nothing: its cut record is told, and does not begin the new file", async (t) => {
  const pipe = join(temporaryFolder(t), "pipe");
  execFileSync("mkfifo", [pipe]);
  const reader = spawn("sh", ["-c", `exec 3<'${pipe}'; sleep 60`], { detached: true, stdio: "ignore" });
  t.after(() => process.kill(-reader.pid!, "SIGKILL"));
  const program = await startCollect(t, "-transport.file", pipe);
  await sendDatagrams(program.flowPort, numbered(20)); // 600 kB; a pipe holds 64
  await until("it says so", () => /its reader has stopped reading/.exec(program.output()) ?? undefined);
  renameSync(pipe, `${pipe}.0`);
  program.child.kill("SIGHUP");
  await until(
    "it says what is cut",
    () => /\d+ bytes of records could not be written to the old file/.exec(program.output()) ?? undefined,
  );
  await sendDatagrams(program.flowPort, numbered(2));
  assert.equal(await program.stop(), 1, "what was taken could not be written");
  assert.deepEqual(numbersIn(readFileSync(pipe, "utf8")), upTo(2 * recordsPerDatagram));
});

test("templates outlive a restart in their file, but not -templates.ttl", async (t) => {
  const file = join(temporaryFolder(t), "templates.json");
  const exporters: PretendV9[] = [];
  t.after(() => exporters.forEach((exporter) => void exporter.close()));
  const start = async (...flags: string[]) => {
    const program = await startCollect(t, "-templates.json.path", file, ...flags);
    const exporter = new PretendV9("127.0.0.1", program.flowPort, 300);
    exporters.push(exporter);
    return { program, exporter };
  };
  const first = await start();
  await first.exporter.announce();
  assert.equal(await first.program.stop(), 0);

  const second = await start();
  await second.exporter.tell(11, 12);
  assert.equal(await second.program.stop(), 0);
  assert.deepEqual(numbersIn(second.program.written().toString()), [11, 12]);

  const third = await start("-templates.ttl", "1ms");
  await third.exporter.tell(13);
  await until("the data wait", async () => {
    const metrics = await (await fetch(`${third.program.url}/metrics`)).text();
    return metrics.includes('portolan_collector_missing_templates{exporter="127.0.0.1"} 1\n') || undefined;
  });
  await third.program.stop();
  assert.equal(third.program.written().length, 0);
});

test("a templates file that no thread could be handed is set aside, and it starts", async (t) => {
  const file = join(temporaryFolder(t), "templates.json");
  const nested = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  writeFileSync(file, `{"format":"portolan-templates","version":1,"exporters":${nested}}`);
  const program = await startCollect(t, "-templates.json.path", file);
  assert.match(program.output(), /nested deeper than 16 levels: not taken, kept as /);
  assert.equal(await program.stop(), 0);
  assert.ok(statSync(`${file}.old`).size > 40_000);
});

test("standard output that nobody reads any more ends it, with a message", async (t) => {
  const program = await startCollect(t);
  program.child.stdout!.destroy();
  const ended = once(program.child, "exit");
  await sendDatagrams(program.flowPort, numbered(1));
  assert.deepEqual(await ended, [1, null]);
  assert.match(program.output(), /nobody reads the records any more/);
});

test("an unknown flag, a value that is none, what is not built: exit 2, all of them told", async () => {
  const { code, output } = await runProgram([
    "collect",
    "-lisen",
    "x",
    "-format",
    "xml",
    "-transport",
    "kafka",
  ]);
  assert.equal(code, 2, output);
  for (const expected of [/did you mean -listen/, /-format: xml/, /kafka is not built yet/])
    assert.match(output, expected);
});

test("places that cannot be had: exit 2, which, and the flag", async (t) => {
  const taken = createSocket("udp4").bind(0, "127.0.0.1");
  t.after(() => taken.close());
  await once(taken, "listening");
  const { port } = taken.address();
  const httpPort = Number(new URL((await startCollect(t)).url).port);
  for (const [flags, expected] of [
    [
      ["-listen", `netflow://127.0.0.1:${port}`, "-addr="],
      new RegExp(`127\\.0\\.0\\.1:${port} is already in use: .*-listen`),
    ],
    [
      ["-listen", "netflow://127.0.0.1:0", "-addr", `127.0.0.1:${httpPort}`],
      /-addr: tcp .* cannot be opened \(EADDRINUSE\)/,
    ],
    [
      ["-listen", "netflow://127.0.0.1:0", "-addr=", "-transport.file", "/nonexistent/x"],
      /-transport\.file: \/nonexistent\/x/,
    ],
  ] as const) {
    const { code, output } = await runProgram(["collect", ...flags]);
    assert.equal(code, 2, output);
    assert.match(output, expected);
  }
});

test("-h lists every flag, -v prints the version, --help of the program has the command", async () => {
  const [help, version, program] = await Promise.all(
    [["collect", "-h"], ["collect", "-v"], ["--help"]].map((parameters) => runProgram(parameters)),
  );
  assert.deepEqual([help!.code, version!.code, program!.code], [0, 0, 0]);
  assert.match(help!.output, /-transport\.file\.sep/);
  assert.match(help!.output, /-addr HOST:PORT .* to whoever reaches it; .* 127\.0\.0\.1:8080, or empty/);
  assert.match(version!.output, /^Portolan \d+\.\d+\.\d+\n$/);
  for (const name of ["up", "server", "collect", "doctor"])
    assert.match(program!.output, new RegExp(`^  ${name} `, "m"));
});
