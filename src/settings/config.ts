import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { type Document, isMap, isScalar, isSeq, LineCounter, parse, parseDocument } from "yaml";
import { z } from "zod";
import { parseFlowListener } from "../collector/index.ts";
import { networkProblem, type OwnNetwork, repeatedRanges, reverseModes } from "../enrich/index.ts";
import { formatCidr, isLoopback, parseAddress, parseCidr } from "../flow/index.ts";
import { homeFolder } from "./home-folder.ts";
import { metricsSchema } from "./metrics-config.ts";

/** `HOST:PORT`, with an IPv6 host in brackets. */
const listenAddress = z
  .string({ error: "HOST:PORT is expected, such as 127.0.0.1:8080" })
  .transform((text, context) => {
    const match = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text);
    const host = match?.[1] ?? match?.[2] ?? "";
    const port = Number(match?.[3]);
    if (match === null || port > 65535 || (host !== "localhost" && isIP(host) === 0)) {
      context.addIssue({
        code: "custom",
        message: `"${text}" is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080`,
      });
      return z.NEVER;
    }
    return { host, port };
  });

const flowListener = z.string({ error: "udp://ADDRESS:PORT is expected" }).transform((text, context) => {
  const parsed = parseFlowListener(text);
  if (typeof parsed === "string") {
    context.addIssue({ code: "custom", message: parsed });
    return z.NEVER;
  }
  return parsed;
});

const range = z.string({ error: "ADDRESS/LENGTH is expected" }).transform((text, context) => {
  const parsed = parseCidr(text);
  if (parsed === undefined) {
    const message = `"${text}" is no address and no range, such as 192.168.1.1 or 192.168.1.0/24`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  }
  return parsed;
});

