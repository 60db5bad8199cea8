import assert from "node:assert/strict";
import { test } from "node:test";
import { dropReasons } from "../../../src/flow/drop-reason.ts";
import { describeDrop } from "./drop-words.ts";

test("a reason is told in a sentence; one that an agent made up as it is", () => {
  assert.equal(describeDrop("pod_limit"), dropReasons.pod_limit);
  for (const reason of ["later", ...Object.getOwnPropertyNames(Object.prototype)])
    assert.equal(describeDrop(reason), reason);
});
