import { CaptureError, hasPacketSockets, writeSystemLog } from "../observe/capture/index.ts";
import { type ProbeFlags, parseProbeFlags, probeHelp } from "../probe/index.ts";
import { isDaemon, startDaemon, tellParent } from "./probe-daemon.ts";
import { readFileIntoProbe } from "./probe-file.ts";
import { createLiveProbe } from "./probe-live.ts";
import { runUntilSignal } from "./run.ts";

/** Runs until a signal, or to a file's end. Answers with the exit code. */
export async function runProbe(parameters: readonly string[]): Promise<number> {
  const parsed = parseProbeFlags(parameters);
  switch (parsed.kind) {
    case "help":
      console.log(probeHelp);
      return 0;
    case "problems":
      for (const problem of parsed.problems) console.error(`portolan probe: ${problem}`);
      return 2;
  }
  const { flags } = parsed;
  if (!hasPacketSockets()) {
    console.error("portolan probe: runs on Linux on x86-64 and arm64; this machine is another");
    return 2;
  }
  if (!flags.isForeground && !isDaemon()) return startDaemon();
  // A terminal that is closed ends the probe as SIGTERM does: with every flow reported.
  process.on("SIGHUP", () => process.kill(process.pid, "SIGTERM"));
  const log = isDaemon() ? logOfDaemon : (text: string) => console.error(`portolan probe: ${text}`);
  try {
    if (flags.file !== undefined) return await readFileIntoProbe(flags.file, flags, log);
    return await runLive(flags, log);
  } catch (error) {
    if (!(error instanceof CaptureError) && !isOpenError(error)) throw error;
    log(describeError(error as NodeJS.ErrnoException));
    return 2;
  }
}

async function runLive(flags: ProbeFlags, log: (text: string) => void): Promise<number> {
  const service = createLiveProbe(flags, log);
  await runUntilSignal(service, () => {
    if (flags.pidFile !== undefined) log(service.pidFileProblem ?? "started");
    else log("started");
    tellParent();
  });
  return 0;
}

/** What the user named is not there, or not to be had. */
function isOpenError(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  const text = (error as Error).message;
  return (
    text.startsWith("destination ") ||
    text.startsWith("control socket ") ||
    (code !== undefined && (syscall === "open" || syscall === "listen" || syscall === "read"))
  );
}

function describeError({ code, syscall, path, message }: NodeJS.ErrnoException): string {
  if (syscall === "listen") return `the control socket cannot be opened: ${message}; -c none does without`;
  if (code === "ENOENT") return `there is no file ${path}`;
  if (code === "EACCES") return `file ${path} may not be read by this user`;
  if (code === "EISDIR") return "-r wants a capture file, and this is a folder";
  return message;
}

function logOfDaemon(text: string): void {
  if (process.send !== undefined && process.connected) process.send({ text });
  writeSystemLog(`portolan probe: ${text}`);
}
