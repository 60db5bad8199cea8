import { ListenError } from "../collector/index.ts";
import { formatFlagHelp, parseCollectFlags } from "../goflow/index.ts";
import { createCollectLog } from "./collect-log.ts";
import { createCollectService } from "./collect-service.ts";
import { runUntilSignal } from "./run.ts";
import { version } from "./version.ts";

/** Runs until a signal, or until nobody reads the records any more. Answers with the exit code. */
export async function runCollect(parameters: readonly string[]): Promise<number> {
  const parsed = parseCollectFlags(parameters);
  switch (parsed.kind) {
    case "help":
      console.log(formatFlagHelp());
      return 0;
    case "version":
      console.log(`Portolan ${version}`);
      return 0;
    case "problems":
      for (const problem of parsed.problems) console.error(`portolan collect: ${problem}`);
      return 2;
  }
  const { flags } = parsed;
  const log = createCollectLog(flags);
  let exitCode = 0;
  const failed = () => {
    exitCode = 1;
    process.kill(process.pid, "SIGTERM");
  };
  try {
    const service = createCollectService(flags, { version, log, failed });
    await runUntilSignal(service, () => {});
    return service.isWhole ? exitCode : 1;
  } catch (error) {
    return explain(error);
  }
}

/** Wrong addresses and files are told with the flag to change. */
function explain(error: unknown): number {
  const { code, syscall, path, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  if (error instanceof ListenError)
    console.error(`portolan collect: ${error.message.replaceAll("--flows udp:", "-listen flow:")}`);
  else if (syscall === "listen")
    console.error(
      `portolan collect: -addr: tcp ${address?.includes(":") ? `[${address}]` : address}:${port} cannot be opened (${code}): ` +
        'choose another, such as -addr 127.0.0.1:8081, or none with -addr ""',
    );
  else if (syscall === "open")
    console.error(
      `portolan collect: -transport.file: ${path} cannot be opened (${code}): name a file in a folder that is there and can be written`,
    );
  else throw error;
  return 2;
}
