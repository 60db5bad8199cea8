import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress } from "../../flow/index.ts";
import { readSocket } from "./pretend-socket.ts";
import { phase, SocketTable } from "./socket-table.ts";

const namespace = 4_026_531_840;

test("a report has what moved since the last, and what is constant", () => {
  const table = new SocketTable(10);
  const first = readSocket({ cookie: 5, sent: 100, received: 41, segmentsOut: 3, segmentsIn: 4, rtt: 70 });
  const row = table.findOrAdd(first, namespace, 2 ** 40 + 7);
  assert.ok(table.isNew);
  table.takeCounters(row, first, true, 1);
  table.setRole(row, 1);
  table.setOwner(row, { process: 99, processName: "a name of more than fifteen octets" });
  table.setCgroup(row, 2 ** 33);
  const report = table.report(row);
  assert.deepEqual(
    [report.bytesSent, report.bytesReceived, report.segmentsSent, report.segmentsReceived],
    [100, 40, 3, 4],
  );
  const { openedNanoseconds, networkNamespace, process, processName, cgroupId, role, isFirst } = report;
  assert.deepEqual(
    [openedNanoseconds, networkNamespace, process, processName, cgroupId, role, isFirst],
    [2 ** 40 + 7, namespace, 99, "a name of more ", 2 ** 33, 1, true],
  );
  assert.equal(formatAddress(report.bytes, report.localAddress), "192.0.2.1");
  assert.deepEqual([report.localPort, report.remotePort, report.srttMicroseconds], [40_000, 443, 70]);
  table.clearFlags(row, 1);
  assert.equal(table.hasMoved(row), false);
  const next = readSocket({ cookie: 5, sent: 160, received: 30, segmentsOut: 5, segmentsIn: 4 });
  assert.equal(table.findOrAdd(next, namespace, 0), row);
  table.takeCounters(row, next, true, 0);
  assert.ok(table.hasMoved(row));
  const second = table.report(row);
  assert.deepEqual([second.bytesSent, second.bytesReceived, second.segmentsSent], [60, 0, 2]);
  assert.equal(second.isFirst, false);
});

test("sockets are told apart by cookie and namespace; the table is bounded", () => {
  const table = new SocketTable(3);
  const rowOf = (cookie: number, inode: number) => table.findOrAdd(readSocket({ cookie }), inode, 0);
  assert.deepEqual([rowOf(1, 1), rowOf(1, 2), rowOf(2, 1), rowOf(1, 1)], [0, 1, 2, 0]);
  assert.equal(rowOf(9, 9), -1);
  assert.equal(table.find(readSocket({ cookie: 9 }), 9), -1);
});

test("rows keep what they have when the table grows, and when it is compacted", () => {
  const table = new SocketTable(10_000);
  const count = 5000;
  for (let i = 0; i < count; i++) {
    const message = readSocket({ cookie: i, sent: i, inode: i + 1, local: ["192.0.2.1", i] });
    const row = table.findOrAdd(message, namespace, i);
    table.takeCounters(row, message, true, 0);
    if (i % 3 === 0) table.columns.phase[row] = phase.done;
  }
  table.compact();
  assert.equal(table.count, count - Math.ceil(count / 3));
  for (let i = 0; i < count; i++) {
    const row = table.find(readSocket({ cookie: i }), namespace);
    assert.equal(row < 0, i % 3 === 0, `socket ${i}`);
    if (row < 0) continue;
    assert.equal(table.columns.inode[row], i + 1);
    const report = table.report(row);
    assert.deepEqual([report.bytesSent, report.localPort, report.openedNanoseconds], [i, i, i]);
  }
  const again = table.findOrAdd(readSocket({ cookie: 0, sent: 1 }), namespace, 0);
  assert.deepEqual(
    [table.columns.sentReported[again], table.columns.phase[again], table.process(again)],
    [0, phase.live, 0],
    "nothing is left of the row that was there",
  );
});
