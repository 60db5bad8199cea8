import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Config, ConfigSources } from "../config.ts";
import { ConfigError } from "../config-error.ts";

export type AgentSections = Pick<Config, "agent" | "log">;

/** What the schema fills in. */
export const agentSectionDefaults = {
  agent: {
    enabled: true,
    loopback: true,
    containers: true,
    commandLine: false,
    connections: 262_144,
    ebpf: true,
    softErrors: true,
    datagrams: true,
    dns: true,
    lookups: true,
    resolvers: [] as string[],
    nat: true,
    pods: true,
    flows: 65_536,
  },
  log: "info",
} as const;

/** What the process that reads writes to its standard output. */
export type ReadAnswer = { readonly sections: AgentSections } | { readonly problems: readonly string[] };

/** Variables that are not settings of the configuration file. */
export const otherVariables: readonly string[] = ["PORTOLAN_NO_INSTALL", "PORTOLAN_TOKEN"];
const reader = fileURLToPath(new URL("./read-sections.ts", import.meta.url));

/**
 * The whole configuration is checked, as `readConfig` does, in a process of its own: what that takes of memory, 20 MB, is given back only
 * by one that ends. Where nothing is said there is nothing to read. Throws ConfigError.
 */
export function readAgentSections({ file, environment, flags }: ConfigSources): AgentSections {
  const said = Object.keys(environment).filter((name) => name.startsWith("PORTOLAN_"));
  if (file === undefined && said.every((name) => otherVariables.includes(name)) && isEmpty(flags))
    return agentSectionDefaults;
  const { stdout, error, status } = spawnSync(process.execPath, ["--v8-pool-size=0", reader], {
    ...{ env: environment, input: JSON.stringify({ file, flags }), encoding: "utf8" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (error !== undefined || status !== 0)
    throw new Error(`the process that reads the settings ended with ${status}`, { cause: error });
  const answer = JSON.parse(stdout) as ReadAnswer;
  if ("problems" in answer) throw new ConfigError(answer.problems);
  return answer.sections;
}

function isEmpty(flags: ConfigSources["flags"]): boolean {
  return Object.values(flags).every((value) => value === undefined);
}
