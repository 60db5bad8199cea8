import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { compileObject, compiler, objects } from "./build.ts";

const hasCompiler = spawnSync(compiler, ["--version"]).status === 0;
const skip = hasCompiler ? false : `${compiler} is not installed (Debian 12's package ${compiler})`;

for (const name of objects) {
  test(`the committed object is what ${name}.bpf.c compiles to`, { skip }, () => {
    const committed = readFileSync(new URL(`./${name}.bpf.o`, import.meta.url));
    assert.ok(committed.equals(compileObject(name)), `run: npm run bpf, and commit ${name}.bpf.o`);
  });
}
