import assert from "node:assert/strict";
import { test } from "node:test";
import type { LinksQuery } from "../store/index.ts";
import { warmUp } from "./warm-up.ts";

test("the last hour's map is asked for, given up when the server stops, and its failing is nobody's", async () => {
  const asked: LinksQuery[] = [];
  const links = (query: LinksQuery) => {
    asked.push(query);
    return new Promise<never>((_, reject) =>
      query.signal!.addEventListener("abort", () => reject(query.signal!.reason)),
    );
  };
  const stopping = new AbortController();
  const now = Date.UTC(2026, 10, 21, 9, 0);
  const warming = warmUp({ links }, now, stopping.signal);
  assert.deepEqual([asked[0]!.from, asked[0]!.to], [now - 3_600_000, now]);
  stopping.abort();
  await warming;
  assert.equal(asked[0]!.signal!.aborted, true);
});
