import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { LoadAnswer, LoadOrder } from "./load-child.ts";

export interface LoadLimits {
  readonly timeoutMilliseconds: number;
  /** Of what JavaScript may hold while a file is checked; the file itself is not counted. */
  readonly heapMegabytes: number;
}

const defaultLimits: LoadLimits = { timeoutMilliseconds: 120_000, heapMegabytes: 512 };

const child = fileURLToPath(new URL("./load-child.ts", import.meta.url));

/**
 * Reads and checks a file in a process of its own: nobody waits for it, a file that wants endless time or memory takes only that
 * process with it, and what the work needed of memory is given back, which a thread's is not.
 */
export function loadFile(
  { kind, file }: LoadOrder,
  { timeoutMilliseconds, heapMegabytes }: LoadLimits = defaultLimits,
): { answer: Promise<LoadAnswer>; stop(): void } {
  const loader = fork(child, [kind, file], {
    execArgv: [`--max-old-space-size=${heapMegabytes}`, "--max-semi-space-size=4"],
    serialization: "advanced", // bytes stay bytes
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const stop = () => void loader.kill("SIGKILL");
  const answer = new Promise<LoadAnswer>((resolve) => {
    const refuse = (problem: string) => resolve({ form: "problem", problem });
    let isTooLate = false;
    const timer = setTimeout(() => {
      isTooLate = true;
      stop();
    }, timeoutMilliseconds);
    timer.unref();
    loader.once("message", (message) => resolve(message as LoadAnswer));
    loader.once("error", (error) => refuse(`could not be checked: ${error.message}`));
    loader.once("close", (code, signal) => {
      clearTimeout(timer);
      const end = `could not be checked: its reader ended with ${signal ?? code}`;
      refuse(isTooLate ? `could not be checked within ${timeoutMilliseconds / 1000} seconds` : end);
    });
  });
  return { answer, stop };
}
