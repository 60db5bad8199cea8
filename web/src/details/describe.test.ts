import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopologyLink } from "../../../src/topology/topology.ts";
import { brokenText, failedText, rttText } from "./describe.ts";

const none = { refused: 0, timedOut: 0, unreachable: 0, reset: 0, lost: 0 };
const link = (changes: Partial<TopologyLink>) =>
  ({ failed: 0, failures: none, rttMs: null, rttMinMs: null, ...changes }) as TopologyLink;

test("failures are told with their reasons, what has no name as the rest", () => {
  const failures = { ...none, refused: 8, timedOut: 4 };
  assert.equal(failedText(link({ failed: 12, failures })), "12 (8 refused, 4 timed out)");
  assert.equal(
    failedText(link({ failed: 14, failures: { ...failures, unreachable: 1 } })),
    "14 (8 refused, 4 timed out, 1 unreachable, 1 for other reasons)",
  );
  assert.equal(failedText(link({})), "0");
  assert.equal(failedText(link({}), "–"), "–");
});

test("connections that broke are told apart from those that never opened", () => {
  assert.equal(brokenText(link({ failures: { ...none, refused: 3 } })), "");
  assert.equal(
    brokenText(link({ failures: { ...none, reset: 2, lost: 1 } })),
    "2 reset, 1 not answered any more",
  );
});

test("a round trip time is told with the least there was", () => {
  assert.equal(rttText(link({})), "–");
  assert.equal(rttText(link({ rttMs: 2, rttMinMs: 1 })), "2.0 ms, least 1.0 ms");
});
