import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import koffi from "koffi";
import { KernelError } from "../kernel-error.ts";
import type { NetworkNamespace } from "../network-namespaces.ts";

const newNetwork = 0x40000000; // CLONE_NEWNET
const stale = 116; // ESTALE
const libc = process.platform === "linux" ? koffi.load("libc.so.6") : undefined;
const setns = libc?.func("int setns(int fd, int type)") as ReturnType<ReturnType<typeof koffi.load>["func"]>;

/**
 * Runs `open` in a network namespace. Which one a thread is in is the thread's own, so nobody else notices; and nothing of
 * ours may run in between, so `open` is one system call. A thread that cannot come back would go on with the rest of
 * the program in a stranger's network: then the process ends, whoever catches exceptions. Throws KernelError; ESTALE when the file of a
 * namespace that was found, of a process perhaps whose id is another's since, leads to another namespace.
 */
export function insideNamespace(namespace: string | NetworkNamespace, open: () => number): number {
  const { path, inode } = typeof namespace === "string" ? { path: namespace, inode: undefined } : namespace;
  const own = openNamespace("/proc/thread-self/ns/net");
  let target: number | undefined;
  try {
    target = openNamespace(path);
    const { ino } = fstatSync(target);
    if (inode !== undefined && ino !== inode) throw new KernelError(`${path}: enter ${inode}`, stale);
    if (ino === fstatSync(own).ino) return open();
    if (setns(target, newNetwork) !== 0) throw new KernelError(`${path}: enter`, koffi.errno());
    const fd = open();
    if (setns(own, newNetwork) !== 0) {
      writeSync(2, `broken assumption: the thread comes back from ${path}: errno ${koffi.errno()}\n`);
      process.abort();
    }
    return fd;
  } finally {
    closeSync(own);
    if (target !== undefined) closeSync(target);
  }
}

function openNamespace(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw new KernelError(`${path}: open`, -((error as NodeJS.ErrnoException).errno ?? 0));
  }
}
