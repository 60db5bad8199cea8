import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTemplateFile } from "./template-file.ts";

function createTrial(t: TestContext, text?: string) {
  const folder = mkdtempSync(join(tmpdir(), "portolan-template-file-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "templates.json");
  if (text !== undefined) writeFileSync(path, text);
  const logged: string[] = [];
  return { path, logged, file: createTemplateFile(path, (message) => logged.push(message)) };
}

const dump = { format: "portolan-templates", version: 1, exporters: [] };

test("what was written is read; no file is nothing to tell", (t) => {
  const { file, logged, path } = createTrial(t);
  assert.equal(file.read(), undefined);
  file.write(dump);
  assert.deepEqual(file.read(), dump);
  assert.deepEqual([logged, existsSync(`${path}.new`)], [[], false]);
});

const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
for (const [what, text, words] of [
  [
    "another version",
    '{"format":"portolan-templates","version":2}',
    /of version 2, and this program reads 1: /,
  ],
  ["another format", '{"format":"x","version":1}', /no dump of templates: /],
  ["no object", "7", /no dump of templates: /],
  ["no JSON", "{ not", /no JSON: /],
  [
    "nesting that cannot be handed to a thread",
    `{"format":"portolan-templates","version":1,"exporters":${nested(20_000)}}`,
    /nested deeper than 16 levels: /,
  ],
] as const) {
  test(`${what} is told and kept as .old`, (t) => {
    const { path, file, logged } = createTrial(t, text);
    assert.equal(file.read(), undefined);
    assert.equal(logged.length, 1);
    assert.match(logged[0]!, words);
    assert.match(logged[0]!, /kept as .*templates\.json\.old/);
    file.write(dump);
    assert.equal(readFileSync(`${path}.old`, "utf8"), text);
    assert.deepEqual(file.read(), dump);
  });
}

test("a file beyond 256 MiB is not read", (t) => {
  const { path, file, logged } = createTrial(t, "");
  truncateSync(path, 256 * 1024 * 1024 + 1);
  assert.equal(file.read(), undefined);
  assert.match(logged.join("\n"), /^templates .*: larger than 256 MiB: not taken, kept as .*\.old/);
});

test("the same text is not written twice, unless the file has gone", (t) => {
  const { path, file } = createTrial(t);
  file.write(dump);
  const { ino } = statSync(path);
  file.write(dump);
  assert.equal(statSync(path).ino, ino);
  file.write({ ...dump, exporters: [{}] });
  assert.notEqual(readFileSync(path, "utf8"), JSON.stringify(dump));
  rmSync(path);
  file.write({ ...dump, exporters: [{}] });
  assert.ok(existsSync(path));
});

test("a failure is told once, until it works again, and leaves nothing behind", (t) => {
  const { path, file, logged } = createTrial(t);
  mkdirSync(path); // cannot be replaced by a file
  file.write(dump);
  file.write(dump);
  assert.equal(logged.length, 1);
  assert.match(logged[0]!, /not written \(EISDIR\)/);
  assert.ok(!existsSync(`${path}.new`));
  rmSync(path, { recursive: true });
  file.write(dump);
  assert.match(logged[1]!, /written again/);
  assert.equal(logged.length, 2);
});
