import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { compiler, compileTcpObject } from "./build.ts";

const hasCompiler = spawnSync(compiler, ["--version"]).status === 0;
const skip = hasCompiler ? false : `${compiler} is not installed (Debian 12's package ${compiler})`;

test("the committed object is what the source compiles to", { skip }, () => {
  const committed = readFileSync(new URL("./tcp.bpf.o", import.meta.url));
  assert.ok(committed.equals(compileTcpObject()), "run: npm run bpf, and commit tcp.bpf.o");
});
