import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createSpool, type Spool, type SpoolConfig, SpoolError } from "./spool.ts";

const epoch = "00112233445566778899aabbccddeeff";
const body = (n: number, length = 100) => new Uint8Array(length).fill(n);

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "portolan-spool-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A started spool, and what it has said. */
async function started(config: Partial<SpoolConfig>) {
  const given = { messages: 0, rows: 0 };
  const said: string[] = [];
  const spool = createSpool(
    { folder: undefined, bytesMax: 2 ** 20, memoryBytesMax: 1000, ...config },
    {
      onFull(messageCount, rowCount) {
        given.messages += messageCount;
        given.rows += rowCount;
      },
      log: (message) => said.push(message),
    },
  );
  const identity = await spool.start();
  return { spool, given, said, identity };
}

function append(spool: Spool, ...sequences: number[]): void {
  for (const sequence of sequences) spool.append({ epoch, sequence, rowCount: 10 }, body(sequence));
}

const sequencesOf = (spool: Spool) => [...spool.entries()].map(({ sequence }) => sequence);
const filesOf = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".spool"));

test("what was appended is there after the process died, in order, with the same identity", async (t) => {
  const folder = temporaryFolder(t);
  const first = await started({ folder });
  append(first.spool, 1, 2, 3);
  first.spool.remove([...first.spool.entries()][1]!);
  await releaseOnly(first.spool);
  const { spool, identity, said } = await started({ folder });
  assert.match(identity, /^[0-9a-f]{32}$/);
  assert.equal(identity, first.identity);
  // What was answered comes again with the rest of its file: the server knows it.
  assert.deepEqual(sequencesOf(spool), [1, 2, 3]);
  assert.deepEqual(
    [...spool.entries()].map(({ rowCount, epoch: of }) => [rowCount, of]),
    [1, 2, 3].map(() => [10, epoch]),
  );
  for (const entry of spool.entries())
    assert.deepEqual(new Uint8Array(spool.read(entry)!), body(entry.sequence));
  append(spool, 4);
  assert.deepEqual(sequencesOf(spool), [1, 2, 3, 4]);
  assert.deepEqual(said, []);
  for (const entry of [...spool.entries()]) spool.remove(entry);
  await spool.stop();
  assert.deepEqual(filesOf(folder), [], "nothing is left of what was answered");
});

/** As when the process is killed: the folder is free, nothing is tidied. */
async function releaseOnly(spool: Spool): Promise<void> {
  await spool.stop();
}

test("every way in which the last file may be torn loses no more than its last message", async (t) => {
  const folder = temporaryFolder(t);
  const { spool } = await started({ folder });
  append(spool, 1, 2);
  const path = join(folder, filesOf(folder)[0]!);
  const whole = readFileSync(path);
  await releaseOnly(spool);
  for (let length = whole.length; length >= 0; length -= length > 150 && length < whole.length ? 7 : 1) {
    writeFileSync(path, whole.subarray(0, length));
    const again = await started({ folder });
    const isWhole = length === whole.length;
    const count = isWhole ? 2 : length >= 144 ? 1 : 0;
    assert.equal(again.spool.count, count, `${length} bytes`);
    assert.equal(
      again.said.length,
      isWhole || length === 144 || length === 8 || length === 0 ? 0 : 1,
      `${length}: ${again.said}`,
    );
    await releaseOnly(again.spool);
  }
});

test("a damaged entry ends its file, not those behind it", async (t) => {
  const folder = temporaryFolder(t);
  const first = await started({ folder });
  append(first.spool, 1, 2);
  await releaseOnly(first.spool);
  const second = await started({ folder });
  append(second.spool, 3);
  await releaseOnly(second.spool);
  const path = join(folder, filesOf(folder)[0]!);
  const bytes = readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path, bytes);
  const { spool, said } = await started({ folder });
  assert.deepEqual(sequencesOf(spool), [1, 3]);
  assert.match(said[0]!, /its last 136 bytes were not written whole/);
  await spool.stop();
});

test("what is no spool is left alone; rubbish in place of an identity is replaced", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "0000000000000007.spool"), "PTLSPOL2 of the future");
  writeFileSync(join(folder, "notes.txt"), "mine");
  writeFileSync(join(folder, "agent"), "portolan agent 2\n");
  const { spool, said, identity } = await started({ folder });
  assert.match(identity, /^[0-9a-f]{32}$/);
  assert.match(said[0]!, /0000000000000007.spool: not a spool of this version, left alone/);
  append(spool, 1);
  assert.deepEqual(filesOf(folder), ["0000000000000007.spool", "0000000000000008.spool"]);
  await spool.stop();
  assert.equal(readFileSync(join(folder, "notes.txt"), "utf8"), "mine");
});

