import assert from "node:assert/strict";
import { test } from "node:test";
import { DropCounters } from "./drop-counters.ts";

test("drops are counted by reason and source", () => {
  const drops = new DropCounters();
  drops.drop("queue_full", "10.0.0.1");
  drops.drop("queue_full", "10.0.0.1", 4);
  drops.drop("template_missing", "10.0.0.1");
  drops.drop("queue_full", "10.0.0.2", 0);
  assert.deepEqual(
    [...drops.counts()],
    [
      { reason: "queue_full", source: "10.0.0.1", count: 5 },
      { reason: "template_missing", source: "10.0.0.1", count: 1 },
      { reason: "queue_full", source: "10.0.0.2", count: 0 },
    ],
  );
});

test("it can be handed on as a function", () => {
  const drops = new DropCounters();
  const { drop } = drops;
  drop("store_full", "store", 2);
  assert.equal([...drops.counts()][0]?.count, 2);
});

test("a flood of sources ends up in ~other; those known before go on under their own name; nothing is lost", () => {
  const drops = new DropCounters();
  for (let i = 0; i < 5000; i++) drops.drop("version_unknown", `10.0.${i >> 8}.${i & 255}`);
  drops.drop("version_unknown", "10.0.0.0");
  drops.drop("message_truncated", "10.9.9.9");
  const counts = [...drops.counts()];
  assert.equal(counts.filter(({ source }) => source !== "~other").length, 1000);
  assert.equal(counts.find(({ source }) => source === "10.0.0.0")?.count, 2);
  assert.deepEqual(
    counts.filter(({ source }) => source === "~other"),
    [
      { reason: "version_unknown", source: "~other", count: 4000 },
      { reason: "message_truncated", source: "~other", count: 1 },
    ],
  );
});
