import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type ControlActions, createControlSocket } from "./control.ts";

test("a control socket takes the place of one that nobody answers at, and of nothing else", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-control-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const start = async (name: string) => {
    const socket = createControlSocket(join(folder, name), {} as ControlActions);
    t.after(() => socket.stop());
    await socket.start();
  };
  writeFileSync(join(folder, "file"), "kept");
  await assert.rejects(start("file"), /file that is no socket/);
  assert.equal(readFileSync(join(folder, "file"), "utf8"), "kept");

  await start("first");
  await assert.rejects(start("first"), /another probe answers there; softflowctl -c .* shutdown ends it/);
  assert.ok(existsSync(join(folder, "first")));

  // A server removes what it listens at by its name: by another name it stays behind, with nobody there.
  const gone = createServer().listen(join(folder, "gone"));
  await once(gone, "listening");
  renameSync(join(folder, "gone"), join(folder, "left"));
  gone.close();
  await once(gone, "close");
  await start("left");
});