test("when it is full the oldest go, a file at a time, counted; the rest keeps its order", async (t) => {
  const folder = temporaryFolder(t);
  const { spool, given } = await started({ folder, bytesMax: 10_000 });
  append(spool, ...Array.from({ length: 200 }, (_, i) => i + 1));
  const left = sequencesOf(spool);
  assert.equal(given.messages + left.length, 200);
  assert.equal(given.rows, given.messages * 10);
  assert.deepEqual(
    left,
    Array.from({ length: left.length }, (_, i) => 201 - left.length + i),
  );
  assert.ok(left.length > 40, `${left.length} are left`);
  const onDisk = filesOf(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  assert.ok(onDisk <= 10_000 && onDisk === spool.bytes, `${onDisk} bytes, ${spool.bytes} counted`);
  await spool.stop();
  const smaller = await started({ folder, bytesMax: 5000 });
  assert.ok(
    smaller.spool.bytes <= 5000 && smaller.given.messages > 0,
    "a smaller bound holds at the next start",
  );
  await smaller.spool.stop();
});

test("one process has a folder at a time", async (t) => {
  const folder = temporaryFolder(t);
  const { spool } = await started({ folder });
  await assert.rejects(
    started({ folder }),
    (error) => error instanceof SpoolError && /another agent has this folder/.test(error.message),
  );
  await spool.stop();
  await (await started({ folder })).spool.stop();
});

test("the lock is a file of the folder that nobody else can open; a killed process has given it back", async (t) => {
  const folder = temporaryFolder(t);
  const code = `
    import { createSpool } from ${JSON.stringify(new URL("./spool.ts", import.meta.url).href)};
    const config = { folder: ${JSON.stringify(folder)}, bytesMax: 2 ** 20, memoryBytesMax: 1000 };
    await createSpool(config, { onFull() {}, log() {} }).start();
    console.log("has it");
    setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => other.kill("SIGKILL"));
  await once(other.stdout, "data");
  await assert.rejects(started({ folder }), /another agent has this folder/);
  assert.equal(statSync(join(folder, "lock")).mode & 0o777, 0o600);
  const sockets = readFileSync("/proc/net/unix", "utf8");
  assert.ok(!sockets.includes("@portolan-agent"), "no name that any user can take");
  other.kill("SIGKILL");
  await once(other, "exit");
  const { spool } = await started({ folder });
  await spool.stop();
});

test("a start that fails lets go of the folder", async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "agent.new"));
  const before = readdirSync("/proc/self/fd").length;
  await assert.rejects(started({ folder }), /cannot be used \(EISDIR/);
  assert.equal(readdirSync("/proc/self/fd").length, before);
  rmSync(join(folder, "agent.new"), { recursive: true });
  await (await started({ folder })).spool.stop();
});

test("a full disk, when a file is begun: kept in memory, and nothing is left open or behind", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-spool-"));
  t.after(() => {
    spawnSync("umount", ["--lazy", folder], { stdio: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  });
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
  if (mounted.status !== 0)
    return t.skip(`mount: ${mounted.error?.message ?? mounted.stderr.toString().trim()}`);
  const { spool, said } = await started({ folder, memoryBytesMax: 2 ** 20 });
  const other = join(folder, "other");
  assert.throws(() => writeFileSync(other, Buffer.alloc(70_000)), /ENOSPC/);
  const before = readdirSync("/proc/self/fd").length;
  append(spool, ...Array.from({ length: 50 }, (_, i) => i + 1));
  assert.equal(readdirSync("/proc/self/fd").length, before);
  assert.deepEqual(filesOf(folder), []);
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(said[0]!, /ENOSPC.*kept in memory/);
  rmSync(other);
  append(spool, 51);
  assert.deepEqual(filesOf(folder), ["0000000000000001.spool"], "there is room again");
  assert.equal(spool.count, 51);
  await spool.stop();
});

test("a folder that cannot be made is told, with the flag", async () => {
  await assert.rejects(
    started({ folder: "/proc/nothing/here" }),
    /--spool \/proc\/nothing\/here: cannot be used/,
  );
});

test("without a folder, memory is bounded in the same way", async () => {
  const { spool, given, identity } = await started({});
  assert.match(identity, /^[0-9a-f]{32}$/);
  append(spool, ...Array.from({ length: 15 }, (_, i) => i + 1));
  assert.deepEqual(sequencesOf(spool), [6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  assert.deepEqual(given, { messages: 5, rows: 50 });
  assert.equal(spool.bytes, 1000);
  await spool.stop();
});

test("a file that somebody deletes or cuts takes its messages with it, and no others", async (t) => {
  const folder = temporaryFolder(t);
  const first = await started({ folder });
  append(first.spool, 1);
  await releaseOnly(first.spool);
  const { spool, given } = await started({ folder });
  const old = join(folder, filesOf(folder)[0]!);
  append(spool, 2);
  truncateSync(old, 20);
  const [one, two] = [...spool.entries()];
  assert.equal(spool.read(one!), undefined);
  assert.deepEqual([sequencesOf(spool), given.messages], [[2], 1]);
  for (const name of filesOf(folder)) rmSync(join(folder, name));
  append(spool, 3);
  assert.deepEqual(
    new Uint8Array(spool.read([...spool.entries()].at(-1)!)!),
    body(3),
    "a new file was begun",
  );
  assert.equal(two!.sequence, 2);
  await spool.stop();
});

test("bytes behind the last entry do not hide what is written later", async (t) => {
  const folder = temporaryFolder(t);
  const first = await started({ folder });
  append(first.spool, 1);
  await releaseOnly(first.spool);
  appendFileSync(join(folder, filesOf(folder)[0]!), "torn");
  const second = await started({ folder });
  append(second.spool, 2);
  await releaseOnly(second.spool);
  const { spool } = await started({ folder });
  assert.deepEqual(sequencesOf(spool), [1, 2]);
  await spool.stop();
});
