import { createRequire, flushCompileCache } from "node:module";

/**
 * Ends the process with this code, as `process.exit` does, but without waiting for V8's threads: Node joins them at its end, and one that
 * compiles (Maglev, Sparkplug) and wants memory meanwhile waits for a garbage collection by the main thread, which waits for it
 * (nodejs/node issues 54918 and 64274): for ever. `--v8-pool-size=0` leaves Node one such thread. What is to be written and closed is, so
 * nothing is left to do but `_exit` (POSIX), which who has it at hand may give.
 */
export function endProcess(code: number, given?: (code: number) => void): never {
  if (!isProfiled()) {
    const exitAtOnce = given ?? findExit();
    process.emit("exit", code);
    if (process.env.NODE_COMPILE_CACHE !== undefined) flushCompileCache(); // as Node does
    try {
      exitAtOnce?.(code);
    } catch {
      // The library does not load here: it is left to Node.
    }
  }
  process.exit(code);
}

/** Profiles are written when Node ends. */
function isProfiled(): boolean {
  return (
    process.env.NODE_V8_COVERAGE !== undefined ||
    process.execArgv.some((flag) => /^--(cpu|heap)-prof/.test(flag))
  );
}

/** Undefined where there is no such library, or no koffi for this machine: then it is left to Node. */
function findExit(): ((code: number) => void) | undefined {
  try {
    const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
    return koffi.load("libc.so.6").func("void _exit(int status)") as (code: number) => void;
  } catch {
    return undefined;
  }
}
