import { type FlowVersion, flowVersions, type TimeFormat, timeFormats } from "../netflow/index.ts";
import {
  defaultFlowsMax,
  defaultTimeouts,
  type FlowTimeouts,
  softflowdFlowsMax,
  softflowdTimeouts,
  type TrackLevel,
  trackLevels,
} from "./config.ts";
import type { DestinationAddress } from "./destination.ts";

/** What `portolan probe` was asked to do: softflowd's flags in softflowd's spelling, and a few of our own. */
export interface ProbeFlags {
  readonly interfaces: readonly { readonly name: string; readonly index: number | undefined }[];
  /** A capture file instead of interfaces; `-` is standard input. */
  readonly file: string | undefined;
  readonly destinations: readonly DestinationAddress[];
  readonly isBalanced: boolean;
  readonly version: FlowVersion;
  readonly level: TrackLevel;
  readonly timeouts: FlowTimeouts;
  readonly flowsMax: number;
  readonly sampling: number;
  readonly isBiflow: boolean;
  readonly timeFormat: TimeFormat | undefined;
  readonly mplsLabels: number;
  readonly snapLength: number;
  readonly ringBytes: number;
  readonly isPromiscuous: boolean;
  readonly tracksIPv6: boolean;
  readonly hopLimit: number | undefined;
  readonly sendDevice: string | undefined;
  /** A file's times are the clock. With softflowd's ways only when asked for. */
  readonly isClockAdjusted: boolean;
  readonly isForeground: boolean;
  readonly isDebug: boolean;
  readonly pidFile: string | undefined;
  /** Undefined when there is to be none. */
  readonly controlSocket: string | undefined;
  readonly filter: string;
  readonly isSoftflowd: boolean;
  readonly templateSeconds: number;
  readonly templateMessages: number;
  readonly messageBytes: number;
  readonly withOptions: boolean;
  readonly user: string;
  readonly showsProgress: boolean | undefined;
}

export type ParsedFlags =
  | { readonly kind: "run"; readonly flags: ProbeFlags }
  | { readonly kind: "help" }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

const destinationsMax = 16;
/** Least that a ring has; less is rounded up, as softflowd's `-B` asks for octets of a buffer that may be small. */
const ringBytesMin = 2_097_152;
/** Version 5 tells the interval in 14 bits. */
const samplingMaxOfVersion5 = 0x3fff;
export const defaultPidFile = "/var/run/softflowd.pid";
export const defaultControlSocket = "/var/run/softflowd.ctl";

/** Short flags with an argument, and without, as softflowd hands them to getopt(3). */
const withArgument = "irpctnmvPTACBsxLRSeIH";
const withoutArgument = "6DabdghlMN";
const longWithArgument = ["template-seconds", "template-messages", "message-bytes", "user"];
const longWithoutArgument = ["help", "softflowd-compat", "no-options", "progress", "no-progress"];

interface Words {
  readonly options: readonly (readonly [name: string, value: string])[];
  readonly rest: readonly string[];
  readonly problems: readonly string[];
}

/** Reads words as getopt(3) does: flags may stand together, and an argument may follow at once. What is not a flag ends them. */
function splitWords(parameters: readonly string[]): Words {
  const options: [string, string][] = [];
  const problems: string[] = [];
  let at = 0;
  for (; at < parameters.length; at++) {
    const word = parameters[at]!;
    if (word === "--") {
      at++;
      break;
    }
    if (!word.startsWith("-") || word === "-") break;
    if (word.startsWith("--")) {
      const [name = "", given] = word.slice(2).split(/=(.*)/s);
      if (longWithoutArgument.includes(name)) options.push([name, ""]);
      else if (longWithArgument.includes(name)) {
        const value = given ?? parameters[++at];
        if (value === undefined) problems.push(`--${name}: wants a value`);
        else options.push([name, value]);
      } else problems.push(`--${name}: no such flag`);
      continue;
    }
    for (let i = 1; i < word.length; i++) {
      const flag = word[i]!;
      if (withoutArgument.includes(flag)) {
        options.push([flag, ""]);
        continue;
      }
      if (!withArgument.includes(flag)) {
        problems.push(`-${flag}: no such flag`);
        continue;
      }
      const value = word.slice(i + 1) || parameters[++at];
      if (value === undefined) problems.push(`-${flag}: wants a value`);
      else options.push([flag, value]);
      break;
    }
  }
  return { options, rest: parameters.slice(at), problems };
}