const wholeNumber = (min: number, max: number) => {
  const error = `a whole number from ${min} to ${max} is expected`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

const text = (expected: string, lengthMax: number) =>
  z
    .string({ error: expected })
    .trim()
    .min(1, { error: expected })
    .max(lengthMax, { error: `at most ${lengthMax} characters are expected` })
    .regex(/^\P{C}*$/u, { error: "characters that are not shown are not expected" });

const writtenNetwork = z.strictObject(
  {
    /** What it is called on the map. */
    name: text("a name is expected", 100),
    cidr: z.string({ error: "ADDRESS/LENGTH is expected, such as 10.1.0.0/16" }),
    /** IEEE 802.1Q id. */
    vlan: wholeNumber(1, 4094).optional(),
    site: text("a name is expected", 100).optional(),
  },
  { error: "{name, cidr, vlan?, site?} is expected" },
);

const network = writtenNetwork.transform((written, context): OwnNetwork => {
  const problem = networkProblem(written);
  if (problem !== undefined) {
    context.addIssue({ code: "custom", path: [problem.at], message: problem.message });
    return z.NEVER;
  }
  const { cidr, ...network } = written;
  return { ...network, cidr: parseCidr(cidr)! };
});

const networks = z
  .array(network, { error: "a list is expected, such as [{name: office, cidr: 10.1.0.0/16}]" })
  .max(65_536, { error: "at most 65536 are expected" })
  .superRefine((list, context) => {
    for (const { index, first } of repeatedRanges(list)) {
      const range = formatCidr(list[index]!.cidr);
      const message = `${range} is networks.${first}.cidr already ("${list[first]!.name}"); a range has one name`;
      context.addIssue({ code: "custom", path: [index, "cidr"], message });
    }
  });

/** Files of places or systems: "off", one, or several of which the first that knows counts. */
const geoFiles = (fallback: "bundled" | "off") => {
  const error = `the path of a file, a list of them, ${fallback === "bundled" ? "bundled or " : ""}off is expected`;
  const path = z.string({ error }).min(1, { error });
  return z
    .union([path, z.array(path).min(1, { error }).max(4, { error: "at most 4 are expected" })], { error })
    .transform((value, context) => {
      if (value === "bundled" && fallback === "off") {
        const message = "nothing of this kind comes with the program, for its size; give a file, or off";
        context.addIssue({ code: "custom", message });
        return z.NEVER;
      }
      if (value === "off" || value === "bundled") return value;
      return typeof value === "string" ? [value] : value;
    })
    .prefault(fallback);
};

const yesOrNo = () => z.boolean({ error: "true or false is expected" });

export interface IngestToken {
  /** Who has it, for people; never the token. */
  readonly name: string;
  readonly token: string;
  /** The machines that agents with it may report; undefined: any. */
  readonly nodes?: readonly string[] | undefined;
}

const tokenLengthMin = 16;
const tokenExpected = `a token is expected: ${tokenLengthMin} or more letters, digits and signs without blanks, such as openssl rand -hex 32 gives`;

const tokenFacts = {
  name: z.string().min(1).max(100),
  nodes: z.array(z.string().min(1).max(253)).min(1).max(4096).optional(),
};

/** A token, `{name, token}`, or `{name, file}` with the token in a file. What is wrong is told without what was given. */
const ingestToken = z
  .union(
    [
      z.string(),
      z.strictObject({ ...tokenFacts, token: z.string() }),
      z.strictObject({ ...tokenFacts, file: z.string() }),
    ],
    { error: "a token, {name, token} or {name, file} is expected, with nodes: [NAME, ...] or without" },
  )
  .transform((given, context): IngestToken => {
    const refuse = (message: string) => {
      context.addIssue({ code: "custom", message, input: undefined });
      return z.NEVER;
    };
    const {
      name = "",
      nodes,
      token,
      file,
    } = typeof given === "string" ? { token: given } : { file: undefined, token: undefined, ...given };
    const text = token ?? readToken(file ?? "");
    if (text === undefined) return refuse(`${file}: cannot be read, a file with a token is expected`);
    if (text.length < tokenLengthMin || !/^[\x21-\x7e]+$/.test(text)) return refuse(tokenExpected);
    return { name, token: text, ...(nodes === undefined ? {} : { nodes }) };
  });

function readToken(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

const tokensExpected = { error: "a list of 1 to 4096 tokens is expected" };
const credentials = z.strictObject({
  /** What agents on other machines show. People are let in from this machine only. */
  ingestTokens: z.array(ingestToken, tokensExpected).min(1, tokensExpected).max(4096, tokensExpected),
});

/** Not a union: what is wrong within it is to be told. */
const auth = z.unknown().transform((given, context): "none" | z.output<typeof credentials> => {
  if (given === "none") return given;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    context.addIssue({ code: "custom", message: "none, or a mapping with ingestTokens is expected" });
    return z.NEVER;
  }
  const parsed = credentials.safeParse(given);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const message =
      issue.code === "unrecognized_keys"
        ? `no such setting: ${issue.keys.join(", ")}; accepted here: ingestTokens`
        : issue.message;
    context.addIssue({ code: "custom", message, path: issue.path });
  }
  return z.NEVER;
});

