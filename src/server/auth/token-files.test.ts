import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { TokenFiles } from "./token-files.ts";

test("a token's file that is written anew is told, also as a kubelet does it; no more when it is nobody's", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-token-files-"));
  let count = 0;
  const files = new TokenFiles(() => count++, 20);
  t.after(() => {
    files.stop();
    rmSync(folder, { recursive: true });
  });
  let version = 0;
  /** A volume of a Secret: names are links by way of one that is put in the place of the last. */
  const putSecret = () => {
    const name = String(++version);
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "ingest-token"), name);
    symlinkSync(name, join(folder, "next"));
    renameSync(join(folder, "next"), join(folder, "..data"));
  };
  const own = join(folder, "own");
  const writeOwn = () => writeFileSync(own, "a".repeat(++version));
  putSecret();
  writeOwn();
  const secret = join(folder, "ingest-token");
  symlinkSync("..data/ingest-token", secret);

  const token = { name: "x", hash: "0".repeat(64) };
  const ofSecret = [{ ...token, file: secret }, token];
  files.follow({ tokens: [{ ...token, scopes: ["read"], file: own }], ingestTokens: ofSecret });
  for (const change of [putSecret, writeOwn]) {
    for (const before = count; count === before; await rest(50)) change();
    await rest(200); // the last change may not have been told yet
  }
  files.follow({ ingestTokens: ofSecret });
  const before = count;
  for (let i = 0; i < 5; i++, await rest(50)) writeOwn();
  assert.equal(count, before);
  while (count === before) {
    putSecret();
    await rest(50);
  }
});
