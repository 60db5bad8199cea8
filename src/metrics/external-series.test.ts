import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMetrics } from "./exposition.ts";
import { ExternalSeries } from "./external-series.ts";
import { findTestPlace } from "./testdata/places.ts";
import { createRows, hostPeer, type TestRow } from "./testdata/rows.ts";

const now = 1_700_000_000_000;
const limits = { limit: 100, staleMilliseconds: 900_000 };

function createExternal(limit = limits.limit) {
  const rows = createRows();
  const series = new ExternalSeries({ ...limits, limit }, rows.peers, findTestPlace);
  return {
    ...rows,
    series,
    fold: (time: number, ...records: TestRow[]) => series.fold(rows.batchOf(records), time),
    told: (name: string) =>
      formatMetrics(series.metrics())
        .split("\n")
        .filter((line) => line.startsWith(`portolan_external_${name}`))
        .map((line) => line.slice(line.indexOf("{"))),
  };
}

const bank = 'as_name="Bank",asn="64500",country="CH"';

test("who is called outside is told by name, place and system; who calls by place and system alone", () => {
  const { fold, told, know } = createExternal();
  know(hostPeer("192.0.2.7", { name: "api.bank.example" }));
  fold(
    now,
    { client: "10.0.20.1", server: "192.0.2.7", sent: 100, received: 900, connections: 1 },
    { client: "10.0.20.1", server: "192.0.2.7", failed: 1 },
    { client: "192.0.2.8", server: "10.0.20.1", sent: 10, received: 70, connections: 1 },
    { client: "192.0.2.9", server: "10.0.20.1", sent: 1, received: 7 },
  );
  const out = `{${bank},direction="outbound",host="api.bank.example",peer="10.0.20.1",peer_namespace=""}`;
  const into = `{${bank},direction="inbound",host="",peer="10.0.20.1",peer_namespace=""}`;
  assert.deepEqual(told("sent_bytes_total"), [`${out} 100`, `${into} 77`]);
  assert.deepEqual(told("received_bytes_total"), [`${out} 900`, `${into} 11`]);
  assert.deepEqual(told("connections_total"), [`${out} 1`, `${into} 1`]);
  assert.deepEqual(told("failed_connections_total"), [`${out} 1`, `${into} 0`]);
});

test("answers that routers tell alone, sampling and duplicates are as everywhere", () => {
  const { fold, told } = createExternal();
  fold(
    now,
    { client: "10.0.20.1", server: "192.0.2.7", received: 5, isAnswer: true, sampling: 100 },
    { client: "10.0.20.1", server: "192.0.2.7", sent: 999, isDuplicate: true },
  );
  assert.match(told("received_bytes_total")[0]!, /direction="outbound".* 500$/);
  assert.match(told("sent_bytes_total")[0]!, / 0$/);
});

test("what stays inside, or outside, is not told; a pod at a public address is inside", () => {
  const { fold, told, know } = createExternal();
  know(hostPeer("203.0.113.1", { id: "pod:u", kind: "pod", name: "web", namespace: "shop", pod: "web-1" }));
  know(hostPeer("203.0.113.2", { id: "other", kind: "other", name: "~other" }));
  fold(
    now,
    { client: "10.0.20.1", server: "10.0.30.1", sent: 1 },
    { client: "192.0.2.1", server: "198.51.100.1", sent: 2 },
    { client: "10.0.20.1", server: "203.0.113.2", sent: 3 },
    { client: "203.0.113.1", server: "192.0.2.1", sent: 4 },
  );
  assert.deepEqual(told("sent_bytes_total"), [
    `{${bank},direction="outbound",host="192.0.2.1",peer="web-1",peer_namespace="shop"} 4`,
  ]);
});

test("beyond the bound it is ~other; what has no news leaves, and its ends with it", () => {
  const { fold, told, series } = createExternal(10);
  const calls = Array.from({ length: 100 }, (_, i) => ({
    client: "10.0.20.1",
    server: `192.0.2.${i}`,
    sent: 1,
  }));
  fold(now, ...calls);
  const sum = () => told("sent_bytes_total").reduce((all, line) => all + Number(line.split(" ").at(-1)), 0);
  assert.equal(told("sent_bytes_total").length, 11);
  assert.equal(sum(), 100);
  assert.match(told("sent_bytes_total")[0]!, /host="~other"/);
  assert.ok(series.hasOther);
  series.tick(now + 16_000);
  fold(now + 17_000, { client: "10.0.20.1", server: "192.0.2.3", sent: 1 });
  series.tick(now + 900_000);
  assert.equal(series.namedCount, 1);
  assert.match(told("sent_bytes_total").at(-1)!, /host="192.0.2.3"/);
});
