import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzMessages } from "./cri-messages.fuzz.ts";

/** SEED=n gives a run back; FUZZ_SECONDS=n runs longer. */
test("no bytes make the readers of CRI's messages throw, loop or read what is not there", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  try {
    const { count, messageCount } = fuzzMessages(seed, Number(process.env.FUZZ_SECONDS ?? 1) * 1000);
    context.diagnostic(`${count} inputs, ${messageCount} of them messages`);
    assert.ok(messageCount > 0 && messageCount < count, "some are messages, some are not");
  } catch (error) {
    throw new Error(`SEED=${seed}`, { cause: error });
  }
});
