import assert from "node:assert/strict";
import { test } from "node:test";
import { DatagramReport, datagramReportBytes, datagramReportLayout } from "./datagram-report.ts";
import { DnsPacket, dnsPacketBytes, dnsPacketLayout } from "./dns-packet.ts";
import { readHeader, readStruct } from "./testdata/struct-layout.ts";

const header = readHeader("datagram.h");

test("the layouts are those of datagram.h", () => {
  assert.deepEqual(readStruct(header, "datagram_report"), datagramReportLayout);
  assert.match(header, new RegExp(`sizeof\\(struct datagram_report\\) == ${datagramReportBytes}`));
  assert.deepEqual(readStruct(header, "dns_packet"), dnsPacketLayout);
  assert.match(header, new RegExp(`sizeof\\(struct dns_packet\\) == ${dnsPacketBytes}`));
});

test("a report is read where it lies", () => {
  const data = new ArrayBuffer(2 * datagramReportBytes);
  const view = new DataView(data);
  const at = (member: keyof typeof datagramReportLayout) =>
    datagramReportBytes + datagramReportLayout[member];
  view.setUint32(at("bytes_received"), 9, true);
  view.setUint32(at("bytes_received") + 4, 2, true);
  view.setUint32(at("packets_sent"), 5, true);
  view.setUint16(at("remote_port"), 53, true);
  view.setUint16(at("icmp_type_code"), 0x0301, true);
  view.setUint8(at("protocol"), 17);
  view.setUint8(at("flags"), 2);
  new TextEncoder().encodeInto("unbound", new Uint8Array(data, at("process_name"), 16));
  const report = new DatagramReport(data);
  report.moveTo(datagramReportBytes);
  assert.equal(report.bytesReceived, 2 * 2 ** 32 + 9);
  assert.deepEqual(
    [report.packetsSent, report.remotePort, report.icmpTypeCode, report.protocol],
    [5, 53, 0x301, 17],
  );
  assert.deepEqual([report.isFirst, report.isLocalFirst, report.isAnswered], [false, true, false]);
  assert.equal(report.processName, "unbound");
  assert.equal(report.remoteAddress, datagramReportBytes + 80);
});

test("a DNS packet is read where it lies", () => {
  const data = new ArrayBuffer(200);
  const view = new DataView(data);
  view.setUint32(16, 7, true);
  view.setUint32(16 + dnsPacketLayout.cgroup_id, 4711, true);
  view.setUint32(16 + dnsPacketLayout.process, 99, true);
  view.setUint16(16 + dnsPacketLayout.message_length, 44, true);
  view.setUint8(16 + dnsPacketLayout.is_answer, 1);
  new TextEncoder().encodeInto("curl", new Uint8Array(data, 16 + dnsPacketLayout.process_name, 16));
  const packet = new DnsPacket(data);
  packet.moveTo(16);
  assert.deepEqual([packet.seenNanoseconds, packet.messageLength, packet.isAnswer], [7, 44, true]);
  assert.deepEqual([packet.message, packet.resolverAddress, packet.localAddress], [96, 48, 64]);
  assert.deepEqual([packet.cgroupId, packet.process, packet.processName], [4711, 99, "curl"]);
});
