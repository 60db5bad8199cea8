import { test } from "node:test";
import { fuzzDecoder } from "./decoder.fuzz.ts";

/** SEED=n gives a run back; FUZZ_SECONDS=n runs longer. */
test("no bytes make the decoder throw, loop or grow", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  const end = Date.now() + Number(process.env.FUZZ_SECONDS ?? 2) * 1000;
  try {
    const { count, slowestMilliseconds } = fuzzDecoder(seed, () => Date.now() >= end);
    context.diagnostic(`${count} datagrams, the slowest in ${slowestMilliseconds.toFixed(1)} ms`);
  } catch (error) {
    throw new Error(`SEED=${seed}`, { cause: error });
  }
});
