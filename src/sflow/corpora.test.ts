import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { formatProtocol } from "../flow/index.ts";
import { isSflow } from "./index.ts";
import { createTrial, type Row } from "./testdata/decode.ts";

/** Captures of others, used in place where they are: shared/corpora/INDEX.md says what is in them. */
const corpora = `${import.meta.dirname}/../../../shared/corpora`;
const skip = existsSync(corpora) ? false : "no corpora beside the repository";
const text = (path: string) => readFileSync(`${corpora}/${path}`, "utf8");

/** The UDP payloads of a capture of Ethernet, IPv4 without options or IPv6. */
function readPayloads(path: string): Uint8Array[] {
  const capture = readFileSync(`${corpora}/${path}`);
  const isLittle = capture[0] === 0xd4 || capture[0] === 0x4d;
  const payloads: Uint8Array[] = [];
  for (let at = 24; at + 16 <= capture.length; ) {
    const length = isLittle ? capture.readUInt32LE(at + 8) : capture.readUInt32BE(at + 8);
    const frame = capture.subarray(at + 16, at + 16 + length);
    payloads.push(frame.subarray((frame[14]! >> 4 === 4 ? 34 : 54) + 8));
    at += 16 + length;
  }
  return payloads;
}

/** A line of Influx's line protocol: its fields, numbers without their type. */
function parseInflux(line: string): Record<string, string> {
  const fields = line.slice(line.indexOf(" ") + 1).matchAll(/(\w+)=("[^"]*"|[^,\s]+)/g);
  return Object.fromEntries([...fields].map(([, name, value]) => [name, value!.replace(/^"|"$|u$/g, "")]));
}

/** Telegraf's name of a field, and what ours says. */
const telegrafNames: Readonly<Record<string, (row: Row) => unknown>> = {
  agent_ip: (row) => row.exporterAddress,
  agent_subid: (row) => row.observationDomainId ?? 0,
  src: (row) => row.sourceAddress,
  dst: (row) => row.destinationAddress,
  src_port: (row) => row.sourceTransportPort,
  dst_port: (row) => row.destinationTransportPort,
  protocol: (row) => formatProtocol(Number(row.protocolIdentifier)),
  ttl: (row) => row.ipTTL,
  src_tos: (row) => row.ipClassOfService ?? 0,
  ipv4_id: (row) => row.fragmentIdentification ?? 0,
  fragment_offset: (row) => row.fragmentOffset ?? 0,
  ipv4_total_len: (row) => row.octetDeltaCount,
  ipv6_total_len: (row) => Number(row.octetDeltaCount) - 40,
  in_src_mac: (row) => String(row.sourceMacAddress).replaceAll(/..(?=.)/g, "$&:"),
  out_dst_mac: (row) => String(row.destinationMacAddress).replaceAll(/..(?=.)/g, "$&:"),
  vlan_src: (row) => row.vlanId ?? 0,
  vlan_dst: (row) => row.postVlanId ?? 0,
  sampling_interval: (row) => row.samplingInterval,
  out_snmp: (row) => row.egressInterface ?? 0,
};

/** Where ours is another, on purpose. Its `in_snmp` and `direction` are not compared: it writes the data source for the input. */
const telegrafDifferences: Readonly<Record<string, string>> = {
  hopopt: "the protocol is behind the extension headers",
};

test("telegraf's sFlow cases give its values", { skip }, () => {
  let comparedCount = 0;
  for (const folder of readdirSync(`${corpora}/telegraf`).filter((name) => name.startsWith("sflow_"))) {
    const trial = createTrial();
    const [name] = readdirSync(`${corpora}/telegraf/${folder}`).filter((file) => file.endsWith(".bin"));
    trial.send(readFileSync(`${corpora}/telegraf/${folder}/${name}`));
    const events = text(`telegraf/${folder}/expected.out`).trim().split("\n").map(parseInflux);
    const flows = events.filter(({ src }) => src !== undefined);
    assert.equal(trial.rows.length, flows.length, folder);
    for (const [i, event] of flows.entries()) {
      for (const [theirs, ours] of Object.entries(telegrafNames)) {
        if (event[theirs] === undefined || event[theirs] in telegrafDifferences) continue;
        assert.equal(String(ours(trial.rows[i]!)), event[theirs], `${folder}: flow ${i} ${theirs}`);
        comparedCount++;
      }
    }
    const counters = events.filter((event) => event.interface !== undefined);
    assert.deepEqual(
      trial.interfaces.map(({ index, name: port, speed }) => [index, speed, port]),
      counters.map((event) => [Number(event.interface), Number(event.speed), event.port_name ?? ""]),
      folder,
    );
    comparedCount += counters.length * 3;
  }
  assert.ok(comparedCount > 80, `only ${comparedCount} values compared`);
});

/** What `tcpdump -v` says of a capture's sFlow: headers, flow samples, interfaces of counters. */
function parseTcpdump(output: string) {
  const numbers = (pattern: RegExp) =>
    [...output.matchAll(pattern)].map((match) =>
      match.slice(1).map((part) => (/^\d+$/.test(part) ? Number(part) : part)),
    );
  const expanded =
    /expanded flow sample \(3\).*?, rate (\d+),.*?input (\d+) \((\d+)\), output (\d+) \((\d+)\)/g;
  return {
    headers: numbers(/IPv[46] agent (\S+), agent-id (\d+), seqnum (\d+), uptime (\d+), samples/g),
    flows: [
      ...numbers(/\tflow sample \(1\).*?, idx (\d+), rate (\d+),.*?input (\d+) output (\d+)/g).map(
        ([index, rate, input, output]) => [index, rate, input, (output as number) >= 2 ** 31 ? 0 : output],
      ),
      ...numbers(expanded).map(([rate, input, , output]) => [11001, rate, input, output]),
    ],
    interfaces: numbers(/ifindex (\d+), iftype \d+, ifspeed (\d+)/g),
  };
}

test("tcpdump's captures give what it says of them", { skip }, () => {
  for (const name of ["sflow-print-v6", "sflow_expanded", "sflow_multiple_counter_30_pdus"]) {
    const trial = createTrial();
    for (const payload of readPayloads(`tcpdump/${name}.pcap`)) if (isSflow(payload)) trial.send(payload);
    const expected = parseTcpdump(text(`tcpdump/${name}.out`));
    assert.ok(expected.headers.length > 0 && expected.flows.length + expected.interfaces.length > 0, name);
    const headers = trial.messages.map((m) => [
      m.agent,
      m.observationDomainId,
      m.sequenceNumber,
      m.uptimeMilliseconds,
    ]);
    assert.deepEqual(
      headers,
      expected.headers.map(([agent, ...rest]) => [shortened(agent), ...rest]),
      name,
    );
    assert.deepEqual(
      trial.rows.map((row) => [
        row.observationPointId,
        row.samplingInterval,
        row.ingressInterface ?? 0,
        row.egressInterface ?? 0,
      ]),
      expected.flows,
      name,
    );
    assert.deepEqual(
      trial.interfaces.map(({ index, speed }) => [index, speed]),
      expected.interfaces,
      name,
    );
    assert.deepEqual(trial.drops, {}, name);
  }
});

/** tcpdump writes `30::1:1:1` as we do; a comma may stick to the address. */
function shortened(agent: string | number | undefined): string {
  return String(agent).replace(/,$/, "");
}

test("tcpdump's truncated capture is a drop", { skip }, () => {
  const trial = createTrial();
  for (const payload of readPayloads("tcpdump/sflow_print-segv.pcap")) trial.send(payload);
  assert.deepEqual([trial.rows.length, trial.drops], [0, { sample_truncated: 2 }]);
});

test("GoFlow2's and vFlow's datagrams give their flows", { skip }, () => {
  const read = (path: string) => {
    const trial = createTrial();
    trial.send(readFileSync(`${corpora}/${path}`));
    return [
      trial.rows.length,
      trial.drops,
      trial.decoder.describe("192.0.2.1")!.agents[0]!.recordCounts,
    ] as const;
  };
  const [flowCount, , { flow }] = read("goflow2/TestSFlowDecode.data.bin");
  assert.deepEqual([flowCount, flow], [1, 1]);
  const [expandedCount, , { expandedFlow }] = read("goflow2/TestExpandedSFlowDecode.data.bin");
  assert.deepEqual([expandedCount, expandedFlow], [5, 10]);
  for (const kind of ["EgressQueue", "ExtendedACL", "ExtendedFunction"]) {
    const [rows, drops, { discarded }] = read(`goflow2/TestSFlowDecodeDrop${kind}.data.bin`);
    assert.deepEqual([rows, drops, discarded], [0, { record_empty: 1 }, 1], `${kind}: no packet is in it`);
  }
  for (const name of ["RawPacket.07", "RawPacketWithPaddingAfterSample.08"]) {
    const [rows, drops] = read(`vflow/sflow.TestsFlow${name}.bin`);
    assert.deepEqual([rows, drops], [5, {}], name);
  }
});
