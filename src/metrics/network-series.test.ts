import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMetrics } from "./exposition.ts";
import { NetworkSeries } from "./network-series.ts";
import { findTestPlace } from "./testdata/places.ts";
import { createRows, hostPeer, type TestRow } from "./testdata/rows.ts";

const now = 1_700_000_000_000;

function createNetworks(limit = 100) {
  const rows = createRows();
  const series = new NetworkSeries({ limit, staleMilliseconds: 900_000 }, rows.peers, findTestPlace);
  return {
    ...rows,
    series,
    fold: (...records: TestRow[]) => series.fold(rows.batchOf(records), now),
    told: (name: string) =>
      formatMetrics(series.metrics())
        .split("\n")
        .filter((line) => line.startsWith(`portolan_network_${name}`))
        .map((line) => line.slice(line.indexOf("{"))),
  };
}

const office = (side: "src" | "dst") => `${side}_network="office",${side}_site="here",${side}_vlan="20"`;
const lab = (side: "src" | "dst") => `${side}_network="lab",${side}_site="here",${side}_vlan="30"`;
const internet = (side: "src" | "dst") => `${side}_network="internet",${side}_site="",${side}_vlan=""`;
const pair = (to: string, scope: string, from: string) => `{${to},scope="${scope}",${from}}`;

test("bytes and packets each way: between VLANs, within one, with the internet", () => {
  const { fold, told } = createNetworks();
  fold(
    { client: "10.0.20.1", server: "10.0.30.1", sent: 100, received: 40, packets: 2 },
    { client: "10.0.20.1", server: "10.0.20.2", sent: 7, sampling: 10 },
    { client: "10.0.20.1", server: "192.0.2.1", sent: 3 },
    { client: "10.0.20.1", server: "192.0.2.1", sent: 9999, isDuplicate: true },
  );
  assert.deepEqual(told("bytes_total"), [
    `${pair(lab("dst"), "between", office("src"))} 100`,
    `${pair(office("dst"), "between", lab("src"))} 40`,
    `${pair(office("dst"), "within", office("src"))} 70`,
    `${pair(internet("dst"), "internet", office("src"))} 3`,
  ]);
  assert.equal(told("packets_total")[0], `${pair(lab("dst"), "between", office("src"))} 2`);
});

test("peers that stand for many are in ~other, and beyond the bound all is", () => {
  const { fold, told, know, series } = createNetworks(10);
  know(hostPeer("203.0.113.2", { id: "other", kind: "other", name: "~other", address: "" }));
  fold({ client: "10.0.20.1", server: "10.0.30.1", sent: 1 });
  assert.equal(series.namedCount, 1);
  assert.equal(series.hasOther, false);
  const lines = told("bytes_total");
  assert.equal(lines.length, 1);
  series.tick(now + 1_000_000);
  assert.equal(series.namedCount, 0);
});
