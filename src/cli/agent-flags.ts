import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { isNodeName } from "../ingest/index.ts";
import { ConfigError, everyAddress, homeFolder, isLoopbackHost } from "../settings/agent/index.ts";
import type { Config } from "../settings/index.ts";

/** As commander gives them. */
export interface AgentFlags {
  readonly server?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly spool?: string;
  readonly spoolSize?: string;
  readonly node?: string;
  readonly listen?: string;
  readonly json?: boolean;
  readonly log?: string;
  readonly config?: string;
}

export interface AgentSettings {
  readonly server: URL | undefined;
  readonly token: string | undefined;
  /** Where it is in a file: what is there now, undefined when that is no token. */
  readonly renewToken: (() => string | undefined) | undefined;
  readonly ca: string | undefined;
  /** Undefined: nothing is kept on disk. */
  readonly spoolFolder: string | undefined;
  readonly spoolBytes: number;
  readonly node: string;
  readonly listen: Config["listen"] | undefined;
  readonly isJson: boolean;
  /** What is odd about it, but works. */
  readonly warnings: readonly string[];
}

const tokenVariable = "PORTOLAN_TOKEN";
const defaultListen = { host: "127.0.0.1", port: 7117 };
const units: Readonly<Record<string, number>> = {
  ...{ kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 },
  ...{ KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 },
};
const spoolBytesMin = 2 ** 20;

/** Throws ConfigError with everything that is wrong; no token is ever in it. */
export function readAgentFlags(
  flags: AgentFlags,
  environment: Readonly<Record<string, string | undefined>>,
): AgentSettings {
  const problems: string[] = [];
  const problem = (text: string): undefined => {
    problems.push(text);
    return undefined;
  };
  const server = flags.server === undefined ? undefined : parseServer(flags.server, problem);
  if (flags.server === undefined && flags.json !== true)
    problem(
      "--server: URL is expected, such as --server http://10.0.0.5:8080; or --json, to write records to standard output",
    );
  const token = readToken(flags, environment, problem);
  const listen = flags.listen === undefined ? defaultListen : parseListen(flags.listen, problem);
  const spoolBytes = parseSize(flags.spoolSize ?? "256MiB", problem);
  const node = flags.node ?? hostname();
  if (!isNodeName(node)) problem("--node: a name without blanks, / and @ is expected");
  const ca = flags.ca === undefined ? undefined : readText("--ca", flags.ca, problem);
  if (problems.length > 0) throw new ConfigError(problems);
  const isOpenToAll =
    server?.protocol === "http:" && !isLoopbackHost(server.hostname.replace(/^\[|\]$/g, ""));
  const warnings =
    isOpenToAll && token !== undefined
      ? ["the token is sent over http: whoever is on the way can read it; use https"]
      : [];
  return {
    ...{ server, token, ca, node, warnings, spoolBytes: spoolBytes!, isJson: flags.json === true },
    renewToken:
      flags.tokenFile === undefined ? undefined : () => readToken(flags, environment, () => undefined),
    spoolFolder: flags.spool === "none" ? undefined : (flags.spool ?? defaultSpool(environment)),
    listen,
  };
}

type Problem = (text: string) => undefined;

function parseServer(text: string, problem: Problem): URL | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "")
    return problem("--server: a URL with http or https is expected, such as https://portolan.example:8080");
  if (url.username !== "" || url.password !== "")
    return problem(
      "--server: a URL without a name or password is expected: what lets the agent in is --token-file",
    );
  if (url.search !== "" || url.hash !== "") return problem("--server: a URL without ? and # is expected");
  return url;
}

function readToken(
  { token, tokenFile }: AgentFlags,
  environment: Readonly<Record<string, string | undefined>>,
  problem: Problem,
): string | undefined {
  if (token !== undefined && tokenFile !== undefined)
    return problem("--token, --token-file: one of the two is expected");
  const text =
    tokenFile === undefined
      ? (token ?? environment[tokenVariable])
      : readText("--token-file", tokenFile, problem)?.trim();
  if (text !== undefined && !/^[\x21-\x7e]+$/.test(text))
    return problem(
      `${tokenFile === undefined ? `--token or ${tokenVariable}` : "--token-file"}: letters, digits and signs without blanks are expected`,
    );
  return text;
}

function readText(flag: string, file: string, problem: Problem): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    return problem(
      `${flag}: ${file}: ${(error as NodeJS.ErrnoException).code ?? "unreadable"}: a file that can be read is expected`,
    );
  }
}

function parseListen(text: string, problem: Problem): Config["listen"] | undefined {
  if (text === "none") return undefined;
  const match = /^(?:\[([\da-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535)
    return problem(`--listen: "${text}" is not HOST:PORT, such as 127.0.0.1:7117, nor none`);
  return { host: everyAddress(match[1] ?? match[2] ?? ""), port };
}

function parseSize(text: string, problem: Problem): number | undefined {
  const match = /^(\d{1,12}(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text);
  const bytes = match === null ? Number.NaN : Number(match[1]) * (units[match[2]!] ?? Number.NaN);
  if (!(bytes >= spoolBytesMin))
    return problem(
      `--spool-size: "${text}" is not a size from 1MiB on with a unit (${Object.keys(units).join(", ")})`,
    );
  return Math.floor(bytes);
}

/** As XDG says; root's is where daemons keep theirs. */
function defaultSpool({ XDG_STATE_HOME }: Readonly<Record<string, string | undefined>>): string {
  if (process.getuid?.() === 0) return "/var/lib/portolan/agent";
  return `${XDG_STATE_HOME || `${homeFolder()}/.local/state`}/portolan/agent`;
}
