import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExporterBrief, Loss } from "../data/answers.ts";
import {
  exporterColumns,
  findingText,
  isMarked,
  nextExporterOrder,
  sortExporters,
} from "./exporter-columns.ts";
import {
  agoText,
  attentionText,
  clockText,
  lossText,
  percentText,
  perSecond,
  protocolText,
  remedyLines,
  samplingText,
} from "./exporter-words.ts";

const exporter = (address: string, changes: Partial<ExporterBrief> = {}) =>
  ({
    address,
    protocols: [],
    health: "ok",
    recordRate: 0,
    octetRate: 0,
    clockSkewMs: null,
    lastSeen: 0,
    loss: { percent: null, recentPercent: null, lost: 0 },
    sampling: { interval: 0, origin: "unknown", samplers: [] },
    findings: [],
    ...changes,
  }) as unknown as ExporterBrief;
const finding = (code: string, severity: "problem" | "warning" | "hint", title = code) => ({
  code,
  severity,
  title,
});
const columnOf = (key: string) => exporterColumns.find((column) => column.key === key)!;

test("an unknown rate of sampling is said to be unknown, and a known one where it is from", () => {
  const text = (interval: number, origin: "options" | "unknown" | "header") =>
    samplingText({ interval, origin, samplers: [] });
  assert.deepEqual(
    [text(0, "unknown"), text(1, "header"), text(1000, "options"), text(100, "unknown")],
    ["unknown", "1:1, header", "1:1000, options", "1:100"],
  );
});

test("loss is of the last minute; what was lost before is said to be past", () => {
  const loss = (percent: number | null, recentPercent: number | null, lost: number) =>
    lossText({ percent, recentPercent, lost } as Loss);
  assert.deepEqual(
    [loss(null, null, 0), loss(0, 0, 0), loss(2, 12.345, 50), loss(0.5, 0, 50), loss(0.5, null, 50)],
    ["–", "0 %", "12 %", "was 0.50 %", "was 0.50 %"],
  );
  assert.deepEqual([percentText(0.001), percentText(1.234)], ["<0.01 %", "1.2 %"]);
});

test("clocks are ahead or behind, within a second nobody knows", () => {
  assert.deepEqual([null, 0, -999, 4200, -4200, 7_200_000].map(clockText), [
    "–",
    "±1 s",
    "±1 s",
    "+4.2 s",
    "−4.2 s",
    "+2 h",
  ]);
});

test("slow exporters have rates below 1", () => {
  assert.deepEqual([0, 0.26, 9.9, 12.3, 123_456].map(perSecond), ["0/s", "0.3/s", "9.9/s", "12/s", "123k/s"]);
});

test("other words", () => {
  assert.deepEqual([agoText(1000, 2000), agoText(0, 65_000)], ["now", "1 min ago"]);
  assert.deepEqual([0, 1, 3].map(attentionText), [
    "",
    "1 exporter needs attention",
    "3 exporters need attention",
  ]);
  assert.equal(protocolText({ protocols: ["netflow9", "ipfix"] }), "NetFlow v9, IPFIX");
  assert.equal(protocolText({ protocols: [] }), "–");
});

test("a remedy is lines of words and commands", () => {
  assert.deepEqual(remedyLines("Do this.\nCisco: `a b` in `c`."), [
    [{ text: "Do this.", isCommand: false }],
    [
      { text: "Cisco: ", isCommand: false },
      { text: "a b", isCommand: true },
      { text: " in ", isCommand: false },
      { text: "c", isCommand: true },
      { text: ".", isCommand: false },
    ],
  ]);
});

test("the worst come first, equals by address as people count", () => {
  const list = [
    exporter("10.0.0.10"),
    exporter("10.0.0.9", { recordRate: 5 }),
    exporter("10.0.0.2", { health: "problem" }),
    exporter("10.0.0.1", { health: "warning" }),
  ];
  const order = (key: string, isDescending: boolean) =>
    sortExporters(list, { key, isDescending }).map(({ address }) => address.slice(7));
  assert.deepEqual(order("health", false), ["2", "1", "9", "10"]);
  assert.deepEqual(order("address", true), ["10", "9", "2", "1"]);
  assert.deepEqual(order("records", true), ["9", "1", "2", "10"]);
  assert.deepEqual(order("no such", false), ["2", "1", "9", "10"]);
});

test("a column is sorted by a click, and turned by another", () => {
  const first = { key: "health", isDescending: false };
  const byLoss = nextExporterOrder(first, columnOf("loss"));
  assert.deepEqual(byLoss, { key: "loss", isDescending: true });
  assert.deepEqual(nextExporterOrder(byLoss, columnOf("loss")), { key: "loss", isDescending: false });
  assert.deepEqual(nextExporterOrder(byLoss, columnOf("address")), { key: "address", isDescending: false });
});

test("the row says the worst finding; a figure is marked when a finding is about it", () => {
  const findings = [finding("loss_here", "problem", "Loses much"), finding("clock_skew", "warning")];
  const row = exporter("10.0.0.1", { findings: [...findings, finding("several_protocols", "hint")] });
  assert.equal(findingText(row), "Loses much, and 1 more");
  assert.equal(findingText({ findings: [finding("sampled", "hint")] }), "");
  assert.deepEqual(
    exporterColumns.filter((column) => isMarked(row, column)).map(({ key }) => key),
    ["loss", "clock"],
  );
});
