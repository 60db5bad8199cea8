import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import koffi from "koffi";
import { createMemoryReturn, findUnwrittenFiles } from "./give-back-memory.ts";

/** Kilobytes by name, such as RssFile (proc_pid_status(5)). */
function figure(name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

/** As proc_pid_smaps(5) tells of a mapping, the lines that come between left out. */
const mapping = (head: string, anonymousKilobytes = 0, swapKilobytes = 0) =>
  `${head}\nSize:                132 kB\nRss:                 100 kB\nAnonymous:          ${String(anonymousKilobytes).padStart(5)} kB\n` +
  `KSM:                   0 kB\nAnonHugePages:         0 kB\nSwap:               ${String(swapKilobytes).padStart(5)} kB\n` +
  "SwapPss:               0 kB\nVmFlags: rd ex mr mw me \n";

test("of all that is mapped, parts of files that nobody writes to and nobody wrote to are forgotten", () => {
  const mappings = [
    mapping("00400000-00500000 r--p 00000000 fe:00 123   /opt/a node/bin/node"),
    mapping("00500000-00700000 r-xp 00100000 fe:00 123   /opt/a node/bin/node"),
    mapping("00700000-00710000 r--p 00300000 fe:00 123   /opt/a node/bin/node", 8), // addresses that the linker has put there
    mapping("00720000-00730000 r--p 00320000 fe:00 123   /opt/a node/bin/node", 0, 4), // they are in the swap now
    mapping("00710000-00720000 rw-p 00310000 fe:00 123   /opt/a node/bin/node"),
    mapping("01000000-02000000 rw-p 00000000 00:00 0     [heap]"),
    mapping("7f0000000000-7f0000100000 r--p 00000000 00:00 0 "),
    mapping("7f0000100000-7f0000200000 r-xp 00000000 00:00 0     [vdso]"),
    mapping("7f0000200000-7f0000300000 r--s 00002000 00:0e 9     anon_inode:bpf-map"),
    mapping("7f0000300000-7f0000400000 r--s 00000000 fe:00 77    /tmp/shared"),
    mapping("ffff80000000-ffff80100000 r-xp 00001000 fe:00 45    /lib/gone.so (deleted)"),
  ].join("");
  assert.deepEqual(findUnwrittenFiles(mappings), [
    { start: 0x400000n, bytes: 0x100000 },
    { start: 0x500000n, bytes: 0x200000 },
    { start: 0xffff80000000n, bytes: 0x100000 },
  ]);
  assert.deepEqual(findUnwrittenFiles(""), []);
});

const isGlibc = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header
  .glibcVersionRuntime;

test("pages of the program that only its start needed are not its any more, and it goes on", {
  skip: !isGlibc && "needs glibc",
}, () => {
  const { giveBackFiles } = createMemoryReturn();
  const before = figure("RssFile");
  giveBackFiles();
  assert.ok(figure("RssFile") < before / 2, `of ${before} kB ${figure("RssFile")} are left`);
  giveBackFiles();
  assert.deepEqual(JSON.parse('{"still":["here"]}'), { still: ["here"] });
});

test("files that are mapped later are left alone: another thread may be putting other memory in their place", {
  skip: !isGlibc && "needs glibc",
}, () => {
  const { giveBackFiles } = createMemoryReturn();
  const bytes = statSync(process.execPath).size;
  const libc = koffi.load("libc.so.6");
  const map = libc.func(
    "uintptr_t mmap(uintptr_t at, size_t bytes, int protection, int flags, int fd, long offset)",
  );
  const [read, isPrivate, isPopulated] = [1, 0x2, 0x8000]; // PROT_READ, MAP_PRIVATE, MAP_POPULATE
  const file = openSync(process.execPath, "r");
  const start = map(0, bytes, read, isPrivate | isPopulated, file, 0);
  closeSync(file);
  const before = figure("RssFile");
  giveBackFiles();
  assert.ok(figure("RssFile") > bytes / 1024 - 4096, `of ${before} kB ${figure("RssFile")} are left`);
  libc.func("int munmap(uintptr_t at, size_t bytes)")(start, bytes);
});

test("of what the C library was given back, the heap keeps nothing between that which is used", {
  skip: !isGlibc && "needs glibc",
}, () => {
  const libc = koffi.load("libc.so.6");
  const allocate = libc.func("uintptr_t malloc(size_t bytes)");
  const fill = libc.func("uintptr_t memset(uintptr_t start, int value, size_t bytes)");
  const free = libc.func("void free(uintptr_t start)");
  const bytes = 4096;
  const places = Array.from({ length: 8192 }, () => fill(allocate(bytes), 1, bytes));
  const last = places.pop();
  for (const place of places) free(place);
  const before = figure("RssAnon");
  createMemoryReturn().giveBackHeap();
  assert.ok(before - figure("RssAnon") > 16_384, `of ${before} kB ${figure("RssAnon")} are left`);
  free(last);
});
