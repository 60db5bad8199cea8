import assert from "node:assert/strict";
import { test } from "node:test";
import { stripBars, stripFor, windowAt } from "./strip.ts";
import { baseBounds } from "./time-range.ts";

const now = 1_760_000_000_000;
const hour = 3_600_000;

test("a strip has the window in it, and at most 182 bars of whole minutes", () => {
  for (const range of [
    { kind: "live" } as const,
    { kind: "last", span: "7d" } as const,
    { kind: "between", from: now - 90 * hour, to: now - 89 * hour } as const,
    { kind: "between", from: now - 2000 * hour, to: now - 10 * hour } as const,
  ]) {
    const { from, to, step } = stripFor(range, now);
    assert.ok((to - from) / step <= 182 && step % 60_000 === 0, JSON.stringify(range));
    assert.ok(to <= Math.ceil(now / step) * step);
    if (range.kind === "between") assert.ok(from <= range.from && to >= range.to);
  }
});

test("bars stand where their minutes are, the busiest is full", () => {
  const strip = { from: 0, to: 300_000, step: 60_000, now: 300_000, isLong: false };
  const series = {
    from: 0,
    to: 0,
    step: 60_000,
    metric: "bytes",
    times: [60_000, 120_000],
    series: [{ group: [], sent: [100, 10], received: [300, 90] }],
  };
  const { heights, rateAt } = stripBars(series, strip);
  assert.deepEqual(heights, [0, 1, 0.5, 0, 0]);
  assert.equal(rateAt(70_000), 400 / 60);
});

test("a click looks at minutes around that moment; at the end it is live", () => {
  assert.deepEqual(windowAt(now, { now, step: 60_000 }), { kind: "live" });
  assert.deepEqual(windowAt(now - hour, { now, step: 60_000 }), {
    kind: "between",
    from: now - hour - 150_000,
    to: now - hour + 150_000,
  });
});

test("what is compared with is as long, and earlier", () => {
  const range = { kind: "between", from: now - 2 * hour, to: now - hour } as const;
  assert.deepEqual(baseBounds(range, "before", now), { from: now - 3 * hour, to: now - 2 * hour });
  assert.deepEqual(baseBounds(range, "1d", now), { from: now - 26 * hour, to: now - 25 * hour });
  assert.deepEqual(baseBounds({ kind: "live" }, "before", now), { from: now - hour / 2, to: now - hour / 4 });
});
