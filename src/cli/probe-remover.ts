import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** What stands in the file system for a probe that runs. */
export interface ProbeTraces {
  readonly pidFile: string | undefined;
  readonly controlSocket: string | undefined;
}

const waitMilliseconds = 2000;

/**
 * Waits until its input ends, which it does with the probe, however that ends. Removes the process id file if the probe's id is in it, and the socket
 * if it is still the same: another probe may have taken the place meanwhile.
 */
const script = `trap '' INT TERM HUP
read -r nothing
if [ -n "$1" ] && [ "$(cat "$1" 2>/dev/null)" = "$2" ]; then rm -f -- "$1"; fi
if [ -n "$3" ] && [ "$(stat -c %d:%i -- "$3" 2>/dev/null)" = "$4" ]; then rm -f -- "$3"; fi`;

/**
 * Sees to it that the traces go with the probe. Their folder is often root's, and a probe that has given up its privileges may remove nothing
 * there: as long as it is root it leaves a shell behind that does nothing else. Answers with what to call at the end.
 */
export function keepTraces(traces: ProbeTraces): () => Promise<void> {
  if (process.getuid?.() !== 0) return async () => removeTraces(traces);
  const [pidFile, controlSocket] = [traces.pidFile, traces.controlSocket].map((path) =>
    path === undefined ? "" : resolve(path),
  ) as [string, string];
  if (pidFile === "" && controlSocket === "") return async () => {};
  const parameters = [pidFile, String(process.pid), controlSocket, identify(controlSocket)];
  const shell = spawn("/bin/sh", ["-c", script, "portolan-probe-remover", ...parameters], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
    detached: true,
  });
  const isGone = once(shell, "exit").catch(() => removeTraces(traces)); // there is no shell: what may be removed is
  shell.unref();
  (shell.stdin as unknown as { unref(): void }).unref();
  return async () => {
    shell.ref();
    shell.stdin.end();
    await Promise.race([isGone, delay(waitMilliseconds)]);
  };
}

function identify(path: string): string {
  const { dev, ino } = path === "" ? { dev: 0, ino: 0 } : statSync(path);
  return `${dev}:${ino}`;
}

function removeTraces({ pidFile, controlSocket }: ProbeTraces): void {
  try {
    if (pidFile !== undefined && readFileSync(pidFile, "utf8").trim() === String(process.pid))
      rmSync(pidFile);
    if (controlSocket !== undefined) rmSync(controlSocket, { force: true });
  } catch {
    // It is gone already, or somebody took the folder away.
  }
}
