/** The flags of `portolan collect`: GoFlow2's v2.2.6, and those its main branch has added since. */
export interface FlagDescription {
  readonly name: string;
  /** What stands behind the name in the help; a flag without is there or not. */
  readonly value?: string;
  readonly fallback: string;
  readonly help: string;
  /** Not built yet: any value but the default is refused, with this sentence. */
  readonly notBuilt?: string;
}

export const flagTable = [
  {
    name: "listen",
    value: "URIS",
    fallback: "sflow://:6343,netflow://:2055",
    help: "where to listen, separated by commas: netflow://HOST:PORT (v5, v9, IPFIX), sflow:// or flow:// (all); ?count=N sockets",
  },
  {
    name: "format",
    value: "FORMAT",
    fallback: "json",
    help: "json, text, or bin (protobuf behind its length)",
  },
  {
    name: "transport",
    value: "NAME",
    fallback: "file",
    help: "file (standard output without -transport.file), or stdout, which is the same",
  },
  { name: "transport.file", value: "PATH", fallback: "", help: "file to append to; SIGHUP opens it anew" },
  { name: "transport.file.sep", value: "TEXT", fallback: "\n", help: "what stands behind each record" },
  {
    name: "addr",
    value: "HOST:PORT",
    fallback: ":8080",
    help: "where /metrics, /__health and /templates are served, without a password, to whoever reaches it; a port alone is all addresses. Closed: 127.0.0.1:8080, or empty for nowhere",
  },
  {
    name: "templates.path",
    value: "PATH",
    fallback: "/templates",
    help: "where the list of templates is served; empty: nowhere",
  },
  { name: "loglevel", value: "LEVEL", fallback: "info", help: "debug, info, warn or error" },
  { name: "logfmt", value: "FORMAT", fallback: "normal", help: "normal or json, to standard error" },
  { name: "err.cnt", value: "COUNT", fallback: "10", help: "drops logged in an interval before muting" },
  { name: "err.int", value: "DURATION", fallback: "10s", help: "that interval" },
  { name: "v", fallback: "false", help: "prints the version" },
  {
    name: "produce",
    value: "NAME",
    fallback: "sample",
    help: "sample; raw is not built yet",
    notBuilt: "only sample is built: a record per flow or sampled packet, not the messages as they came",
  },
  {
    name: "mapping",
    value: "FILE",
    fallback: "",
    help: "not built yet",
    notBuilt: "mapping files are not built yet: the fields are GoFlow2's default ones",
  },
  {
    name: "templates.ttl",
    value: "DURATION",
    fallback: "0",
    help: "forgets a template that was not announced for so long; 0: never",
  },
  {
    name: "templates.json.path",
    value: "FILE",
    fallback: "",
    help: "keeps templates over a restart, in a format of our own",
  },
] as const satisfies readonly FlagDescription[];

export type FlagName = (typeof flagTable)[number]["name"];

/** Say nothing without the flag they belong to, so that they are taken and have no effect. */
export const idleFlags = [
  "templates.json.interval",
  "templates.sweep-interval",
  "templates.ttl.extend-on-access",
  "transport.kafka.brokers",
  "transport.kafka.compression",
  "transport.kafka.flushbytes",
  "transport.kafka.flushfreq",
  "transport.kafka.hashing",
  "transport.kafka.maxmsgbytes",
  "transport.kafka.sasl",
  "transport.kafka.srv",
  "transport.kafka.tls",
  "transport.kafka.tls.ca",
  "transport.kafka.tls.client",
  "transport.kafka.tls.insecure",
  "transport.kafka.tls.key",
  "transport.kafka.topic",
  "transport.kafka.version",
] as const;

/** Go's `flag` takes no value from the next argument for these. */
export const switchFlags: readonly string[] = [
  "v",
  "h",
  "help",
  "templates.ttl.extend-on-access",
  "transport.kafka.hashing",
  "transport.kafka.tls",
  "transport.kafka.tls.insecure",
];

export function formatFlagHelp(): string {
  const lines = (flagTable as readonly FlagDescription[]).map(({ name, value, fallback, help }) => {
    const said = value === undefined || fallback === "" ? "" : ` (default ${JSON.stringify(fallback)})`;
    return `  -${`${name} ${value ?? ""}`.padEnd(30)} ${help}${said}`;
  });
  return [
    "portolan collect: NetFlow v5, v9, IPFIX and sFlow in, one record per flow out, with GoFlow2's flags.",
    "",
    ...lines,
    "",
    "One dash or two; -flag value or -flag=value. -transport.kafka.* and -templates.*interval are taken without effect.",
    "",
  ].join("\n");
}
