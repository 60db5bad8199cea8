import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { type Document, isMap, isScalar, isSeq, LineCounter, parse, parseDocument } from "yaml";
import { z } from "zod";
import { parseFlowListener } from "../collector/index.ts";
import { reverseModes } from "../enrich/dns/index.ts";
import { networkProblem, type OwnNetwork, repeatedRanges } from "../enrich/index.ts";
import { formatCidr, parseAddress, parseCidr } from "../flow/index.ts";
import { agentSectionDefaults, otherVariables } from "./agent/agent-sections.ts";
import { authSchema } from "./auth-config.ts";
import { ConfigError } from "./config-error.ts";
import { everyAddress } from "./every-address.ts";
import { homeFolder } from "./home-folder.ts";
import { isLoopbackHost } from "./loopback-host.ts";
import { metricsSchema, webUrl } from "./metrics-config.ts";

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
    return { host: everyAddress(host), port };
  });

const flowListener = z.string({ error: "udp://ADDRESS:PORT is expected" }).transform((text, context) => {
  const parsed = parseFlowListener(text);
  if (typeof parsed === "string") {
    context.addIssue({ code: "custom", message: parsed });
    return z.NEVER;
  }
  return { ...parsed, host: everyAddress(parsed.host) };
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
const fileExpected = "the path of a PEM file is expected";
const section = { error: "a mapping of settings is expected" };

const logLevels = ["silent", "error", "warn", "info", "debug"] as const;

const { agent: agentDefaults, log: logDefault } = agentSectionDefaults;

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
  auth: authSchema.optional(),
  /** PEM files; with them everything is served by HTTPS. Read again when they change. */
  tls: z
    .strictObject(
      {
        /** The certificate, and those that lead to one that is known. */
        certificate: z.string({ error: fileExpected }).min(1, { error: fileExpected }).optional(),
        key: z.string({ error: fileExpected }).min(1, { error: fileExpected }).optional(),
      },
      section,
    )
    .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
      error: "certificate and key are expected together, or neither",
    })
    .prefault({}),
  /** What one client may ask: an address, or a token wherever it comes from. More is answered 429. */
  limits: z
    .strictObject(
      {
        /** Requests a second; for a moment four times as many. */
        rate: wholeNumber(1, 100_000).prefault(100),
        /** Requests at once. */
        requests: wholeNumber(1, 10_000).prefault(64),
        /** Of these, questions to the store at once. */
        questions: wholeNumber(1, 1000).prefault(8),
        /** Live streams at once. */
        streams: wholeNumber(1, 10_000).prefault(256),
        /** Connections at once, of everybody. */
        connections: wholeNumber(16, 100_000).prefault(4096),
      },
      section,
    )
    .prefault({}),
  /** What is written to standard error, as JSON lines. */
  log: z.enum(logLevels, { error: `one of ${logLevels.join(", ")} is expected` }).prefault(logDefault),
  agent: z
    .strictObject(
      {
        enabled: yesOrNo().prefault(agentDefaults.enabled),
        /** Connections of this machine with itself. */
        loopback: yesOrNo().prefault(agentDefaults.loopback),
        /** Names of containers: from Docker's socket, and from what other runtimes leave on disk. */
        containers: yesOrNo().prefault(agentDefaults.containers),
        /** Command lines in place of process names; they may tell secrets. */
        commandLine: yesOrNo().prefault(agentDefaults.commandLine),
        /** Live connections followed at most. */
        connections: wholeNumber(1000, 4_000_000).prefault(agentDefaults.connections),
        /** The kernel's programs; without them TCP alone is seen, by sock_diag. */
        ebpf: yesOrNo().prefault(agentDefaults.ebpf),
        /** Refusals that TCP tells to the program alone, by a hook that every getsockopt() of the machine passes. */
        softErrors: yesOrNo().prefault(agentDefaults.softErrors),
        /** Flows of UDP, ICMP and the rest. */
        datagrams: yesOrNo().prefault(agentDefaults.datagrams),
        /** Names of addresses, from the DNS answers that workloads here get. */
        dns: yesOrNo().prefault(agentDefaults.dns),
        /** Which names each workload looked up; with `dns: false` nobody knows. */
        lookups: yesOrNo().prefault(agentDefaults.lookups),
        /** Resolvers whose answers are believed beside those that the machine's resolv.conf names, and those that most workloads ask. */
        resolvers: z
          .array(
            z.string().refine((value) => parseAddress(value) !== undefined, {
              error: "an address is expected, such as 10.96.0.10",
            }),
            { error: "a list is expected, such as [10.96.0.10]" },
          )
          .max(64, { error: "at most 64 are expected" })
          .prefault([...agentDefaults.resolvers]),
        /** Address translation by this machine's kernel, so that a Service's connections are those of the pods that answer. */
        nat: yesOrNo().prefault(agentDefaults.nat),
        /** Flows other than TCP's followed at most. */
        flows: wholeNumber(1000, 1_000_000).prefault(agentDefaults.flows),
        /** Names of the node's pods: `portolan agent` in a pod asks the API server; of no meaning to a server, which asks for all of the cluster. */
        pods: yesOrNo().prefault(agentDefaults.pods),
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
        /** How long links per minute are kept; what is older is told by the hour. */
        minutes: duration("2d").prefault("2d"),
        /** How long links per hour and day are kept. */
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
  /** Where the dashboards of deploy/grafana are: the page leads there. */
  grafana: z
    .strictObject(
      { url: webUrl("an http or https URL is expected, such as https://grafana.example/").optional() },
      section,
    )
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;

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
  if (
    path === "flows" ||
    path === "exporters.allow" ||
    path === "agent.resolvers" ||
    path === "metrics.compat"
  )
    return text.split(",").map((part) => part.trim());
  if (textPaths.has(path)) return text;
  if (path === "networks" || (path === "auth" && text.startsWith("{"))) return yamlOf(text);
  if (path.startsWith("geo.")) return text.includes(",") ? text.split(",").map((part) => part.trim()) : text;
  if (text === "true" || text === "false") return text === "true";
  return /^\d+$/.test(text) ? Number(text) : text;
}

const textPaths: ReadonlySet<string> = new Set([
  ...["data", "kubernetes.kubeconfig", "kubernetes.context", "tls.certificate", "tls.key"],
]);

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
  return [placed(origin, name, issue.message)];
}

/** A flag is called as its setting is. */
function placed(origin: string, name: string, message: string): string {
  return origin === `--${name}` ? `${origin}: ${message}` : `${origin}: ${name}: ${message}`;
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
    placed(
      origin,
      "listen",
      `${config.listen.host} can be reached from other machines and no credentials are configured; `,
    ) +
      `listen on 127.0.0.1 (and use ssh -L ${config.listen.port}:127.0.0.1:${config.listen.port}), or, for agents on other ` +
      "machines, give them a token, by `auth: {ingestTokens: [{name: nodes, file: /etc/portolan/token}]}` in the --config " +
      "file (the page is then for this machine alone), or give people one too, by `auth: {tokens: [{name: me, hash: ...}]}` " +
      "(portolan token makes it), or let everybody in who reaches it, by `auth: none` there or PORTOLAN_AUTH=none",
  ];
}
