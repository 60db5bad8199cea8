import { readFileSync } from "node:fs";
import koffi from "koffi";

/** <sys/mman.h> of Linux: forgets what is mapped there; of a file that was never written to, it is read again when it is used. */
const adviceDontNeed = 4;

interface Memory {
  readonly start: bigint;
  readonly bytes: number;
}

/** Gives back memory that this process keeps, but does not use. Nothing of it ever throws; without this C library (glibc) it does nothing. */
export interface MemoryReturn {
  /** What the C library keeps after a burst: of its heap only the end goes back by itself. Takes less than a millisecond. */
  giveBackHeap(): void;
  /** Of the files that were mapped when this was created, Node's 100 MB above all, what was read for the start, or seldom. Takes milliseconds, some of them when what is used is read again. */
  giveBackFiles(): void;
}

export function createMemoryReturn(): MemoryReturn {
  const calls = findCalls();
  if (calls === undefined) return { giveBackHeap() {}, giveBackFiles() {} };
  const { trim, advise } = calls;
  // What is mapped from the start on stays where it is. Later another thread may be loading a library, as the C library does to look a name up:
  // what the list shows is another mapping when it is advised about, whose pages are not in a file.
  const lasting = new Map(findUnwrittenFiles(readMappings()).map(({ start, bytes }) => [start, bytes]));
  return {
    giveBackHeap() {
      trim(0);
    },
    giveBackFiles() {
      for (const { start, bytes } of findUnwrittenFiles(readMappings()))
        if (lasting.get(start) === bytes) advise(start, bytes, adviceDontNeed);
    },
  };
}

function findCalls() {
  try {
    const libc = koffi.load("libc.so.6");
    return {
      trim: libc.func("int malloc_trim(size_t pad)"),
      advise: libc.func("int madvise(uintptr_t address, size_t length, int advice)"),
    };
  } catch {
    return undefined;
  }
}

function readMappings(): string {
  try {
    return readFileSync("/proc/self/smaps", "latin1");
  } catch {
    return ""; // a process that must not be traced may not read it either
  }
}

/**
 * Parts of files that are mapped to be read or run, from `/proc/PID/smaps` (proc_pid_smaps(5)), and of which this process has no page of its own, in
 * memory or in the swap: what a linker has written into one, addresses, is not in the file.
 */
export function findUnwrittenFiles(mappings: string): Memory[] {
  return [...mappings.matchAll(unwrittenFile)].map(([, start, end]) => {
    const [first, last] = [BigInt(`0x${start}`), BigInt(`0x${end}`)];
    return { start: first, bytes: Number(last - first) };
  });
}

/** Its line, and of its figures these two; each mapping begins with a digit or a small letter, each figure with a capital. */
const unwrittenFile =
  /^([\da-f]+)-([\da-f]+) r-[x-]p [\da-f]+ [\d:a-f]+ [1-9]\d* +\/.*\n(?:[A-Z].*\n)*?Anonymous: +0 kB\n(?:[A-Z].*\n)*?Swap: +0 kB$/gm;
