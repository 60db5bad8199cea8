import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { unresolvedReasons } from "../../topology/index.ts";
import { clusterRules, formatRule } from "./rbac.ts";

const reference = readFileSync(new URL("../../../docs/reference/kubernetes.md", import.meta.url), "utf8");

test("the reference has the rules as they are, and no others", () => {
  const written = /```yaml\nrules:\n([\s\S]*?)```/.exec(reference)![1]!.trimEnd().split("\n");
  assert.deepEqual(
    written,
    clusterRules.map((rule) => `  - ${formatRule(rule)}`),
  );
});

test("the reference has every reason for which an address is nobody's", () => {
  for (const [code, reason] of Object.entries(unresolvedReasons))
    assert.ok(reference.includes(`| \`${code}\` | ${reason} |`), code);
});

test("the filter's reference names every reason, and no other", () => {
  const filters = readFileSync(new URL("../../../docs/reference/filter.md", import.meta.url), "utf8");
  const [row] = /^\| `unresolved` .*$/m.exec(filters)!;
  assert.deepEqual(row.match(/\b[a-z]+_[a-z_]+\b/g)!.sort(), Object.keys(unresolvedReasons).sort());
});

test("nothing but reading is asked for", () => {
  for (const { verbs } of clusterRules)
    for (const verb of verbs) assert.ok(["get", "list", "watch"].includes(verb));
});
