/** A process of its own: reads `{file, flags}` from standard input, checks the configuration, and writes a `ReadAnswer`. */
import { readFileSync } from "node:fs";
import { type ConfigSources, readConfig } from "../config.ts";
import { ConfigError } from "../config-error.ts";
import type { ReadAnswer } from "./agent-sections.ts";

const sources = JSON.parse(readFileSync(0, "utf8")) as Pick<ConfigSources, "file" | "flags">;
process.stdout.write(JSON.stringify(answer()));

function answer(): ReadAnswer {
  try {
    const { agent, log } = readConfig({ ...sources, environment: process.env });
    return { sections: { agent, log } };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    throw error;
  }
}
