import { z } from "zod";
import { components, count, countsByName, instant, named } from "./components.ts";

/** A part that runs, or says in words why not and what would change it. */
const part = {
  state: z.string(),
  reason: z.string().optional(),
  remedy: z.string().optional(),
};

export const health = named("Health", "Whether the process lives.", { status: z.literal("ok") });
export const readiness = named("Readiness", "Whether the store is open and the sockets are bound.", {
  status: z.enum(["ready", "starting"]),
});

const attribution = named("Attribution", "Whose data is shown; its licence wants that said where it is.", {
  text: z.string(),
  url: z.string(),
  licence: z.string(),
});

const kubernetes = z.strictObject({
  state: z
    .enum(["off", "starting", "on", "partly", "away"])
    .describe(
      "`partly`: some things are denied. `away`: the API server cannot be asked; what is known stays.",
    ),
  reason: z.string(),
  remedy: z.string().optional(),
  resources: z.array(
    z.looseObject({
      resource: z.string(),
      state: z.enum(["starting", "listing", "watching", "denied", "absent", "away"]),
      reason: z.string(),
      rule: z.string().describe("What to add to the ClusterRole; empty unless it was denied."),
    }),
  ),
  counts: countsByName,
  load: z.looseObject({ requests: count, failures: count, bytesReceived: count }),
  owners: z.array(z.looseObject({ resource: z.string(), reason: z.string(), rule: z.string() })),
  unresolved: z.array(z.strictObject({ code: z.string(), reason: z.string(), count })),
});

export const status = named("Status", "What runs here, and what is missing, in words.", {
  version: z.string(),
  node: z.string(),
  startedAt: instant,
  access: z
    .strictObject({
      tokens: z.boolean().describe("Whether tokens are asked for."),
      name: z.string().optional().describe("Whose token was shown."),
      scopes: z.array(z.string()).optional(),
    })
    .describe("Who is asking."),
  agent: z.looseObject({ ...part, connections: count }),
  kubernetes,
  collector: z.looseObject({
    listeners: z.array(z.string()),
    addresses: z.array(z.string()),
    exporters: z.array(z.looseObject({ address: z.string(), lastSeen: instant, drops: countsByName })),
  }),
  store: z.looseObject({
    state: z.enum(["on", "off"]),
    reason: z.string().optional(),
    folder: z.string(),
    bytes: count,
    flowRecords: count,
    oldestFlow: instant.nullable(),
    oldestLink: instant.nullable(),
  }),
  geo: z.strictObject({ files: z.array(z.looseObject(part)), attribution: z.array(attribution) }),
  reverseDns: z.looseObject({ mode: z.string(), nameCount: count }),
  now: instant.describe(
    "The server's clock, by which relative times go; of a capture that is shown, the capture's.",
  ),
  capture: z.boolean().describe("Whether a capture is shown, and nothing else received."),
  grafana: z.string().nullable().describe("Where the dashboards are, with a slash at its end."),
});

const finding = z
  .looseObject({ code: z.string(), severity: z.enum(["problem", "warning", "hint"]), title: z.string() })
  .register(components, {
    id: "Finding",
    description: "What is wrong with an exporter, and what to change.",
  });
const healthOfExporter = z.enum(["ok", "warning", "problem"]);

export const exporter = z
  .looseObject({
    address: z.string(),
    protocols: z.array(z.string()),
    health: healthOfExporter,
    firstSeen: instant,
    lastSeen: instant,
    packets: count,
    bytes: count,
    records: count,
    packetRate: count,
    recordRate: count,
    clockSkewMs: z.number().nullable(),
    drops: countsByName,
    findings: z.array(finding),
  })
  .register(components, { id: "Exporter", description: "Who exports flows, and how well." });

export const exporters = named("Exporters", "The worst first, then the busiest.", {
  exporters: z.array(exporter),
  leftOut: count,
  counts: z.strictObject({ ok: count, warning: count, problem: count }),
  listeners: z.array(
    z.strictObject({
      url: z.string(),
      host: z.string(),
      port: z.int(),
      receiveBufferBytes: count,
      kernelDrops: count.nullable(),
    }),
  ),
  strangers: z.array(
    z.strictObject({ address: z.string(), drops: countsByName, findings: z.array(finding) }),
  ),
});

const agent = z
  .looseObject({
    node: z.string(),
    instance: z.string(),
    version: z.string(),
    health: z.enum(["ok", "warning", "silent"]),
    findings: z.array(z.string()),
    startedAt: instant,
    lastSeen: instant,
    connections: count,
    way: z.string().describe("How TCP is read: eBPF, sock_diag; empty when it is not, or not told."),
    limits: z.array(z.looseObject({ reason: z.string(), remedy: z.string() })),
  })
  .register(components, { id: "Agent", description: "Who reports connections, and how well." });

export const agents = named("Agents", "This process's own agent, then the others, the worst first.", {
  agents: z.array(agent),
  leftOut: count,
  remote: z.strictObject({
    counts: z.strictObject({ ok: count, warning: count, silent: count }),
    connections: count,
  }),
  turnedAway: z.array(
    z.strictObject({
      node: z.string(),
      instance: z.string(),
      address: z.string(),
      reason: z.string(),
      lastSeen: instant,
    }),
  ),
});

const graphField = z.looseObject({ field_name: z.string(), type: z.string() });
export const nodeGraphFields = named("NodeGraphFields", "As Grafana's Node Graph API panel wants them.", {
  edges_fields: z.array(graphField),
  nodes_fields: z.array(graphField),
});
/** As text with its unit, or of the map's own peers as a number. */
const stat = z.union([z.string(), z.number()]);
export const nodeGraph = named("NodeGraph", "Nodes and edges for Grafana's Node Graph panel.", {
  nodes: z.array(z.looseObject({ id: z.string(), title: z.string(), mainStat: stat, secondaryStat: stat })),
  edges: z.array(z.looseObject({ id: z.string(), source: z.string(), target: z.string() })),
});

export const ingested = named("Ingested", "The message's records are durable.", {
  sequence: z.int(),
  isDuplicate: z.boolean(),
  serverEpoch: z
    .string()
    .describe("One start of the server: an agent tells another one its translations again."),
});

export const reloaded = named("Reloaded", "Tokens and certificate are those of the configuration.", {
  wantRestart: z.array(z.string()).describe("Settings that changed and are taken at the next start."),
});
