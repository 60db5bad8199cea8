import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { SocketProcesses } from "./socket-processes.ts";

/** A folder like /proc. */
function createProc(t: TestContext) {
  const procFolder = mkdtempSync(join(tmpdir(), "portolan-proc-"));
  t.after(() => rmSync(procFolder, { recursive: true }));
  return {
    procFolder,
    add(pid: number, namespace: number, links: readonly string[], comm = `program ${pid}`) {
      for (const folder of ["ns", "fd"])
        mkdirSync(join(procFolder, String(pid), folder), { recursive: true });
      symlinkSync(`net:[${namespace}]`, join(procFolder, String(pid), "ns/net"));
      writeFileSync(join(procFolder, String(pid), "comm"), `${comm}\n`);
      links.forEach((link, fd) => void symlinkSync(link, join(procFolder, String(pid), "fd", String(fd))));
    },
    relink(pid: number, fd: number, link: string) {
      rmSync(join(procFolder, String(pid), "fd", String(fd)));
      symlinkSync(link, join(procFolder, String(pid), "fd", String(fd)));
    },
    remove: (pid: number) => rmSync(join(procFolder, String(pid)), { recursive: true }),
  };
}

function search(
  processes: SocketProcesses,
  wanted: Record<number, number>,
  isOpen: (inode: number) => boolean = () => false,
) {
  const found: Record<number, string> = {};
  const left = new Map(Object.entries(wanted).map(([inode, namespace]) => [Number(inode), namespace]));
  const { isWhole } = processes.find(left, isOpen, (inode, owner) => {
    found[inode] = `${owner.process} ${owner.processName}`;
  });
  return { found, isWhole, left: [...left.keys()] };
}

test("sockets are found in processes of their network namespace", (t) => {
  const proc = createProc(t);
  proc.add(10, 1, ["/dev/null", "socket:[100]", "pipe:[7]", "socket:[101]"]);
  proc.add(11, 1, ["socket:[102]"]);
  proc.add(12, 2, ["socket:[103]"]);
  mkdirSync(join(proc.procFolder, "sys"));
  const processes = new SocketProcesses({ procFolder: proc.procFolder });
  assert.deepEqual(search(processes, { 101: 1, 102: 1, 999: 1 }), {
    found: { 101: "10 program 10", 102: "11 program 11" },
    isWhole: true,
    left: [999],
  });
  assert.deepEqual(search(processes, { 103: 2 }).found, { 103: "12 program 12" });
  assert.equal(processes.soleProcess(1), undefined);
  assert.deepEqual(processes.soleProcess(2), { process: 12, processName: "program 12" });
});

test("a search reads so many links at most, and the next goes on", (t) => {
  const proc = createProc(t);
  proc.add(
    10,
    1,
    Array.from({ length: 25 }, (_, i) => `socket:[${100 + i}]`),
  );
  proc.add(11, 1, ["socket:[200]"]);
  const processes = new SocketProcesses({ procFolder: proc.procFolder, linksMax: 10 });
  const rounds = [];
  for (let i = 0; i < 4; i++) {
    const { found, isWhole } = search(processes, { 100: 1, 124: 1, 200: 1, 999: 1 });
    rounds.push([Object.keys(found).sort().join(" "), isWhole]);
  }
  const all = rounds.map(([inodes]) => inodes).join(" ");
  for (const inode of [100, 124, 200]) assert.match(all, new RegExp(`\\b${inode}\\b`));
  assert.equal(rounds[0]![1], false, "not whole: what was not found may be behind the bound");
});

test("a descriptor that is still the socket it was is not read again; another is", (t) => {
  const proc = createProc(t);
  proc.add(
    10,
    1,
    Array.from({ length: 8 }, (_, i) => `socket:[${100 + i}]`),
  );
  const processes = new SocketProcesses({ procFolder: proc.procFolder, linksMax: 8 });
  assert.equal(search(processes, { 999: 1 }).isWhole, true);
  proc.relink(10, 7, "socket:[300]");
  proc.relink(10, 0, "socket:[301]"); // would be seen if it were read
  const isOpen = (inode: number) => inode !== 107;
  assert.deepEqual(search(processes, { 300: 1, 301: 1 }, isOpen).left, [301]);
  assert.deepEqual(search(processes, { 103: 1 }, isOpen).found, { 103: "10 program 10" });
});

test("processes that end, or are not ours to read, are no error", (t) => {
  const proc = createProc(t);
  proc.add(10, 1, ["socket:[100]"]);
  proc.add(11, 1, ["socket:[101]"]);
  rmSync(join(proc.procFolder, "11/comm"));
  const processes = new SocketProcesses({ procFolder: proc.procFolder });
  assert.deepEqual(search(processes, { 100: 1, 101: 1 }).left, [101]);
  proc.remove(10);
  assert.deepEqual(search(processes, { 100: 1 }).left, [100]);
  assert.equal(processes.missedCount, 0);
});
