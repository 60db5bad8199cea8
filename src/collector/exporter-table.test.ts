import assert from "node:assert/strict";
import { test } from "node:test";
import { exportFormat, ObserverTable } from "../flow/index.ts";
import { ExporterTable, otherSource } from "./exporter-table.ts";

const summary = {
  format: 2,
  recordCount: 0,
  templateCount: 0,
  waitingSetCount: 0,
  samplingInterval: 0,
  samplingOrigin: "unknown" as const,
};

function createTrial(exportersMax: number, strangersMax = 2) {
  const observers = new ObserverTable();
  const drops: string[] = [];
  const forgotten: string[] = [];
  const table = new ExporterTable(exportersMax, strangersMax, {
    observers,
    drop: (reason, source, count = 1) => drops.push(`${reason} ${source} ${count}`),
    forget: (addressText) => forgotten.push(addressText),
    isAllowed: (addressText) => addressText !== "198.51.100.1",
  });
  return {
    table,
    drops,
    forgotten,
    observers,
    /** One datagram with a record, with a template, or with nothing but a drop. */
    send(addressText: string, what: "record" | "template" | "garbage", now: number): boolean {
      const exporter = table.begin(addressText, now);
      if (exporter === undefined) return false;
      if (what === "record") assert.ok(exporter.sourceFor(1).observerRow > 0);
      if (what === "garbage") table.drop("version_unknown", addressText);
      const counts = { recordCount: what === "record" ? 1 : 0, templateCount: what === "template" ? 1 : 0 };
      table.end(exporter, 100, { ...summary, ...counts }, now);
      return true;
    },
  };
}

test("strangers beyond the bound share a name", () => {
  const { table, drops, send, observers } = createTrial(4);
  for (const last of [1, 2, 3, 1, 4]) send(`192.0.2.${last}`, "garbage", 0);
  const names = ["192.0.2.1", "192.0.2.2", otherSource, "192.0.2.1", otherSource];
  assert.deepEqual(
    drops,
    names.map((name) => `version_unknown ${name} 1`),
  );
  assert.equal(table.count, 0);
  assert.equal(observers.count, 1);
});

test("an sFlow agent that sends only counters has its place, one that sends garbage has not", () => {
  const { table } = createTrial(2);
  for (const address of ["192.0.2.1", "192.0.2.2"]) {
    const exporter = table.begin(address, 0)!;
    if (address === "192.0.2.2") table.drop("sample_truncated", address);
    table.end(exporter, 100, { ...summary, format: exportFormat.sflow5 }, 0);
  }
  assert.deepEqual(
    [...table.values()].map(({ addressText }) => addressText),
    ["192.0.2.1"],
  );
});

test("an address that is not allowed has no place, and is counted", () => {
  const { table, drops, send } = createTrial(2);
  assert.equal(send("198.51.100.1", "record", 0), false);
  assert.deepEqual([table.count, drops], [0, ["exporter_not_allowed 198.51.100.1 1"]]);
});

test("an exporter with records keeps its place, one without gives it up when silent", () => {
  const { table, drops, forgotten, send } = createTrial(2, 0);
  send("192.0.2.1", "record", 0);
  send("192.0.2.2", "template", 0);
  assert.equal(send("192.0.2.3", "record", 50_000), false);
  assert.deepEqual(drops, [`exporter_limit ${otherSource} 1`]);
  assert.equal(send("192.0.2.3", "record", 70_000), true);
  assert.deepEqual(forgotten, ["192.0.2.2"]);
  assert.equal(send("192.0.2.4", "record", 9_000_000), false, "both have records");
  assert.equal(table.count, 2);
  assert.equal(send("192.0.2.1", "record", 9_000_000), true);
});

test("a drop concerns its own source, also between datagrams of others", () => {
  const { table, drops, send } = createTrial(2);
  send("192.0.2.1", "template", 0);
  const other = table.begin("192.0.2.2", 1)!;
  table.drop("template_missing", "192.0.2.1", 3);
  table.end(other, 10, { ...summary, recordCount: 1 }, 1);
  const [first] = [...table.values()];
  assert.deepEqual(first?.describe(undefined, undefined, 1).drops, { template_missing: 3 });
  assert.deepEqual(drops, ["template_missing 192.0.2.1 3"]);
});
