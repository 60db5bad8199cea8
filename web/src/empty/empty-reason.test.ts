import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyReason, type Situation } from "./empty-reason.ts";

const live: Situation = {
  peers: 0,
  hiddenLinks: 0,
  filter: "",
  range: { kind: "live" },
  feed: "open",
  isAnswered: true,
};

test("each emptiness has its reason", () => {
  assert.equal(emptyReason({ ...live, peers: 3 }), undefined);
  assert.equal(emptyReason(live), "no_flows_yet");
  assert.equal(emptyReason({ ...live, filter: "nginx" }), "filter_matches_nothing");
  assert.equal(
    emptyReason({ ...live, range: { kind: "last", span: "1h" }, feed: "shown" }),
    "range_is_empty",
  );
});

test("nothing is claimed before the answer", () => {
  assert.equal(emptyReason({ ...live, isAnswered: false, feed: "connecting" }), undefined);
  assert.equal(emptyReason({ ...live, isAnswered: false, feed: "refused" }), undefined);
  assert.equal(emptyReason({ ...live, isAnswered: false, feed: "away" }), "server_away");
});

test("a server that goes away later keeps the last picture's reason", () => {
  assert.equal(emptyReason({ ...live, feed: "away" }), "no_flows_yet");
});
