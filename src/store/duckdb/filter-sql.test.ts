import assert from "node:assert/strict";
import { test } from "node:test";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { type Filter, filterLimits } from "../../query/index.ts";
import { type FilterColumns, filterCondition } from "./filter-sql.ts";
import { SqlParameters } from "./sql-parameters.ts";

/** Both ends are one name; there is nothing else to ask for. */
const columns: FilterColumns = {
  ends: ["client"],
  peer: () => "name",
  called: () => undefined,
  address: () => "false",
  calledAddress: () => undefined,
  port: () => undefined,
  interface: () => "0",
  vlan: undefined,
  protocol: "0",
  seenBy: (condition) => condition,
  measure: () => "0",
};

/** What DuckDB is going to evaluate of each name, after its optimizer had its say. */
async function planOf(connection: DuckDBConnection, filter: Filter): Promise<string> {
  const parameters = new SqlParameters();
  const condition = filterCondition(filter, columns, parameters);
  const explained = await connection.runAndReadAll(
    `EXPLAIN (FORMAT JSON) SELECT * FROM names WHERE ${condition}`,
    parameters.values,
    parameters.types,
  );
  const [scan] = JSON.parse(explained.getRowsJS()[0]![1] as string);
  assert.equal(scan.name.trim(), "SEQ_SCAN", "the condition is the scan's");
  return scan.extra_info.Filters;
}

test("a wildcard is never an operator that tries every way to divide a text", async () => {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run("CREATE TABLE names AS SELECT 'name-' || i AS name FROM range(10) r(i)");
  const most = filterLimits.wildcards;
  for (const pattern of [
    "nginx",
    "*nginx*",
    "nginx*",
    "*nginx",
    "*ng*nx*",
    "a%b*_c",
    "(a+)+*$",
    "\\*a*[b]*",
    `${"*a".repeat(20)}*b`,
    `${"*a".repeat(most - 1)}*b`,
  ]) {
    const test = { kind: "text", patterns: [pattern] } as const;
    const plan = await planOf(connection, { kind: "term", end: "client", field: "name", test });
    // What is left out here takes time that grows with the text: RE2 reads each sign of it once, whatever the pattern.
    const [bare, ...literals] = [
      plan.replaceAll(/'(?:[^']|'')*'/g, "?"),
      ...plan.matchAll(/'((?:[^']|'')*)'/g),
    ];
    const left = bare.replaceAll(
      /\b(?:regexp_full_match|contains|prefix|suffix|lower|name|COALESCE|false)\b/g,
      "",
    );
    assert.match(left, /^[\s(),?=]*$/, `${pattern}: ${plan}`);
    for (const [, literal = ""] of literals) {
      const runs = literal.replaceAll(/\\[^a-z0-9\s]/g, "").replaceAll(".*", "");
      assert.match(runs, /^[\w\s-]*$/, `${pattern}: of a pattern only \`*\` is more than its signs: ${plan}`);
    }
  }
  connection.closeSync();
});