/**
 * Of the flags above, `-M` (threads), `-g` (processor clocks), `-I` (uptime may wrap: readers know it) and `-e` (the messages' own address tells
 * the exporter) ask for nothing here.
 */
export function parseProbeFlags(parameters: readonly string[]): ParsedFlags {
  const { options, rest, problems: wordProblems } = splitWords(parameters);
  const problems = [...wordProblems];
  const given = new Map(options);
  if (given.has("h") || given.has("help")) return { kind: "help" };
  const isSoftflowd = given.has("softflowd-compat");
  const number = (flag: string, otherwise: number, least: number, most: number) => {
    const text = given.get(flag);
    if (text === undefined) return otherwise;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    problems.push(`-${flag.length > 1 ? "-" : ""}${flag} ${text}: wants a number from ${least} to ${most}`);
    return otherwise;
  };
  const choice = <T extends string>(flag: string, accepted: readonly T[], otherwise: T): T => {
    const text = given.get(flag);
    if (text === undefined) return otherwise;
    const found = accepted.find((one) => one === text);
    if (found === undefined) problems.push(`-${flag} ${text}: accepted are ${accepted.join(", ")}`);
    return found ?? otherwise;
  };
  const version = readVersion(given.get("v"), isSoftflowd, problems);
  refuseUnbuilt(given, problems);
  const interfaces = readInterfaces(options, problems);
  const file = given.get("r");
  if (file === undefined && interfaces.length === 0)
    problems.push("-i INTERFACE or -r FILE is wanted: where packets come from");
  const isForeground = given.has("d") || given.has("D") || file !== undefined;
  const controlSocket = given.get("c") ?? (file === undefined ? defaultControlSocket : "none");
  const flags: ProbeFlags = {
    interfaces,
    file,
    destinations: readDestinations(options, problems),
    isBalanced: given.has("l"),
    version,
    level: choice("T", trackLevels, "full"),
    timeouts: readTimeouts(options, isSoftflowd ? softflowdTimeouts : defaultTimeouts, problems),
    flowsMax: number("m", isSoftflowd ? softflowdFlowsMax : defaultFlowsMax, 1, 2 ** 24),
    sampling: Math.max(1, number("s", 1, 0, version === 5 ? samplingMaxOfVersion5 : 0x7fffffff)),
    // As in softflowd, without a meaning for other versions.
    isBiflow: given.has("b") && version === 10,
    timeFormat: given.has("A") ? choice("A", timeFormats.slice(1), "milli") : undefined,
    mplsLabels: number("x", 0, 0, 10),
    snapLength: number("C", 192, 64, 65_535),
    ringBytes: Math.max(ringBytesMin, number("B", 33_554_432, 1, 2 ** 30)),
    isPromiscuous: !given.has("N"),
    tracksIPv6: given.has("6") || given.has("D"),
    hopLimit: given.has("L") ? number("L", 64, 1, 255) : undefined,
    sendDevice: given.get("S"),
    isClockAdjusted: given.has("a"),
    isForeground,
    isDebug: given.has("D"),
    pidFile: given.get("p") ?? (isForeground ? undefined : defaultPidFile),
    controlSocket: controlSocket === "none" ? undefined : controlSocket,
    filter: rest.join(" "),
    isSoftflowd,
    templateSeconds: number("template-seconds", 60, 1, 86_400),
    templateMessages: number("template-messages", isSoftflowd ? 16 : 256, 1, 1_000_000),
    messageBytes: number("message-bytes", 1428, 1200, 8952),
    withOptions: !given.has("no-options"),
    user: given.get("user") ?? "nobody",
    showsProgress: given.has("progress") ? true : given.has("no-progress") ? false : undefined,
  };
  return problems.length > 0 ? { kind: "problems", problems } : { kind: "run", flags };
}

