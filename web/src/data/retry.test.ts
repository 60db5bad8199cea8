import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError } from "./problem.ts";
import { loadAgain, retriesUnanswered } from "./retry.ts";

test("what was not answered is asked again, twice; a no is a no", () => {
  const cut = new TypeError("Failed to fetch");
  assert.deepEqual(
    [0, 1, 2].map((count) => retriesUnanswered(count, cut)),
    [true, true, false],
  );
  const problem = new ProblemError({ title: "no", status: 404, detail: "", code: "peer_unknown" });
  assert.equal(retriesUnanswered(0, problem), false);
});

test("a part that could not be loaded is loaded again; one that never can is an error", async () => {
  let loads = 0;
  const load = async (failures: number) => {
    if (++loads <= failures) throw new TypeError("cut");
    return loads;
  };
  assert.equal(await loadAgain(() => load(1)), 2);
  loads = 0;
  await assert.rejects(
    loadAgain(() => load(9)),
    TypeError,
  );
  assert.equal(loads, 3);
});
