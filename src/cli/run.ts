import { cFunctions } from "../native/index.ts";
import { endProcess } from "./end-process.ts";

const setName = 15; // PR_SET_NAME, include/uapi/linux/prctl.h

/** What was asked to start is stopped within this time, or the process ends without it. */
const stopMilliseconds = 10_000;

interface Startable {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts it, says so, and stops it on SIGTERM or SIGINT, also when it has not finished starting. A second signal, or a stop
 * that takes too long, ends the process at once. `untilSeconds` after it has started it is stopped as by a signal.
 */
export async function runUntilSignal(
  service: Startable,
  started: () => void,
  untilSeconds?: number,
): Promise<void> {
  nameProcess();
  const asked = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        process.once(signal, () => endProcess(1));
        setTimeout(endAtOnce, stopMilliseconds).unref();
        resolve();
      });
    }
  });
  const starting = service.start().then(() => {
    started();
    if (untilSeconds !== undefined) setTimeout(() => process.kill(process.pid), untilSeconds * 1000).unref();
  });
  try {
    await Promise.race([starting, asked]);
    await asked;
    await starting; // what is half started cannot be stopped
  } catch (error) {
    await service.stop().catch(() => {}); // what was opened before is closed; the first error is the one to tell
    throw error;
  }
  await service.stop();
}

/** For ps, top, and an agent beside, which else tell of Node and its first thread. The command line stays as it is. */
function nameProcess(): void {
  if (process.platform !== "linux") return;
  try {
    cFunctions({ prctl: "int prctl(int option, const char *name)" }).prctl(setName, "portolan");
  } catch {
    // Without such a C library it is called as Node is.
  }
}

function endAtOnce(): void {
  console.error("portolan: not stopped within 10 s; ending now");
  endProcess(1);
}