function readVersion(text: string | undefined, isSoftflowd: boolean, problems: string[]): FlowVersion {
  if (text === undefined) return isSoftflowd ? 5 : 10;
  const version = flowVersions.find((one) => String(one) === text);
  if (version === undefined) {
    const why = text === "psamp" || text === "ntopng" ? `${text} is not written here; ` : "";
    problems.push(`-v ${text}: ${why}accepted are ${flowVersions.join(", ")}`);
  }
  return version ?? 10;
}

function refuseUnbuilt(given: ReadonlyMap<string, string>, problems: string[]): void {
  const transport = given.get("P");
  if (transport !== undefined && transport !== "udp")
    problems.push(`-P ${transport}: messages are sent by udp only`);
  if (given.has("R")) problems.push("-R: PSAMP is not received here; portolan server reads it");
  if (given.has("H"))
    problems.push("-H: not needed: the kernel tells which packets leave; of files nobody knows");
}

/** `-i` may come more than once, and `7:eth0` gives an interface the number 7. */
function readInterfaces(options: Words["options"], problems: string[]): ProbeFlags["interfaces"] {
  return options
    .filter(([flag]) => flag === "i")
    .map(([, text]) => {
      const [, index, name = ""] = /^(?:(\d+):)?(.+)$/.exec(text) ?? [];
      if (name === "any") problems.push("-i any: name the interfaces, each with an -i of its own");
      if (index !== undefined && Number(index) > 0xffffffff)
        problems.push(`-i ${text}: the number is too large`);
      return { name, index: index === undefined ? undefined : Number(index) };
    });
}

/** `-n` may come more than once, too. */
function readDestinations(options: Words["options"], problems: string[]): DestinationAddress[] {
  const parts = options.flatMap(([flag, text]) => (flag === "n" ? text.split(",") : []));
  if (parts.length > destinationsMax) problems.push(`-n: at most ${destinationsMax} destinations`);
  return parts.flatMap((part) => {
    const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(part) ?? [];
    const host = bracketed ?? plain;
    if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535)
      return [{ host, port: Number(port) }];
    problems.push(`-n ${part}: wants HOST:PORT, such as 192.0.2.1:2055 or [2001:db8::1]:4739`);
    return [];
  });
}

const timeUnits: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
/** pfSense writes a hyphen in the names with a dot. */
const timeoutNames = new Map<string, keyof FlowTimeouts>([
  ...(Object.keys(defaultTimeouts) as (keyof FlowTimeouts)[]).map((name) => [name, name] as const),
  ["tcp-rst", "tcp.rst"],
  ["tcp-fin", "tcp.fin"],
]);

function readTimeouts(options: Words["options"], defaults: FlowTimeouts, problems: string[]): FlowTimeouts {
  const timeouts = { ...defaults };
  for (const [flag, text] of options) {
    if (flag !== "t") continue;
    const [, name = "", value = ""] = /^([^=]+)=(.*)$/.exec(text) ?? [];
    const key = timeoutNames.get(name);
    const seconds = parseTime(value);
    if (key === undefined)
      problems.push(`-t ${text}: accepted are ${Object.keys(defaults).join(", ")}, each =SECONDS`);
    else if (seconds === undefined) problems.push(`-t ${text}: a time is such as 90, 1m30s or 2h`);
    else timeouts[key] = seconds;
  }
  return timeouts;
}

/** Seconds of `1h30m`; undefined when it is no time. */
function parseTime(text: string): number | undefined {
  if (!/^(?:\d+[smhdw]?)+$/i.test(text)) return undefined;
  let seconds = 0;
  for (const [, digits, unit = ""] of text.matchAll(/(\d+)([smhdw]?)/gi))
    seconds += Number(digits) * timeUnits[unit.toLowerCase()]!;
  return seconds <= 0x3fffffff ? seconds : undefined;
}
