import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { TcpReport, tcpReportBytes, tcpReportLayout } from "./tcp-report.ts";

const header = readFileSync(new URL("./bpf/tcp.h", import.meta.url), "utf8");
const widths: Readonly<Record<string, number>> = { __u64: 8, __u32: 4, __u16: 2, __u8: 1, char: 1 };

/** Offsets of the members of a C struct without padding, from its text. */
function readStruct(name: string): Record<string, number> {
  const body = new RegExp(`struct ${name} \\{([^}]*)\\}`).exec(header)?.[1] ?? "";
  const offsets: Record<string, number> = {};
  let offset = 0;
  for (const [, type = "", member = "", length] of body.matchAll(
    /^\s*(__u\d+|char) (\w+)(?:\[(\d+)\])?;/gm,
  )) {
    const width = widths[type]!;
    assert.equal(offset % width, 0, `${member} would be padded`);
    offsets[member] = offset;
    offset += width * Number(length ?? 1);
  }
  assert.equal(
    offset,
    Number(new RegExp(`sizeof\\(struct ${name}\\) == (\\d+)`).exec(header)?.[1]),
    "the assertion in tcp.h",
  );
  return offsets;
}

test("the layout is the one of struct tcp_report in tcp.h", () => {
  assert.deepEqual(readStruct("tcp_report"), tcpReportLayout);
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
    [report.isFirst, report.isClosed, report.isOlder, report.isUnopened],
    [false, true, false, true],
  );
  assert.equal(report.localAddress, tcpReportBytes + 64);
});
