import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import koffi from "koffi";

const fileName = "lock";
/** <sys/file.h> of Linux. */
const [lockExclusive, lockNonBlocking] = [2, 4];

/**
 * One process has a folder at a time: flock(2) on a file in it that only its owner can open. Whoever shares the folder shares the lock, also from
 * another container; the kernel gives it back, however this process ends. Undefined when another has it; throws what the file
 * system throws.
 */
export function lockFolder(folder: string): { release(): void } | undefined {
  const path = join(folder, fileName);
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const file = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  const why = lock(file);
  if (why === undefined) return { release: () => closeSync(file) };
  closeSync(file);
  if (why === "EWOULDBLOCK" || why === "EAGAIN") return undefined;
  throw new Error(`${why}: ${path} cannot be locked`);
}

/** Name of the error, undefined for none. */
function lock(file: number): string | undefined {
  const { errno } = koffi.os;
  const flock = koffi.load("libc.so.6").func("int flock(int file, int operation)");
  do {
    if (flock(file, lockExclusive | lockNonBlocking) === 0) return undefined;
  } while (koffi.errno() === errno.EINTR);
  const number = koffi.errno();
  return Object.keys(errno).find((name) => errno[name] === number) ?? `errno ${number}`;
}
