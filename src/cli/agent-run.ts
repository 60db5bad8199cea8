import { pino } from "pino";
import { ConfigError, readAgentSections } from "../settings/agent/index.ts";
import { SpoolError } from "../uplink/index.ts";
import { type AgentFlags, type AgentSettings, readAgentFlags } from "./agent-flags.ts";
import { type AgentService, createAgentService } from "./agent-service.ts";
import { describeParts } from "./agent-words.ts";
import { runUntilSignal } from "./run.ts";
import { version } from "./version.ts";

/** Runs until a signal, or until nobody reads its lines. */
export async function runAgent(flags: AgentFlags): Promise<void> {
  const config = readAgentSections({
    file: flags.config,
    environment: process.env,
    flags: { log: flags.log },
  });
  const settings = readAgentFlags(flags, process.env);
  const logger = pino({ level: config.log, base: null }, pino.destination(2));
  for (const warning of settings.warnings) logger.warn(warning);
  const service = createAgentService(settings, config.agent, {
    ...{ version, output: process.stdout },
    log: (level, message) => logger[level](message),
    onUseless: () => process.kill(process.pid, "SIGTERM"),
  });
  // Standard output is the records' when they are written there.
  const say = settings.isJson ? console.error : console.log;
  try {
    await runUntilSignal(service, () => say(describe(service, settings)));
  } catch (error) {
    throw error instanceof SpoolError ? new ConfigError([error.message]) : error;
  }
}

/** What a person wants to know in the first second. */
function describe(service: AgentService, settings: AgentSettings): string {
  const { server, spoolFolder, spoolBytes, node, isJson } = settings;
  const found = service.foundMessages === 0 ? "" : `, ${service.foundMessages} messages from before`;
  const spool =
    spoolFolder === undefined
      ? "in memory only, 16 MiB"
      : `${spoolFolder}, at most ${Math.round(spoolBytes / 2 ** 20)} MiB${found}`;
  return [
    "",
    `  Portolan agent ${version} of ${node}`,
    "",
    `  sends to     ${server === undefined ? "nobody: no --server" : server.href}`,
    ...(isJson ? ["  writes       lines of JSON to standard output"] : []),
    ...describeParts(service.status, server !== undefined),
    ...(server === undefined ? [] : [`  spool        ${spool}`]),
    `  metrics      ${service.metricsUrl === "" ? "none" : `${service.metricsUrl}/metrics`}`,
    "",
    "  Ctrl-C stops it.",
    "",
  ].join("\n");
}
