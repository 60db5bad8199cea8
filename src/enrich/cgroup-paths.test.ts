import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createCgroupPaths } from "./cgroup-paths.ts";

const root = mkdtempSync(join(tmpdir(), "portolan-cgroups-"));
after(() => rmSync(root, { recursive: true }));

function add(path: string): number {
  mkdirSync(join(root, path), { recursive: true });
  return statSync(join(root, path)).ino;
}

test("a cgroup is found by its id, one that was made later too", () => {
  const service = add("/system.slice/nginx.service");
  const cgroups = createCgroupPaths(() => root);
  assert.equal(cgroups.pathOf(service), "/system.slice/nginx.service");
  assert.equal(cgroups.pathOf(statSync(root).ino), "/");
  const later = add("/docker/abc");
  assert.equal(cgroups.pathOf(later), "/docker/abc");
});

test("an id that is nowhere is nobody's, and so is any without a hierarchy", () => {
  const service = add("/system.slice/nginx.service");
  assert.equal(createCgroupPaths(() => root).pathOf(2 ** 40), "");
  assert.equal(createCgroupPaths(() => root).pathOf(0), "");
  assert.equal(createCgroupPaths(() => "").pathOf(service), "");
  assert.equal(createCgroupPaths(() => join(root, "gone")).pathOf(service), "");
});
