import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { formatCidr } from "../flow/index.ts";
import type { CaptureSource, Server } from "../server/index.ts";
import type { Config } from "../settings/index.ts";
import { describeParts } from "./agent-words.ts";
import { runUntilSignal } from "./run.ts";
import { version } from "./version.ts";

interface UpFlags {
  readonly listen?: string;
  readonly flows?: string[];
  readonly data?: string;
  readonly config?: string;
  readonly log?: string;
  readonly agent: boolean;
  readonly pcap?: string;
}

/** `portolan up` and `portolan server`: the same program, with and without this machine's agent. */
export function addUp(program: Command): void {
  withServerFlags(
    program.command("up").description("everything on this machine: agent, collector, store, API and page"),
  )
    .option("--no-agent", "do not read this machine's own connections")
    .option("--pcap <file>", "show a capture (pcap, pcapng, gz, zstd) at its own time, and nothing else")
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
  // What a capture says is not this machine's history: it has a folder of its own, for as long as it is shown.
  const folder =
    flags.pcap === undefined || flags.data !== undefined
      ? undefined
      : mkdtempSync(join(tmpdir(), "portolan-pcap-"));
  const read = () =>
    readConfig({
      file: flags.config,
      environment: process.env,
      flags: {
        listen: flags.listen,
        flows: flags.flows,
        data: flags.data ?? folder,
        log: flags.log,
        "agent.enabled": flags.pcap === undefined ? agentEnabled : false,
      },
    });
  const config = read();
  const logger = pino({ level: config.log, base: null }, pino.destination(2));
  try {
    const capture = flags.pcap === undefined ? undefined : await openCapture(flags.pcap);
    const server = createServer(config, { version, logger, capture, readConfig: read });
    // Before anything takes time: unhandled, it would end the process.
    process.on("SIGHUP", () => {
      try {
        server.reload();
      } catch (error) {
        logger.error(`SIGHUP: the configuration stays as it was: ${(error as Error).message}`);
      }
    });
    await runUntilSignal(server, () => console.log(describe(server, config, flags.pcap)));
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Throws a ConfigError when the file is no capture. */
async function openCapture(path: string): Promise<CaptureSource> {
  const [{ CaptureReplay }, { ConfigError }] = await Promise.all([
    import("../probe/index.ts"),
    import("../settings/index.ts"),
  ]);
  try {
    return await CaptureReplay.open(path, (text) => console.error(`portolan: ${text}`));
  } catch (error) {
    throw new ConfigError([`--pcap ${path}: ${(error as Error).message}`]);
  }
}

/** What a person wants to know in the first second. */
function describe(server: Server, config: Config, pcap: string | undefined): string {
  const { agent, data, exporters } = config;
  if (pcap !== undefined)
    return `\n  Portolan ${version}   ${server.address}\n\n  capture      ${pcap}, at its own time\n\n  Ctrl-C stops it.\n`;
  const who =
    exporters.allow.length === 0
      ? "from any sender"
      : `from ${exporters.allow.map(formatCidr).join(", ")} only`;
  const agentLines = agent.enabled
    ? describeParts(server.agentStatus)
    : [
        "  agent        off   not asked for; agents on other machines report here: portolan agent --server URL",
      ];
  return [
    "",
    `  Portolan ${version}   ${server.address}`,
    "",
    ...agentLines,
    `  flows        ${server.listeners.join(", ")}   NetFlow, IPFIX and sFlow, ${who}`,
    `  history      ${data}`,
    `  access       ${describeAccess(config)}`,
    "",
    "  Ctrl-C stops it.",
    "",
  ].join("\n");
}

function describeAccess({ auth, listen }: Config): string {
  const isLocal = ["127.", "localhost", "::1"].some((start) => listen.host.startsWith(start));
  const anybody = isLocal ? "anybody on this machine" : "anybody who reaches it";
  if (auth === "none") return `${anybody}, without a token (auth: none)`;
  if (auth === undefined) return "this machine only, without a token: no credentials are configured (auth)";
  if (auth.tokens !== undefined) return "with a token of auth.tokens";
  return "people from this machine only (auth.tokens lets others in), agents with a token of auth.ingestTokens";
}
