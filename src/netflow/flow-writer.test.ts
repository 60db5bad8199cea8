import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch, parseAddress } from "../flow/index.ts";
import { createFlowWriter, defaultFlowWriterConfig, type FlowWriterConfig, timeFormats } from "./index.ts";
import { createTrial } from "./testdata/decode.ts";

const now = 1_760_000_100_500;
const boot = now - 90_000;

function batchOf(count: number): FlowBatch {
  const batch = new FlowBatch(count, { hasDetails: true });
  for (let i = 0; i < count; i++) {
    const row = batch.append();
    const isIPv6 = i % 3 === 2;
    const { columns } = batch;
    columns.sourceAddress.set(parseAddress(isIPv6 ? "2001:db8::1" : "192.0.2.1")!, row * 16);
    columns.destinationAddress.set(parseAddress(isIPv6 ? "2001:db8::2" : "198.51.100.2")!, row * 16);
    const isIcmp = i % 4 === 3;
    columns.protocolIdentifier[row] = isIcmp ? (isIPv6 ? 58 : 1) : 6;
    if (isIcmp) columns.icmpTypeCode[row] = 0x0800;
    else {
      columns.sourceTransportPort[row] = 1024 + i;
      columns.destinationTransportPort[row] = 443;
      columns.tcpControlBits[row] = 0x1b;
    }
    columns.octetDeltaCount[row] = 2 ** 40 + i;
    columns.packetDeltaCount[row] = 1000 + i;
    columns.flowStartMilliseconds[row] = now - 60_000 + i;
    columns.flowEndMilliseconds[row] = now - 1000 + i;
    columns.ingressInterface[row] = 7;
    columns.flowEndReason[row] = 2;
    columns.flowDirection[row] = i % 2;
    columns.ipClassOfService[row] = 0xb8;
    columns.vlanId[row] = 100;
    columns.dot1qCustomerVlanId[row] = 200;
    columns.sourceMacAddress[row] = 0x02_00_00_00_00_01;
    columns.destinationMacAddress[row] = 0x02_ff_ff_ff_ff_02;
    columns.mplsLabelStack[row] = batch.appendList([(16 << 12) | 0x40, (17 << 12) | 0x100]);
    columns.reverseOctetDeltaCount[row] = 99;
    columns.reversePacketDeltaCount[row] = 3;
    columns.reverseIpClassOfService[row] = 0x28;
    if (!isIcmp) columns.reverseTcpControlBits[row] = 0x12;
    columns.clientEnd[row] = 1;
  }
  return batch;
}

function writeAll(config: Partial<FlowWriterConfig>, batch: FlowBatch) {
  const messages: Uint8Array[] = [];
  const records: number[] = [];
  const writer = createFlowWriter(
    {
      ...defaultFlowWriterConfig,
      bootMilliseconds: boot,
      observationDomainId: 7,
      interfaceIndex: 7,
      interfaceName: "eth0",
      ...config,
    },
    (message, count) => {
      messages.push(message.slice());
      records.push(count);
    },
  );
  let refused = 0;
  for (let row = 0; row < batch.count; row++) if (!writer.write(batch, row, now)) refused++;
  writer.flush(now);
  return { messages, records, refused, writer };
}

const full = { withVlans: true, withMacs: true, mplsLabels: 2, isBiflow: true } as const;

for (const timeFormat of timeFormats)
  test(`what is written as IPFIX with times as ${timeFormat} is read again, field by field`, () => {
    const batch = batchOf(100);
    const { messages, records } = writeAll({ ...full, version: 10, timeFormat }, batch);
    assert.equal(
      records.reduce((sum, count) => sum + count),
      100,
    );
    const trial = createTrial(7, {}, true);
    for (const message of messages) trial.send(message);
    assert.deepEqual(trial.drops, {});
    assert.equal(trial.rows.length, 100);
    for (const [i, row] of trial.rows.entries()) {
      const isIcmp = i % 4 === 3;
      const exact = timeFormat !== "sec" && timeFormat !== "uptime";
      const expected: Record<string, unknown> = {
        octetDeltaCount: 2 ** 40 + i,
        packetDeltaCount: 1000 + i,
        sourceAddress: i % 3 === 2 ? "2001:db8::1" : "192.0.2.1",
        vlanId: 100,
        dot1qCustomerVlanId: 200,
        sourceMacAddress: 0x02_00_00_00_00_01,
        destinationMacAddress: 0x02_ff_ff_ff_ff_02,
        reverseOctetDeltaCount: 99,
        reversePacketDeltaCount: 3,
        reverseIpClassOfService: 0x28,
        clientEnd: 1,
        flowEndReason: 2,
        flowDirection: i % 2,
        ingressInterface: 7,
        ipClassOfService: 0xb8,
        ...(isIcmp
          ? { icmpTypeCode: 0x0800 }
          : { sourceTransportPort: 1024 + i, tcpControlBits: 0x1b, reverseTcpControlBits: 0x12 }),
        ...(exact ? { flowStartMilliseconds: now - 60_000 + i, flowEndMilliseconds: now - 1000 + i } : {}),
      };
      for (const [name, value] of Object.entries(expected))
        assert.deepEqual(row[name], value, `${name} of ${i}`);
      assert.deepEqual(
        (row.mplsLabelStack as number[]).map((entry) => entry >>> 12),
        [16, 17],
      );
    }
  });

