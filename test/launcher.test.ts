import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./program.ts";

const launcher = fileURLToPath(new URL("../portolan", import.meta.url));

/** Runs the launcher, as somebody who may not install anything, with some commands replaced by scripts. */
function launch(
  t: { after(fn: () => void): void },
  parameters: string[],
  commands: Record<string, string> = {},
) {
  const folder = temporaryFolder(t);
  for (const [name, script] of Object.entries(commands)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const PATH = `${folder}:${process.env.PATH}`;
  const { status, stdout, stderr } = spawnSync(launcher, parameters, {
    env: { ...process.env, PATH, PORTOLAN_NO_INSTALL: "1" },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("when everything is set up it says nothing of its own", (t) => {
  const { status, stdout, stderr } = launch(t, ["--version"]);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test("a Debian package that it may not install: the exact command, and on without it", (t) => {
  const { status, stdout, stderr } = launch(t, ["doctor"], { "dpkg-query": "exit 1" });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /sudo apt-get install libbpf1\n/);
  assert.match(stdout, /collector and page +yes/);
});

test("it may be called from any folder", (t) => {
  const folder = temporaryFolder(t);
  const { status, stdout } = spawnSync(launcher, ["--version"], { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0);
  assert.match(stdout, /^\d/);
});

test("its exit code is the program's", (t) => {
  const { status, stderr } = launch(t, ["no-such-command"]);
  assert.equal(status, 2);
  assert.match(stderr, /unknown command 'no-such-command'/);
});
