import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { lockFolder } from "./folder-lock.ts";
import { openIdentity } from "./identity.ts";
import { LossLog } from "./loss-log.ts";
import { type EntryHead, type Place, Segment } from "./segment.ts";

export interface SpoolConfig {
  /** Undefined: nothing is kept on disk. */
  readonly folder: string | undefined;
  readonly bytesMax: number;
  /** What is kept in memory where there is no folder, or the disk is full. */
  readonly memoryBytesMax: number;
}

export interface SpoolDependencies {
  /** Messages given up for want of room, the oldest, with their records. */
  onFull(messageCount: number, rowCount: number): void;
  log(message: string): void;
}

/** A message that waits for its answer. */
export interface SpoolEntry extends EntryHead {
  readonly bytes: number;
}

interface Kept extends SpoolEntry {
  readonly segment?: Segment;
  readonly place?: Place;
  readonly body?: Uint8Array;
}

export interface Spool {
  /** Takes the folder, and finds what an earlier run has left. Throws SpoolError. Returns the agent's identity. */
  start(): Promise<string>;
  /** Keeps a message: at once safe from the end of this process. Never throws. */
  append(head: EntryHead, body: Uint8Array): void;
  /** What waits, the oldest first. It may be removed meanwhile. */
  entries(): Iterable<SpoolEntry>;
  has(entry: SpoolEntry): boolean;
  /** Undefined when it is not readable any more; it is removed then. */
  read(entry: SpoolEntry): Uint8Array | undefined;
  /** It was answered. */
  remove(entry: SpoolEntry): void;
  /** Makes what was appended safe from the end of the machine. */
  sync(): Promise<void>;
  readonly bytes: number;
  readonly count: number;
  /** Lets go of the folder. */
  stop(): Promise<void>;
}

export class SpoolError extends Error {}

/** A segment is given up as a whole, so that it is a small part of all. */
const segmentShare = 8;
const segmentBytesMax = 4 * 2 ** 20;
/** A disk that takes nothing is told of so often. */
const failureMilliseconds = 60_000;

