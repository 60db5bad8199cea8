import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Agent } from "../../agent/index.ts";
import { type Collector, type CollectorStatus, createLook, formatListener } from "../../collector/index.ts";
import type { ReverseNames } from "../../enrich/dns/index.ts";
import type { Attribution, Geo, GeoFileStatus } from "../../enrich/geo/index.ts";
import type { Kubernetes } from "../../enrich/kubernetes/index.ts";
import { OperatingError, type Store } from "../../store/index.ts";
import { health, readiness, status } from "./answers/operation.ts";
import type { Description } from "./description.ts";

export interface StatusDependencies {
  readonly version: string;
  readonly node: string;
  readonly startedAt: number;
  readonly agent: Agent;
  readonly collector: Collector;
  readonly store: Store;
  readonly geo: Pick<Geo, "status">;
  readonly reverseNames: Pick<ReverseNames, "status">;
  readonly kubernetes: Pick<Kubernetes, "status">;
  readonly dataFolder: string;
  /** Whether a capture is shown: nothing else is received then. */
  readonly isCapture: boolean;
  /** The server's clock, unix milliseconds. */
  now(): number;
  /** Where the dashboards are, with a slash at its end; null where nobody said. */
  readonly grafanaUrl: string | null;
  localAddresses(): readonly string[];
  /** Whether the store is open and the sockets are bound. */
  isReady(): boolean;
}

/** The page's status line needs no more; /api/v1/exporters has them all. */
const statusExportersMax = 100;

/** Health for supervisors, and `GET /api/v1/status`: what runs here, and what is missing, in words. */
export function routeStatus(app: FastifyInstance, dependencies: StatusDependencies): void {
  const { version, node, startedAt, agent, collector, store, dataFolder, localAddresses, isReady } =
    dependencies;
  const { geo, kubernetes, reverseNames, grafanaUrl, isCapture, now } = dependencies;

  const look = createLook(async () => describeCollector(await collector.status(statusExportersMax)));
  // However many ask at once, questions of the store wait for one look at most.
  const lookAtStore = createLook(() => store.status());

  app.get("/healthz", { config: { scope: "open", describes: describesHealth } }, () => ({ status: "ok" }));
  app.get("/readyz", { config: { scope: "open", describes: describesReadiness } }, (_request, reply) => {
    if (isReady()) return { status: "ready" };
    return reply.code(503).send({ status: "starting" });
  });

  app.get("/api/v1/status", { config: { describes } }, async (request) => {
    const { sockets: connections, ...ofAgent } = agent.status();
    return {
      version,
      node,
      startedAt,
      capture: isCapture,
      access: describeAccess(request),
      agent: { ...ofAgent, connections },
      kubernetes: kubernetes.status(),
      collector: { ...(await look()), addresses: localAddresses() },
      store: { folder: dataFolder, ...(await describeStore(lookAtStore)) },
      geo: describeGeo(geo.status()),
      reverseDns: reverseNames.status(),
      grafana: grafanaUrl,
      now: now(), // as it is when all the others are there, of which the store's may take seconds
    };
  });
}

const describesHealth: Description = { summary: "Whether the process lives.", answer: health };
const describesReadiness: Description = {
  summary: "Whether the store is open and the sockets are bound; 503 until then.",
  answer: readiness,
  alsoAnswers: 503,
};
const describes: Description = { summary: "What runs here, and what is missing, in words.", answer: status };

/** Whose token was shown: the page offers to sign out. */
function describeAccess({ bearer }: FastifyRequest) {
  return bearer === undefined
    ? { tokens: false }
    : { tokens: true, name: bearer.name, scopes: bearer.scopes };
}

function describeCollector({ listeners, exporters, exporterCount, recordCount }: CollectorStatus) {
  return {
    exporterCount,
    records: recordCount,
    listeners: listeners.map((listener) => `udp://${formatListener(listener)}`),
    exporters: exporters.map((exporter) => ({
      address: exporter.address,
      protocols: exporter.protocols,
      packets: exporter.packetCount,
      records: exporter.recordCount,
      templates: exporter.templates.length,
      drops: exporter.drops,
      lastSeen: exporter.lastSeenMilliseconds,
    })),
  };
}

/** The databases in use, and whose data it is: their licences want it shown. */
function describeGeo(files: readonly GeoFileStatus[]) {
  const attribution = new Map<string, Attribution>();
  for (const file of files) for (const owner of file.attribution) attribution.set(owner.text, owner);
  return {
    files: files.map(({ attribution: _, ...file }) => file),
    attribution: [...attribution.values()],
  };
}

/** A store that cannot answer, because its disk is full or it is being opened again, is told as it is. */
async function describeStore(look: Store["status"]) {
  try {
    const { bytes, flowRecords, oldestFlow, oldestLink } = await look();
    return { state: "on", bytes, flowRecords, oldestFlow, oldestLink };
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return {
      state: "off",
      reason: error.message,
      bytes: 0,
      flowRecords: 0,
      oldestFlow: null,
      oldestLink: null,
    };
  }
}
