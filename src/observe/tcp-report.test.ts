import assert from "node:assert/strict";
import { test } from "node:test";
import { TcpReport, tcpReportBytes, tcpReportLayout } from "./tcp-report.ts";
import { readHeader, readStruct } from "./testdata/struct-layout.ts";

const header = readHeader("tcp.h");

test("the layout is the one of struct tcp_report in tcp.h", () => {
  assert.deepEqual(readStruct(header, "tcp_report"), tcpReportLayout);
  assert.match(header, new RegExp(`sizeof\\(struct tcp_report\\) == ${tcpReportBytes}`));
});

test("a report is read where it lies", () => {
  const data = new ArrayBuffer(3 * tcpReportBytes);
  const view = new DataView(data);
  const at = (member: keyof typeof tcpReportLayout) => tcpReportBytes + tcpReportLayout[member];
  view.setUint32(at("bytes_sent"), 7, true);
  view.setUint32(at("bytes_sent") + 4, 3, true);
  view.setUint16(at("local_port"), 443, true);
  view.setUint8(at("role"), 2);
  view.setUint8(at("flags"), 2 | 8);
  new TextEncoder().encodeInto("nginx", new Uint8Array(data, at("process_name"), 16));
  const report = new TcpReport(data);
  report.moveTo(tcpReportBytes);
  assert.equal(report.bytesSent, 3 * 2 ** 32 + 7);
  assert.equal(report.localPort, 443);
  assert.equal(report.role, 2);
  assert.equal(report.processName, "nginx");
  assert.deepEqual(
    [report.isFirst, report.isClosed, report.isOlder, report.isUnopened, report.opens],
    [false, true, false, true, false],
  );
  assert.equal(report.localAddress, tcpReportBytes + tcpReportLayout.local_address);
});