/** A queue of messages on disk: bounded, in order, the oldest given up first. One process has a folder at a time. */
export function createSpool(config: SpoolConfig, { onFull, log }: SpoolDependencies): Spool {
  const { folder, bytesMax, memoryBytesMax } = config;
  const entries = new Set<Kept>();
  const segments = new Map<number, Segment>();
  let current: Segment | undefined;
  let nextNumber = 1;
  let bytes = 0;
  let memoryBytes = 0;
  let failure = "";
  const failures = new LossLog(failureMilliseconds, ({ messageCount }) =>
    log(`spool ${folder}: ${failure}; messages are kept in memory: ${messageCount}`),
  );
  let lock: ReturnType<typeof lockFolder>;

  function load(path: string): void {
    const names = readdirSync(path).filter((name) => /^\d{16}\.spool$/.test(name));
    for (const name of names.sort()) {
      const segment = new Segment(Number.parseInt(name, 10), join(path, name));
      nextNumber = segment.number + 1;
      const found = segment.load();
      if (found === undefined) {
        log(`${segment.path}: not a spool of this version, left alone`);
        continue;
      }
      if (found.restBytes > 0)
        log(`${segment.path}: its last ${found.restBytes} bytes were not written whole, passed over`);
      segments.set(segment.number, segment);
      bytes += segment.bytes;
      for (const { offset, length, ...head } of found.entries) keep(segment, head, { offset, length });
      if (segment.liveCount === 0) drop(segment);
    }
    makeRoom(0);
  }

  function keep(segment: Segment, head: EntryHead, place: Place): void {
    segment.liveCount++;
    entries.add({ ...head, bytes: place.length, segment, place });
  }

  function drop(segment: Segment): void {
    if (current === segment) current = undefined;
    segments.delete(segment.number);
    bytes -= segment.bytes;
    try {
      segment.remove();
    } catch (error) {
      log(`${segment.path}: ${(error as Error).message}`);
    }
  }

  /** Gives up whole segments, the oldest first. */
  function makeRoom(wanted: number): void {
    while (bytes + wanted > bytesMax && segments.size > 0) {
      const oldest = segments.values().next().value!;
      forget((entry) => entry.segment === oldest);
      drop(oldest);
    }
  }

  function forget(isGivenUp: (entry: Kept) => boolean): void {
    let [messageCount, rowCount] = [0, 0];
    for (const entry of entries) {
      if (!isGivenUp(entry)) continue;
      entries.delete(entry);
      messageCount++;
      rowCount += entry.rowCount;
    }
    if (messageCount > 0) onFull(messageCount, rowCount);
  }

  function appendToDisk(path: string, head: EntryHead, body: Uint8Array): void {
    makeRoom(body.length);
    const isFull =
      current !== undefined && current.bytes >= Math.min(segmentBytesMax, bytesMax / segmentShare);
    if (current !== undefined && (isFull || !current.isThere())) roll();
    current ??= begin(path);
    const before = current.bytes;
    const place = current.append(head, body);
    bytes += current.bytes - before;
    keep(current, head, place);
  }

  function begin(path: string): Segment {
    const segment = new Segment(nextNumber, join(path, `${String(nextNumber).padStart(16, "0")}.spool`));
    try {
      segment.create();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") nextNumber++; // somebody's; the next message tries another
      throw error;
    }
    nextNumber++;
    segments.set(segment.number, segment);
    bytes += segment.bytes;
    return segment;
  }

  function roll(): void {
    const full = current;
    current = undefined;
    if (full?.liveCount === 0) drop(full);
    else full?.close();
  }

  function appendToMemory(head: EntryHead, body: Uint8Array): void {
    memoryBytes += body.length;
    entries.add({ ...head, bytes: body.length, body });
    if (memoryBytes <= memoryBytesMax) return;
    let excess = memoryBytes - memoryBytesMax;
    forget((entry) => {
      if (entry.body === undefined || excess <= 0) return false;
      excess -= entry.bytes;
      memoryBytes -= entry.bytes;
      return true;
    });
  }

  return {
    async start() {
      if (folder === undefined) return randomBytes(16).toString("hex");
      try {
        makeFolder(resolve(folder));
        lock = lockFolder(folder);
        if (lock === undefined)
          throw new SpoolError(`--spool ${folder}: another agent has this folder; stop it, or name another`);
        const identity = openIdentity(folder);
        load(folder);
        return identity;
      } catch (error) {
        lock?.release();
        if (error instanceof SpoolError) throw error;
        const why = (error as Error).message;
        throw new SpoolError(
          `--spool ${folder}: cannot be used (${why}): name a folder that can be written, or "none"`,
        );
      }
    },
    append(head, body) {
      if (folder === undefined) return appendToMemory(head, body);
      try {
        appendToDisk(folder, head, body);
      } catch (error) {
        failure = (error as Error).message;
        failures.add({ messageCount: 1, rowCount: head.rowCount });
        appendToMemory(head, body);
      }
    },
    entries: () => entries,
    has: (entry) => entries.has(entry),
    read(entry) {
      const { body, segment, place } = entry as Kept;
      if (body !== undefined) return body;
      try {
        return segment!.read(place!);
      } catch (error) {
        log(`spool ${folder}: ${(error as Error).message}`);
        forget((other) => other === entry);
        return undefined;
      }
    },
    remove(entry) {
      const kept = entry as Kept;
      if (!entries.delete(kept)) return;
      if (kept.body !== undefined) memoryBytes -= kept.bytes;
      const { segment } = kept;
      if (segment === undefined) return;
      segment.liveCount--;
      if (segment.liveCount === 0 && segment !== current) drop(segment);
    },
    async sync() {
      if (folder === undefined || current === undefined) return;
      await current.sync();
      await syncFolder(folder);
    },
    get bytes() {
      return bytes + memoryBytes;
    },
    get count() {
      return entries.size;
    },
    async stop() {
      failures.stop();
      roll();
      if (folder !== undefined) await syncFolder(folder);
      lock?.release();
      lock = undefined;
    },
  };
}

/** Level by level: mkdir's own recursion never ends below a folder that takes no children, such as /proc. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(folder) === folder) throw error;
    makeFolder(dirname(folder));
    mkdirSync(folder, { mode: 0o700 });
  }
}

/** So that a file's name is there after a power cut, too. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch {
    // Not every file system can; the files themselves are safe.
  }
}
