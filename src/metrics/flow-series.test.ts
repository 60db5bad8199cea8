import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMetrics } from "./exposition.ts";
import { FlowSeries } from "./flow-series.ts";
import { createRows, type TestRow } from "./testdata/rows.ts";

function textOf(rows: readonly TestRow[], limit = 100): string[] {
  const { observers, batchOf } = createRows();
  const series = new FlowSeries({ limit, staleMilliseconds: 900_000 }, observers);
  series.fold(batchOf(rows), 1_700_000_000_000);
  return formatMetrics(series.metrics())
    .split("\n")
    .filter((line) => !line.startsWith("#") && line !== "");
}

test("each direction of a flow is a series; a client's port is dynamic", () => {
  const lines = textOf([
    { sent: 100, received: 1000, packets: 3 },
    { sent: 1, received: 2, clientPort: 40_001 },
    { sent: 5000, isDuplicate: true },
  ]);
  const forward = 'dst_addr="10.0.0.2",dst_port="443",exporter="agent:vm",proto="tcp",src_addr="10.0.0.1"';
  const backward =
    'dst_addr="10.0.0.1",dst_port="dynamic",exporter="agent:vm",proto="tcp",src_addr="10.0.0.2"';
  assert.deepEqual(lines, [
    `flow_bytes_total{${forward}} 101`,
    `flow_bytes_total{${backward}} 1002`,
    `flow_bytes{${forward}} 101`,
    `flow_bytes{${backward}} 1002`,
    `flow_packets_total{${forward}} 3`,
    `flow_packets_total{${backward}} 0`,
    `flow_packets{${forward}} 3`,
    `flow_packets{${backward}} 0`,
  ]);
});

test("routers' records are sampling corrected and say which router; protocols without ports have 0", () => {
  const lines = textOf([
    { received: 15, packets: 2, sampling: 1000, isAnswer: true },
    {
      sent: 60,
      packets: 1,
      protocol: 1,
      clientPort: 0,
      serverPort: 0,
      isExported: true,
      client: "2001:db8::1",
      server: "2001:db8::2",
    },
  ]);
  assert.deepEqual(lines.slice(0, 2), [
    'flow_bytes_total{dst_addr="10.0.0.1",dst_port="dynamic",exporter="192.0.2.1",proto="tcp",src_addr="10.0.0.2"} 15000',
    'flow_bytes_total{dst_addr="2001:db8::2",dst_port="0",exporter="192.0.2.1",proto="icmp",src_addr="2001:db8::1"} 60',
  ]);
  assert.ok(
    lines.includes(
      'flow_packets{dst_addr="10.0.0.1",dst_port="dynamic",exporter="192.0.2.1",proto="tcp",src_addr="10.0.0.2"} 2000',
    ),
  );
});

test("a flood of flows is bounded, and the rest is ~other", () => {
  const rows = Array.from({ length: 300 }, (_, i) => ({ client: `10.1.${i >> 8}.${i & 255}`, sent: 10 }));
  const bytes = textOf(rows, 50).filter((line) => line.startsWith("flow_bytes_total"));
  assert.equal(bytes.length, 51);
  assert.equal(
    bytes[0],
    'flow_bytes_total{dst_addr="~other",dst_port="~other",exporter="~other",proto="~other",src_addr="~other"} 2500',
  );
});