const quantity = (units: Readonly<Record<string, number>>, example: string) =>
  z
    .union([z.string(), z.number()], { error: `a text such as ${example} is expected` })
    .transform((value, context) => {
      const match = /^(\d{1,15}(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(String(value));
      const unit = match === null ? undefined : units[match[2]!];
      if (match === null || unit === undefined || Number(match[1]) === 0) {
        const accepted = Object.keys(units).join(", ");
        context.addIssue({
          code: "custom",
          message: `"${value}" is not a number above 0 with a unit (${accepted}), such as ${example}`,
        });
        return z.NEVER;
      }
      return Number(match[1]) * unit;
    });
const duration = (example: string) => quantity({ h: 1, d: 24 }, example);
const size = (example: string) =>
  quantity({ MB: 1e6, GB: 1e9, TB: 1e12, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }, example);

const folderExpected = "the path of a folder is expected";
const section = { error: "a mapping of settings is expected" };

const logLevels = ["silent", "error", "warn", "info", "debug"] as const;

/** The whole configuration, with the default of everything that can be set. */
const configSchema = z.strictObject({
  /** Where page, API and metrics are served. */
  listen: listenAddress.prefault("127.0.0.1:8080"),
  /** Where flow datagrams are taken. */
  flows: z
    .array(flowListener, { error: "a list is expected, such as [udp://0.0.0.0:2055]" })
    .max(64, { error: "at most 64 are expected" })
    .prefault(["udp://0.0.0.0:2055", "udp://0.0.0.0:6343"]),
  exporters: z
    .strictObject(
      {
        /** Who is heard, as ranges; everybody when empty. Anybody can write a sender's address into a datagram. */
        allow: z
          .array(range, { error: "a list is expected, such as [192.168.1.0/24]" })
          .max(256, { error: "at most 256 are expected" })
          .prefault([]),
        /** Threads that receive and decode. */
        workers: wholeNumber(1, 16).prefault(1),
      },
      section,
    )
    .prefault({}),
  /** Folder of the store. */
  data: z.string({ error: folderExpected }).min(1, { error: folderExpected }).prefault(defaultDataFolder),
  /** Who may ask. Said outright, "none" lets anybody who reaches the port. */
  auth: auth.optional(),
  /** What is written to standard error, as JSON lines. */
  log: z.enum(logLevels, { error: `one of ${logLevels.join(", ")} is expected` }).prefault("info"),
  agent: z
    .strictObject(
      {
        enabled: yesOrNo().prefault(true),
        /** Connections of this machine with itself. */
        loopback: yesOrNo().prefault(true),
        /** Names of containers: from Docker's socket, and from what other runtimes leave on disk. */
        containers: yesOrNo().prefault(true),
        /** Command lines in place of process names; they may tell secrets. */
        commandLine: yesOrNo().prefault(false),
        /** Live connections followed at most. */
        connections: wholeNumber(1000, 4_000_000).prefault(262_144),
        /** The kernel's programs; without them TCP alone is seen, by sock_diag. */
        ebpf: yesOrNo().prefault(true),
        /** Flows of UDP, ICMP and the rest. */
        datagrams: yesOrNo().prefault(true),
        /** Names of addresses, from the DNS answers that workloads here get. */
        dns: yesOrNo().prefault(true),
        /** Address translation by this machine's kernel, so that a Service's connections are those of the pods that answer. */
        nat: yesOrNo().prefault(true),
        /** Flows other than TCP's followed at most. */
        flows: wholeNumber(1000, 1_000_000).prefault(65_536),
      },
      section,
    )
    .prefault({}),
  kubernetes: z
    .strictObject(
      {
        /** Names of pods, services and nodes from the API server: auto is in a cluster, or where a file is named. */
        enabled: z
          .union([z.literal("auto"), z.boolean()], { error: "auto, true or false is expected" })
          .prefault("auto"),
        /** A kubeconfig file, or several with `:` between. */
        kubeconfig: z.string({ error: "the path of a file is expected" }).prefault(""),
        /** Of the file; its current one when left out. */
        context: z.string({ error: "the name of a context is expected" }).prefault(""),
      },
      section,
    )
    .prefault({}),
  /** The user's own ranges; an address is in the narrowest that holds it. */
  networks: networks.prefault([]),
  /** Where addresses are and whose: files of the user's in place of those that come with the program. */
  geo: z
    .strictObject(
      {
        country: geoFiles("bundled"),
        city: geoFiles("off"),
        asn: geoFiles("bundled"),
      },
      section,
    )
    .prefault({}),
  /** Whose addresses the DNS is asked to name; outside, others learn whom one talks to. */
  reverseDns: z
    .enum(reverseModes, { error: `one of ${reverseModes.join(", ")} is expected` })
    .prefault("inside"),
  store: z
    .strictObject(
      {
        /** How long single flow records are kept. */
        flows: duration("7d").prefault("7d"),
        /** How long links per minute are kept. */
        links: duration("90d").prefault("90d"),
        /** What the store may take on disk. */
        size: size("10GB").prefault("10GB"),
        /** What the store's engine may take of memory. */
        memory: size("256MB").prefault("256MB"),
      },
      section,
    )
    .prefault({}),
  metrics: metricsSchema({ wholeNumber, yesOrNo, quantity }).prefault({}),
});

export type Config = z.output<typeof configSchema>;

/** Every problem of a configuration at once; nothing has been started. */
export class ConfigError extends Error {
  readonly code = "configuration_invalid";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

export interface ConfigSources {
  /** YAML file, if any. */
  readonly file?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Values of command line flags, by path (`agent.enabled`); undefined where not given. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/** Precedence: flag, environment, file, default. Throws ConfigError. */
export function readConfig({ file, environment, flags }: ConfigSources): Config {
  const { values, where } = file === undefined ? { values: {}, where: () => "" } : readYaml(file);
  const origins = new Map<string, string>();
  const unknown = unknownVariables(environment);
  for (const path of leafPaths()) {
    const variable = environmentVariable(path);
    const text = environment[variable];
    if (text !== undefined) {
      setPath(values, path, fromText(path, text));
      origins.set(path, `environment ${variable}`);
    }
  }
  for (const [path, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    setPath(values, path, value);
    origins.set(path, `--${path}`);
  }
  const parsed = configSchema.safeParse(values);
  const problems = unknown.concat(
    parsed.success ? [] : parsed.error.issues.flatMap((issue) => describeIssue(issue, origins, where)),
  );
  if (parsed.success) {
    problems.push(...checkExposure(parsed.data, origins, where));
  }
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return parsed.data;
}

/** Variables that are not settings of the configuration file. */
const otherVariables: readonly string[] = ["PORTOLAN_NO_INSTALL", "PORTOLAN_TOKEN"];

/** What Kubernetes gives every container where a Service is called portolan, or portolan-…: PORTOLAN_SERVICE_HOST, PORTOLAN_PORT_8080_TCP_ADDR. */
const serviceLink =
  /^PORTOLAN_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

function unknownVariables(environment: ConfigSources["environment"]): string[] {
  const known = new Set([...leafPaths().map(environmentVariable), ...otherVariables]);
  return Object.keys(environment)
    .filter((name) => name.startsWith("PORTOLAN_") && !known.has(name) && !serviceLink.test(name))
    .map((name) => `environment ${name}: no such setting; accepted: ${[...known].join(", ")}`);
}

/** `agent.connections` → `PORTOLAN_AGENT_CONNECTIONS`. */
export function environmentVariable(path: string): string {
  return `PORTOLAN_${path.replaceAll(".", "_").toUpperCase()}`;
}

function defaultDataFolder(): string {
  return process.getuid?.() === 0 ? "/var/lib/portolan" : `${homeFolder()}/.local/share/portolan`;
}

function leafPaths(): string[] {
  return Object.entries(configSchema.shape).flatMap(([name, schema]) => {
    const inner = schema instanceof z.ZodPrefault ? schema.def.innerType : schema;
    return inner instanceof z.ZodObject ? Object.keys(inner.shape).map((leaf) => `${name}.${leaf}`) : [name];
  });
}

/** Environment variables are text; YAML's own reading of a scalar gives numbers and booleans, a comma a list. */
function fromText(path: string, text: string): unknown {
  if (path === "flows" || path === "exporters.allow" || path === "metrics.compat")
    return text.split(",").map((part) => part.trim());
  if (path === "data" || path === "kubernetes.kubeconfig" || path === "kubernetes.context") return text;
  if (path === "networks") return yamlOf(text);
  if (path.startsWith("geo.")) return text.includes(",") ? text.split(",").map((part) => part.trim()) : text;
  if (text === "true" || text === "false") return text === "true";
  return /^\d+$/.test(text) ? Number(text) : text;
}

/** A list of mappings has no form of its own for the environment. */
function yamlOf(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

function setPath(values: Record<string, unknown>, path: string, value: unknown): void {
  const [head = "", leaf] = path.split(".");
  if (leaf === undefined) values[head] = value;
  else {
    const section = values[head];
    values[head] = { ...(typeof section === "object" && section !== null ? section : {}), [leaf]: value };
  }
}

type Where = (path: readonly PropertyKey[]) => string;

function readYaml(file: string): { values: Record<string, unknown>; where: Where } {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError([
      `${file}: ${(error as NodeJS.ErrnoException).code ?? "unreadable"}: give --config a file that can be read`,
    ]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map((e) => `${file}:${lines.linePos(e.pos[0]).line}: ${e.message.split("\n")[0]}`),
    );
  }
  const values = toPlain(document, file) ?? {};
  if (typeof values !== "object" || Array.isArray(values))
    throw new ConfigError([`${file}:1: a mapping of settings is expected`]);
  const where: Where = (path) => {
    let line = 1;
    let node: unknown = document.contents;
    for (const name of path) {
      if (isSeq(node) && typeof name === "number") {
        const [start] = (node.items[name] as { range?: readonly number[] } | undefined)?.range ?? [];
        if (start === undefined) break;
        line = lines.linePos(start).line;
        node = node.items[name];
        continue;
      }
      const pair = isMap(node)
        ? node.items.find(({ key }) => isScalar(key) && key.value === name)
        : undefined;
      if (pair === undefined || !isScalar(pair.key) || !pair.key.range) break;
      line = lines.linePos(pair.key.range[0]).line;
      node = pair.value;
    }
    return `${file}:${line}`;
  };
  // A section with nothing in it, or only comments, is as good as none.
  const filled = Object.entries(values).filter(([, value]) => value !== null);
  return { values: Object.fromEntries(filled), where };
}

/** Throws ConfigError for what only shows now: an alias without its anchor, or aliases of aliases without end. */
function toPlain(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new ConfigError([`${file}: ${(error as Error).message}`]);
  }
}

function describeIssue(
  issue: z.core.$ZodIssue,
  origins: ReadonlyMap<string, string>,
  where: Where,
): string[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const place = where([...issue.path, key]);
      const accepted = acceptedKeys(path).join(", ");
      return `${place}: ${[...path, key].join(".")}: no such setting; accepted here: ${accepted}`;
    });
  }
  const name = path.join(".");
  // An element of a list is said where the list is.
  const said = path
    .map((_, i) => path.slice(0, path.length - i).join("."))
    .find((place) => origins.has(place));
  const origin = (said === undefined ? undefined : origins.get(said)) ?? where(issue.path);
  return [`${origin}: ${name}: ${issue.message}`];
}

function acceptedKeys(path: readonly string[]): string[] {
  if (path[0] === "networks") return Object.keys(writtenNetwork.shape);
  const prefix = path.length === 0 ? "" : `${path.join(".")}.`;
  const keys = leafPaths().filter((leaf) => leaf.startsWith(prefix));
  return [...new Set(keys.map((leaf) => leaf.slice(prefix.length).split(".")[0]!))];
}

/** Without credentials the server stays on loopback, unless told outright that nobody needs any. With those of agents, people do. */
function checkExposure(config: Config, origins: ReadonlyMap<string, string>, where: Where): string[] {
  if (config.auth !== undefined || isLoopbackHost(config.listen.host)) return [];
  const origin = origins.get("listen") ?? where(["listen"]);
  return [
    `${origin}: listen: ${config.listen.host} can be reached from other machines and no credentials are configured; ` +
      `listen on 127.0.0.1 (and use ssh -L ${config.listen.port}:127.0.0.1:${config.listen.port}), or, for agents on other ` +
      "machines, give them a token, by `auth: {ingestTokens: [{name: nodes, file: /etc/portolan/token}]}` in the --config " +
      "file (the page is then for this machine alone), or let everybody in who reaches it, by `auth: none` there or PORTOLAN_AUTH=none",
  ];
}

export function isLoopbackHost(host: string): boolean {
  const address = parseAddress(host);
  return host === "localhost" || (address !== undefined && isLoopback(address));
}
