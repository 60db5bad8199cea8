import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createCgroupTree, readCgroupMounts } from "./cgroup-tree.ts";

const top = mkdtempSync(join(tmpdir(), "portolan-cgroups-"));
after(() => rmSync(top, { recursive: true }));
let treeCount = 0;

/** A tree of folders, whose inodes are as good as those of cgroups, and a clock. */
function createTree(duration = 1) {
  const folder = join(top, String(++treeCount));
  mkdirSync(folder);
  let clock = 0;
  const tree = createCgroupTree({
    mounts: { folder, isHybrid: false },
    now: () => {
      clock += duration;
      return clock;
    },
  });
  return {
    tree,
    folder,
    pass(milliseconds: number) {
      clock += milliseconds;
    },
    add(path: string) {
      mkdirSync(join(folder, path), { recursive: true });
      writeFileSync(join(folder, path, "cgroup.procs"), "");
      return statSync(join(folder, path)).ino;
    },
  };
}

test("a cgroup is found by its id, at any depth", () => {
  const { tree, folder, add } = createTree();
  const [service, container] = [add("/system.slice/a.service"), add("/docker/x/y/z")];
  assert.equal(tree.pathOf(service), "/system.slice/a.service");
  assert.equal(tree.pathOf(container), "/docker/x/y/z");
  assert.equal(tree.pathOf(statSync(folder).ino), "/");
});

test("one that is not there is not searched for all the time", () => {
  const { tree, add, pass } = createTree(10);
  assert.equal(tree.pathOf(4_000_000_000), "");
  const late = add("/late.slice");
  assert.equal(tree.pathOf(late), "", "the walk took 10 ms: another may be taken after 5 s");
  pass(4000);
  assert.equal(tree.pathOf(late), "");
  pass(1100);
  assert.equal(tree.pathOf(late), "/late.slice");
});

test("those that are known are not walked for, and one without an id never", () => {
  const { tree, add, pass } = createTree();
  const known = add("/a");
  tree.pathOf(known);
  renameSync(join(top, String(treeCount), "a"), join(top, String(treeCount), "b"));
  pass(10_000);
  assert.equal(tree.pathOf(known), "/a");
  assert.equal(tree.pathOf(0), "");
  assert.equal(tree.pathOf(known), "/a", "no walk was taken");
});

test("a machine without cgroups has none", () => {
  assert.equal(createCgroupTree({ mounts: { folder: join(top, "nothing"), isHybrid: false } }).pathOf(7), "");
  const mounts = join(top, "mounts");
  writeFileSync(mounts, "proc /proc proc rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n");
  assert.deepEqual(readCgroupMounts(mounts), { folder: undefined, isHybrid: true });
  const none = readCgroupMounts(join(top, "nothing"));
  assert.deepEqual(none, { folder: undefined, isHybrid: false });
  assert.equal(createCgroupTree({ mounts: none }).pathOf(7), "");
});

for (const [name, text, folder, isHybrid] of [
  ["version 2", "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n", "/sys/fs/cgroup", false],
  [
    "hybrid",
    "tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n",
    "/sys/fs/cgroup/unified",
    true,
  ],
] as const) {
  test(`the folder of cgroups: ${name}`, () => {
    const mounts = join(top, `mounts-${name}`);
    writeFileSync(mounts, text);
    assert.deepEqual(readCgroupMounts(mounts), { folder, isHybrid });
  });
}
