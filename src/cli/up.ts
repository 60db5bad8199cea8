import type { Command } from "commander";
import { formatCidr } from "../flow/index.ts";
import type { Server } from "../server/index.ts";
import type { Config } from "../settings/index.ts";
import { describeTcp } from "./agent-words.ts";
import { runUntilSignal } from "./run.ts";
import { version } from "./version.ts";

interface UpFlags {
  readonly listen?: string;
  readonly flows?: string[];
  readonly data?: string;
  readonly config?: string;
  readonly log?: string;
  readonly agent: boolean;
}

/** `portolan up` and `portolan server`: the same program, with and without this machine's agent. */
export function addUp(program: Command): void {
  withServerFlags(
    program.command("up").description("everything on this machine: agent, collector, store, API and page"),
  )
    .option("--no-agent", "do not read this machine's own connections")
    .action((flags: UpFlags) => run(flags, flags.agent ? undefined : false));
  withServerFlags(
    program.command("server").description("collector, store, API and page, without an agent"),
  ).action((flags: UpFlags) => run(flags, false));
}

function withServerFlags(command: Command): Command {
  return command
    .option("--listen <host:port>", "where page, API and metrics are served (default 127.0.0.1:8080)")
    .option(
      "--flows <url>",
      "where NetFlow, IPFIX and sFlow are received, repeatable (default udp://0.0.0.0:2055 and udp://0.0.0.0:6343)",
      (url: string, before: string[] | undefined) => [...(before ?? []), url],
    )
    .option(
      "--data <folder>",
      "where history is kept (default /var/lib/portolan as root, else ~/.local/share/portolan)",
    )
    .option(
      "--log <level>",
      "what is logged to standard error: silent, error, warn, info, debug (default info)",
    )
    .option("--config <file>", "YAML file with these and further settings");
}

async function run(flags: UpFlags, agentEnabled: boolean | undefined): Promise<void> {
  // Loaded only here: other commands, and --help, need neither store nor server.
  const [{ pino }, { createServer }, { readConfig }] = await Promise.all([
    import("pino"),
    import("../server/index.ts"),
    import("../settings/index.ts"),
  ]);
  const config = readConfig({
    file: flags.config,
    environment: process.env,
    flags: {
      listen: flags.listen,
      flows: flags.flows,
      data: flags.data,
      log: flags.log,
      "agent.enabled": agentEnabled,
    },
  });
  const logger = pino({ level: config.log, base: null }, pino.destination(2));
  const server = createServer(config, { version, logger });
  await runUntilSignal(server, () => console.log(describe(server, config)));
}

/** What a person wants to know in the first second. */
function describe(server: Server, { agent, data, exporters }: Config): string {
  const who =
    exporters.allow.length === 0
      ? "from any sender"
      : `from ${exporters.allow.map(formatCidr).join(", ")} only`;
  const agentLine = !agent.enabled
    ? "off   not asked for"
    : describeTcp(server.agentStatus, "this machine's connections, all network namespaces");
  return [
    "",
    `  Portolan ${version}   ${server.address}`,
    "",
    `  agent        ${agentLine}`,
    `  flows        ${server.listeners.join(", ")}   NetFlow, IPFIX and sFlow, ${who}`,
    `  history      ${data}`,
    "",
    "  Ctrl-C stops it.",
    "",
  ].join("\n");
}
