import assert from "node:assert/strict";
import { test } from "node:test";
import { agentWords, partName } from "./agent-words.ts";

test("reasons become sentences, and eBPF keeps its spelling", () => {
  assert.deepEqual(agentWords({ reason: "the kernel is too old", remedy: "boot a newer one" }), {
    reason: "The kernel is too old.",
    remedy: "Boot a newer one.",
  });
  assert.equal(agentWords({ reason: "eBPF was switched off" }).reason, "eBPF was switched off.");
});

test("parts have names of people's; what else an agent calls a part stays as it is", () => {
  assert.deepEqual([partName("tcp"), partName("later")], ["TCP", "later"]);
  for (const name of Object.getOwnPropertyNames(Object.prototype)) assert.equal(partName(name), name);
});
