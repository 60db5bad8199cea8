import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseForm, csvPieces } from "./form.ts";

for (const [accept, form] of [
  [undefined, "json"],
  ["", "json"],
  ["*/*", "json"],
  ["text/csv", "csv"],
  ["Text/CSV; header=present", "csv"],
  ["text/html, application/x-ndjson", "ndjson"],
  ["text/csv, application/x-ndjson", "csv"],
  ["text/csv;q=0.5, application/x-ndjson;q=0.6, */*;q=0.1", "ndjson"],
  ["text/csv;q=0.5, application/json", "json"],
  ["text/csv;q=0", "json"],
  ["text/csv;q=x", "json"],
  ["application/*, text/csv", "json"],
] as const) {
  test(`"${accept}" is answered as ${form}`, () => assert.equal(chooseForm(undefined, accept), form));
}

test("what the question says comes before what Accept likes", () => {
  assert.equal(chooseForm("ndjson", "text/csv"), "ndjson");
});

async function cellOf(value: string | number | boolean | null): Promise<string> {
  const pieces: string[] = [];
  for await (const piece of csvPieces({ columns: ["a"], rows: [[value]] })) pieces.push(piece);
  return pieces.join("");
}

for (const [value, cell] of [
  ["=1+1", "'=1+1"],
  ["+1", "'+1"],
  ["-1", "'-1"],
  ["@SUM(A1)", "'@SUM(A1)"],
  ["\t=1", "'\t=1"],
  ["\r=1", `"'\r=1"`],
  ["\n=1", `"'\n=1"`],
  ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
  ["a=1", "a=1"],
  ["a,b", '"a,b"'],
  ['say "hi"', '"say ""hi"""'],
  ["2001:db8::1", "2001:db8::1"],
  ["", ""],
  [-1.5, "-1.5"],
  [true, "true"],
  [null, ""],
] as const) {
  test(`a cell of ${JSON.stringify(value)} cannot be a formula, nor leave its place`, async () => {
    assert.equal(await cellOf(value), `a\r\n${cell}\r\n`);
  });
}
