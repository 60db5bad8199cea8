import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
import { formatFilterReference } from "./index.ts";

const page = new URL("../../docs/reference/filter.md", import.meta.url);
const start = "<!-- fields: generated from src/query/filter-fields.ts; UPDATE=1 rewrites -->\n";

test("the reference page has the table of fields", () => {
  const text = readFileSync(page, "utf8");
  const [words = "", table] = text.split(start);
  if (process.env.UPDATE === "1") writeFileSync(page, `${words}${start}${formatFilterReference()}`);
  else assert.equal(table, formatFilterReference());
});
