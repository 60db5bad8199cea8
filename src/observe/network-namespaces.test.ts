import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createNamespaceFinder } from "./network-namespaces.ts";

/** A stored tree of /proc with the network namespaces that its processes are in. */
function createProcesses() {
  const folder = mkdtempSync(join(tmpdir(), "portolan-proc-"));
  const linkOf = (process: number) => join(folder, String(process), "ns", "net");
  return {
    folder,
    start(process: number, inode: number) {
      mkdirSync(join(folder, String(process), "ns"), { recursive: true });
      symlinkSync(`net:[${inode}]`, linkOf(process));
    },
    move(process: number, inode: number) {
      unlinkSync(linkOf(process));
      symlinkSync(`net:[${inode}]`, linkOf(process));
    },
    end: (process: number) => rmSync(join(folder, String(process)), { recursive: true }),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

test("a process that moves while it is young is found there at once, later within eight looks", (t) => {
  const processes = createProcesses();
  t.after(() => processes.remove());
  const find = createNamespaceFinder(processes.folder);
  const isFound = (inode: number) => find(1000).namespaces.some((namespace) => namespace.inode === inode);
  processes.start(41, 7001);
  assert.ok(isFound(7001));
  processes.move(41, 7002);
  assert.ok(isFound(7002));
  for (let look = 0; look < 20; look++) assert.ok(isFound(7002));
  processes.move(41, 7003);
  assert.ok(Array.from({ length: 8 }, () => isFound(7003)).includes(true));
});

test("a process that is new is found at the next look, one that has ended no more", (t) => {
  const processes = createProcesses();
  t.after(() => processes.remove());
  const find = createNamespaceFinder(processes.folder);
  const inodes = () => find(1000).namespaces.map(({ inode }) => inode);
  for (let look = 0; look < 10; look++) inodes();
  processes.start(41, 7001);
  assert.ok(inodes().includes(7001));
  processes.end(41);
  assert.ok(!inodes().includes(7001));
});
