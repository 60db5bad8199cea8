import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findNamespaceRoot } from "./cgroup-namespace.ts";

const top = mkdtempSync(join(tmpdir(), "portolan-cgroup-namespace-"));
after(() => rmSync(top, { recursive: true }));
let treeCount = 0;

/** Process 7 of a machine: in this cgroup, which it is told as `told`, in this namespace. */
function rootOf(cgroup: string, told: string, namespace = "cgroup:[4026532999]") {
  const tree = join(top, String(++treeCount));
  const [folder, procFolder] = [join(tree, "cgroup"), join(tree, "proc")];
  for (const [path, processes] of [
    ["", "1\n"],
    ["/kubepods/burstable/podother/other", "70\n17\n"],
    [cgroup, "3\n7\n"],
  ] as const) {
    mkdirSync(join(folder, path), { recursive: true });
    writeFileSync(join(folder, path, "cgroup.procs"), processes);
  }
  mkdirSync(join(procFolder, "7/ns"), { recursive: true });
  symlinkSync(namespace, join(procFolder, "7/ns/cgroup"));
  writeFileSync(join(procFolder, "7/cgroup"), `1:name=systemd:/x\n0::${told}\n`);
  return findNamespaceRoot({ folder, isHybrid: false }, procFolder, 7);
}

const container = "/kubepods/burstable/podagent/agent";

test("a container's cgroup namespace begins where the container is", () => {
  assert.equal(rootOf(container, "/"), container);
  assert.equal(rootOf(`${container}/inner`, "/inner"), container);
});

test("nothing is put before paths that begin at the root, or when the machine's tree is not seen", () => {
  assert.equal(rootOf(container, container, "cgroup:[4026531835]"), "");
  assert.equal(rootOf("", "/"), "", "what is mounted is the namespace's own part");
  assert.equal(rootOf("/elsewhere", "/inner"), "");
  assert.equal(findNamespaceRoot({ folder: undefined, isHybrid: false }), "");
  assert.equal(findNamespaceRoot({ folder: top, isHybrid: false }, join(top, "nothing"), 7), "");
});
