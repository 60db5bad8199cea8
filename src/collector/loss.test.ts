import assert from "node:assert/strict";
import { test } from "node:test";
import { exportFormat, type MessageReport } from "../flow/index.ts";
import { Loss } from "./loss.ts";

const now = 1_800_000_000_000;
const { netflow5, netflow9, ipfix, sflow5 } = exportFormat;

function message(sequenceNumber: number, changes: Partial<MessageReport> = {}): MessageReport {
  return {
    format: netflow9,
    observationDomainId: 0,
    agent: "",
    sequenceNumber,
    recordCount: 10,
    optionsRecordCount: 0,
    uptimeMilliseconds: 1_000_000,
    exportMilliseconds: now,
    ...changes,
  };
}

const many = (count: number) => Array.from({ length: count }, (_, i) => i);

test("domains with a count each are judged each for itself", () => {
  const loss = new Loss({ left: 100 });
  for (const i of many(60))
    for (const domain of [1, 2])
      loss.take(message(i + domain * 1000, { observationDomainId: domain }), 1, now);
  assert.deepEqual([loss.describe(now).lostCount, loss.describe(now).receivedCount], [0, 120]);
});

test("traps 15 and 16: one count shared by two domains, as by a device's line cards, is no loss", () => {
  const loss = new Loss({ left: 100 });
  for (const i of many(200)) loss.take(message(i, { observationDomainId: 1 + (i % 2) }), 1, now);
  const { lostCount, receivedCount } = loss.describe(now);
  assert.equal(lostCount, 0);
  assert.ok(receivedCount >= 190, String(receivedCount));
});

test("one count shared by two ports is no loss, and what is missing is", () => {
  const loss = new Loss({ left: 100 });
  for (const i of many(200)) if (i !== 150) loss.take(message(i), i % 4 === 0 ? 5 : 6, now);
  assert.equal(loss.describe(now).lostCount, 1);
});

test("of two versions the one that loses more is told, in its own unit", () => {
  const loss = new Loss({ left: 100 });
  for (const i of many(50)) {
    loss.take(message(i * 10, { format: netflow5 }), 1, now);
    if (i % 3 !== 1) loss.take(message(i), 2, now);
  }
  const { unit, lostCount, recentLostCount, recentReceivedCount } = loss.describe(now);
  assert.deepEqual([unit, lostCount], ["datagrams", 16]);
  assert.deepEqual([recentLostCount, recentReceivedCount], [16, 33]);
});

test("sFlow counts by agent and sub-agent, whatever port they come from", () => {
  const loss = new Loss({ left: 100 });
  for (const i of many(40)) {
    for (const agent of ["10.0.0.1", "10.0.0.2"])
      loss.take(message(i + (agent === "10.0.0.1" ? 500 : 0), { format: sflow5, agent }), 1000 + i, now);
  }
  assert.equal(loss.describe(now).lostCount, 0);
});

test("a late message takes back a loss, but not from the counter", () => {
  const loss = new Loss({ left: 100 });
  for (const i of [...many(20), 21, 22]) loss.take(message(i), 1, now);
  assert.deepEqual([loss.describe(now).lostCount, loss.describe(now).lostCountEver], [1, 1]);
  loss.take(message(20), 1, now);
  const { lostCount, lostCountEver, reorderedCount } = loss.describe(now);
  assert.deepEqual([lostCount, lostCountEver, reorderedCount], [0, 1, 1]);
});

test("streams are bounded, of one exporter and of all; those that were right stay", () => {
  const budget = { left: 1000 };
  const loss = new Loss(budget);
  for (const i of many(30)) loss.take(message(i, { format: ipfix, recordCount: 1 }), 7, now);
  for (const domain of many(2000))
    loss.take(message(1, { format: ipfix, observationDomainId: domain + 1 }), 8, now);
  assert.ok(budget.left > 1000 - 3 * 256, String(budget.left));
  for (const i of [31, 32]) loss.take(message(i, { format: ipfix, recordCount: 1 }), 7, now);
  assert.equal(loss.describe(now).lostCount, 1, "the stream of before is still known");
  loss.forget();
  assert.equal(budget.left, 1000);
  const poor = new Loss({ left: 0 });
  poor.take(message(1), 1, now);
  assert.equal(poor.describe(now).receivedCount, 0);
});
