import { type FlagDescription, type FlagName, flagTable, idleFlags, switchFlags } from "./flag-table.ts";
import { type ListenUri, parseListenUris } from "./listen-uris.ts";
import { type OutputFormat, outputFormats } from "./record-output.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFormat = "normal" | "json";

/** What the flags of `portolan collect` ask for. */
export interface CollectFlags {
  readonly listen: readonly ListenUri[];
  readonly format: OutputFormat;
  /** Empty: standard output. */
  readonly file: string;
  readonly separator: string;
  /** Undefined: no HTTP. An empty host is all addresses. */
  readonly http: { readonly host: string; readonly port: number } | undefined;
  readonly templatesPath: string;
  /** 0: templates are kept for good. */
  readonly templateMilliseconds: number;
  readonly templatesFile: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** So many drops are logged in an interval, 0 for all. */
  readonly errorCount: number;
  readonly errorMilliseconds: number;
}

export type ParsedFlags =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "problems"; readonly problems: readonly string[] }
  | { readonly kind: "flags"; readonly flags: CollectFlags };

/** Reads arguments as Go's `flag` does. Every problem at once, each with the flag it is about. */
export function parseCollectFlags(parameters: readonly string[]): ParsedFlags {
  const { values, problems } = readValues(parameters);
  if (values.has("h") || values.has("help")) return { kind: "help" };
  const value = (name: FlagName) => values.get(name) ?? describe(name).fallback;
  const isThere = (name: FlagName) => /^(true|1|t)$/i.test(value(name));
  if (problems.length === 0 && isThere("v")) return { kind: "version" };
  const problem = (name: FlagName, text: string) => void problems.push(`-${name}: ${text}`);

  const oneOf = <T extends string>(name: FlagName, accepted: readonly T[]): T => {
    const found = accepted.find((word) => word === value(name).toLowerCase());
    if (found === undefined) problem(name, `${value(name)} is not one of ${accepted.join(", ")}`);
    return found ?? accepted[0]!;
  };
  for (const { name, fallback, notBuilt } of flagTable as readonly FlagDescription[]) {
    if (notBuilt !== undefined && value(name as FlagName) !== fallback) problem(name as FlagName, notBuilt);
  }
  if (value("transport") === "kafka")
    problem(
      "transport",
      "kafka is not built yet: write to a file or standard output, for example -transport file",
    );
  else oneOf("transport", ["file", "stdout"]);
  if (value("transport") === "stdout" && value("transport.file") !== "")
    problem(
      "transport.file",
      "-transport stdout writes no file: say -transport file, or leave one of them out",
    );
  const listen = parseListenUris(value("listen")).filter((uri) => {
    if (typeof uri === "string") problem("listen", uri);
    return typeof uri !== "string";
  }) as ListenUri[];
  const http = parseHttpAddress(value("addr"));
  if (http === null) problem("addr", `${value("addr")} is not HOST:PORT, :PORT, or empty for none`);
  const duration = (name: FlagName): number => {
    const milliseconds = parseDuration(value(name));
    if (milliseconds === undefined) problem(name, `${value(name)} is no duration such as 10s or 1m30s`);
    return milliseconds ?? 0;
  };
  if (!/^\d{1,9}$/.test(value("err.cnt"))) problem("err.cnt", `${value("err.cnt")} is no whole number`);
  const flags: CollectFlags = {
    listen,
    http: http ?? undefined,
    format: oneOf("format", outputFormats),
    file: value("transport.file"),
    separator: value("transport.file.sep"),
    templatesPath: value("templates.path"),
    templateMilliseconds: duration("templates.ttl"),
    templatesFile: value("templates.json.path") || undefined,
    logLevel: oneOf("loglevel", logLevels),
    logFormat: oneOf("logfmt", ["normal", "json"]),
    errorCount: Number(value("err.cnt")),
    errorMilliseconds: duration("err.int"),
  };
  return problems.length > 0 ? { kind: "problems", problems } : { kind: "flags", flags };
}

const describe = (name: FlagName): FlagDescription => flagTable.find((flag) => flag.name === name)!;

const names: readonly string[] = [...flagTable.map(({ name }) => name), ...idleFlags, "h", "help"];

function readValues(parameters: readonly string[]) {
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (let i = 0; i < parameters.length; i++) {
    const [, name, given] = /^--?([^=-][^=]*)(?:=(.*))?$/s.exec(parameters[i]!) ?? [];
    if (name === undefined) {
      problems.push(`${parameters[i]} is no flag: everything here is -flag value`);
      continue;
    }
    if (!names.includes(name)) {
      problems.push(`-${name} is no flag${suggest(name)}; portolan collect -h lists them`);
      // What stands behind it is its value, or the next flag.
      if (given === undefined && !(parameters[i + 1] ?? "-").startsWith("-")) i++;
      continue;
    }
    const isSwitch = switchFlags.includes(name);
    const value = given ?? (isSwitch ? "true" : parameters[++i]);
    if (value === undefined) problems.push(`-${name} needs a value`);
    else values.set(name, value);
  }
  return { values, problems };
}

/** The flag that begins most like it. */
function suggest(text: string): string {
  const shared = (name: string) => {
    let length = 0;
    while (length < name.length && name[length] === text[length]) length++;
    return length;
  };
  const nearest = names.reduce((best, name) => (shared(name) > shared(best) ? name : best));
  return shared(nearest) === 0 ? "" : `: did you mean -${nearest}`;
}

/** `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`; undefined when empty, null when it is none of these. */
function parseHttpAddress(text: string): { host: string; port: number } | undefined | null {
  if (text === "") return undefined;
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) return null;
  return { host: bracketed ?? plain!, port: Number(port) };
}

const unitMilliseconds: Readonly<Record<string, number>> = {
  ...{ ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1 },
  ...{ s: 1000, m: 60_000, h: 3_600_000 },
};

/** Go's durations: `10s`, `1m30s`, `1.5h`, `0`. */
function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    sum += Number(count) * unitMilliseconds[unit!]!;
  return sum;
}
