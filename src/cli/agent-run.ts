import { pino } from "pino";
import { type AgentSections, ConfigError, readAgentSections } from "../settings/agent/index.ts";
import { SpoolError } from "../uplink/index.ts";
import { type AgentFlags, type AgentSettings, readAgentFlags } from "./agent-flags.ts";
import { type AgentService, createAgentService } from "./agent-service.ts";
import { describeParts, describePods } from "./agent-words.ts";
import { runUntilSignal } from "./run.ts";
import { version } from "./version.ts";

/** Runs until a signal, or until nobody reads its lines. */
export async function runAgent(flags: AgentFlags): Promise<void> {
  const read = () =>
    readAgentSections({ file: flags.config, environment: process.env, flags: { log: flags.log } });
  const config = read();
  const settings = readAgentFlags(flags, process.env);
  const logger = pino({ level: config.log, base: null }, pino.destination(2));
  for (const warning of settings.warnings) logger.warn(warning);
  // Before anything takes time: unhandled, it would end the process.
  process.on("SIGHUP", () => {
    try {
      const { agent, log } = read();
      logger.level = log;
      logger.info(`SIGHUP: ${describeChange(config.agent, agent)}`);
    } catch (error) {
      logger.error(`SIGHUP: the configuration stays as it was: ${(error as Error).message}`);
    }
  });
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

/** A token is read again whenever its file changes; what is observed is settled at the start. */
function describeChange(before: AgentSections["agent"], after: AgentSections["agent"]): string {
  const changed = (Object.keys(after) as (keyof AgentSections["agent"])[]).filter(
    (name) => JSON.stringify(after[name]) !== JSON.stringify(before[name]),
  );
  if (changed.length === 0) return "nothing has changed that an agent settles at its start";
  return `taken at the next start: ${changed.map((name) => `agent.${name}`).join(", ")}`;
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
    ...describePods(service.podsStatus),
    ...(server === undefined ? [] : [`  spool        ${spool}`]),
    `  metrics      ${service.metricsUrl === "" ? "none" : `${service.metricsUrl}/metrics`}`,
    "",
    "  Ctrl-C stops it.",
    "",
  ].join("\n");
}