test("version 9: header counts records of every kind, sets end at multiples of 4, the sequence counts messages", () => {
  const { messages } = writeAll({ version: 9, timeFormat: "uptime", templateMessages: 3 }, batchOf(200));
  const trial = createTrial(7, {}, true);
  for (const [i, message] of messages.entries()) {
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    assert.equal(view.getUint32(12), i);
    assert.equal(view.getUint32(16), 7, "the source id is the interface");
    let counted = 0;
    const sizes = new Map([
      [256, recordLength(40, false)],
      [257, recordLength(40, true)],
      [258, recordLength(64, false)],
      [259, recordLength(64, true)],
      [260, 9],
      [261, 28 - 4 + 0],
    ]);
    for (let at = 20; at < message.length; ) {
      const [id, length] = [view.getUint16(at), view.getUint16(at + 2)];
      assert.equal(length % 4, 0);
      counted += id < 256 ? 1 : Math.floor((length - 4) / sizes.get(id)!);
      at += length;
    }
    assert.equal(view.getUint16(2), counted, `message ${i}`);
    trial.send(message);
  }
  assert.equal(trial.rows.length, 200);
  assert.deepEqual(trial.drops, {});
});

/** Of version 9 as written here: addresses and times, two 64-bit counters, two interfaces, and single octets. */
function recordLength(addressesAndMore: number, isIcmp: boolean): number {
  return (addressesAndMore === 40 ? 8 : 32) + 8 + 16 + 8 + 1 + 1 + 1 + 1 + 1 + (isIcmp ? 2 : 5);
}

test("IPFIX: the sequence counts the data records before the message, options among them", () => {
  const { messages, records } = writeAll(
    { version: 10, templateMessages: 2, samplingInterval: 5 },
    batchOf(200),
  );
  let expected = 0;
  for (const [i, message] of messages.entries()) {
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    assert.equal(view.getUint16(2), message.length);
    assert.equal(view.getUint32(8), expected, `message ${i}`);
    assert.ok(message.length <= 1428);
    expected += records[i]! + (i % 2 === 0 ? 2 : 0); // a sampler and a name
  }
});

test("templates come again after a time, and when asked", () => {
  const messages: Uint8Array[] = [];
  const writer = createFlowWriter({ ...defaultFlowWriterConfig, templateMessages: 1000 }, (message) =>
    messages.push(message.slice()),
  );
  const batch = batchOf(1);
  const send = (seconds: number) => {
    writer.write(batch, 0, now + seconds * 1000);
    writer.flush(now + seconds * 1000);
  };
  for (const seconds of [0, 1, 59, 60, 61]) send(seconds);
  writer.repeatTemplates();
  send(62);
  assert.deepEqual(
    messages.map((message) => message[17] === 2),
    [true, false, false, true, false, true],
  );
});

test("options tell the sampling and the interface's name", () => {
  for (const version of [9, 10] as const) {
    const { messages } = writeAll({ version, samplingInterval: 100 }, batchOf(1));
    const trial = createTrial(7, {}, true);
    for (const message of messages) trial.send(message);
    assert.equal(trial.rows[0]?.samplingInterval, 100, `version ${version}`);
    assert.deepEqual(
      trial.interfaces.map(({ name }) => name),
      ["eth0"],
      `version ${version}`,
    );
  }
});

test("options can be left out", () => {
  const { messages } = writeAll({ version: 10, samplingInterval: 5, withOptions: false }, batchOf(1));
  const view = new DataView(messages[0]!.buffer, messages[0]!.byteOffset, messages[0]!.length);
  for (let at = 16; at < messages[0]!.length; at += view.getUint16(at + 2))
    assert.notEqual(view.getUint16(at), 3);
});

test("version 5: 30 records a message, the sequence counts records, IPv6 is refused", () => {
  const { messages, records, refused } = writeAll({ version: 5, samplingInterval: 10 }, batchOf(100));
  assert.equal(refused, 33);
  assert.deepEqual(records, [30, 30, 7]);
  const view = new DataView(messages[2]!.buffer, messages[2]!.byteOffset);
  assert.equal(view.getUint32(16), 60);
  assert.equal(view.getUint16(22), 0x4000 | 10);
  assert.equal(view.getUint8(21), 7, "the engine id is the interface");
  const trial = createTrial();
  for (const message of messages) trial.send(message);
  assert.equal(trial.rows.length, 67);
  const [row] = trial.rows;
  assert.equal(row?.flowStartMilliseconds, now - 60_000);
  assert.deepEqual([row?.protocolIdentifier, row?.tcpControlBits, row?.ipClassOfService], [6, 0x1b, 0xb8]);
});

test("version 1: at most 24 records a message", () => {
  const { messages, records } = writeAll({ version: 1 }, batchOf(60));
  assert.deepEqual(records, [24, 16]);
  assert.equal(messages[0]!.length, 16 + 24 * 48);
});
