import { spawn } from "node:child_process";

const mark = "PORTOLAN_PROBE_DAEMON";
/** Whether this process is the one that goes on without a terminal. */
export function isDaemon(): boolean {
  return process.env[mark] === "1";
}

/**
 * Starts this program again, in a session of its own and without a terminal, and waits until it says that it runs. Answers with the exit
 * code for the one who asked.
 */
export function startDaemon(): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    env: { ...process.env, [mark]: "1" },
  });
  return new Promise((resolve) => {
    let lastText = "";
    child.on("message", (message: { text?: string; runs?: true }) => {
      if (message.text !== undefined) lastText = message.text;
      if (message.runs !== true) return;
      child.disconnect();
      child.unref();
      resolve(0);
    });
    child.on("exit", (code) => {
      console.error(`portolan probe: ${lastText}`);
      resolve(code ?? 1);
    });
    child.on("error", (error) => {
      console.error(`portolan probe: cannot go on in the background: ${error.message}`);
      resolve(1);
    });
  });
}

/** The one who started this process may go. */
export function tellParent(): void {
  if (!isDaemon() || process.send === undefined || !process.connected) return;
  process.send({ runs: true });
  process.disconnect?.();
}
