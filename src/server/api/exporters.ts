import type { FastifyInstance } from "fastify";
import {
  createLook,
  diagnose,
  diagnoseStranger,
  type ExporterStatus,
  type Finding,
  formatListener,
  type ListenerStatus,
} from "../../collector/index.ts";
import { formatAddress, parseAddress } from "../../flow/index.ts";
import type { DropCount } from "../../metrics/index.ts";
import { Problem } from "../problem.ts";
import { exporter, exporters } from "./answers/operation.ts";
import {
  describeListed,
  describeWhole,
  type Health,
  healths,
  type Patient,
  views,
} from "./describe-exporter.ts";
import { type Description, readQuery } from "./description.ts";
import { integer, oneOf } from "./parameter-kinds.ts";

/** What is asked of the collector. */
export interface ExporterSource {
  /** The heaviest exporters, at most so many. */
  status(exportersMax: number): Promise<CollectorReport>;
}

export interface CollectorReport {
  readonly listeners: readonly ListenerStatus[];
  readonly exporters: readonly ExporterStatus[];
}

export interface ExportersDependencies {
  readonly collector: ExporterSource;
  /** For senders that have given nothing but drops. */
  readonly drops: { counts(): Iterable<DropCount> };
  /** Records of flows that are known already, kept but not added up, by the row of their observer. */
  doubledCount(observerRow: number): number;
  /** Unix milliseconds. */
  now(): number;
}

/** More than the collector keeps: exporters of which nothing can be read are light, and not to be left out. */
export const everyExporter = 1_000_000;
const strangersMax = 100;

const describesAll = {
  summary: "Who exports flows, how well, and what to change; the worst first.",
  parameters: {
    health: oneOf("Those of this health alone.", healths),
    view: oneOf("How much is told of each.", views, "whole"),
    limit: integer("Exporters at most.", { fallback: 1000, min: 0, max: 10_000 }),
  },
  answer: exporters,
} satisfies Description;
const describesOne = {
  summary: "One exporter, with its templates' fields and its interfaces.",
  parameters: {},
  inPath: { address: "IPv4 or IPv6 address." },
  answer: exporter,
  statuses: [400, 404],
} satisfies Description;

/** `GET /api/v1/exporters` and `/api/v1/exporters/ADDRESS`: who exports, how well, and what to change. */
export function routeExporters(app: FastifyInstance, dependencies: ExportersDependencies): void {
  const look = createLook(() => lookAtAll(dependencies));

  app.get("/api/v1/exporters", { config: { describes: describesAll } }, async (request) => {
    const { health, view, limit } = readQuery(describesAll, request.query, dependencies.now());
    const { patients, counts, listeners, strangers } = await look();
    const asked = health === undefined ? patients : patients.filter((patient) => patient.health === health);
    return {
      exporters: asked.slice(0, limit).map((patient) => describeListed(patient, view)),
      leftOut: Math.max(0, asked.length - limit),
      counts,
      listeners,
      strangers,
    };
  });

  const one = { config: { describes: describesOne } };
  app.get<{ Params: { address: string } }>("/api/v1/exporters/:address", one, async (request) => {
    readQuery(describesOne, request.query, dependencies.now());
    const text = request.params.address;
    const address = parseAddress(text);
    const wanted = address === undefined ? text : formatAddress(address);
    const { patients } = await look();
    const found = patients.find(({ status }) => status.address === wanted);
    if (found !== undefined) return describeWhole(found);
    const why =
      address === undefined
        ? `"${text.slice(0, 60)}" is no IPv4 or IPv6 address, by which exporters are named`
        : `nothing that can be read has come from ${wanted} since the start`;
    throw new Problem(404, "exporter_unknown", `${why}; /api/v1/exporters lists all`);
  });
}

function examine(
  status: ExporterStatus,
  kernelDropCount: number | undefined,
  { doubledCount, now }: ExportersDependencies,
): Patient {
  const doubled = status.observerRow === 0 ? 0 : doubledCount(status.observerRow);
  const findings = diagnose(status, { nowMilliseconds: now(), doubledCount: doubled, kernelDropCount });
  return { status, findings, health: healthOf(findings), doubledCount: doubled };
}

interface Look {
  /** The worst first, then the busiest. */
  readonly patients: readonly Patient[];
  readonly counts: Readonly<Record<Health, number>>;
  readonly listeners: ReturnType<typeof describeListener>[];
  readonly strangers: ReturnType<typeof describeStrangers>;
}

/** Asks the collector and the doctor. */
async function lookAtAll(dependencies: ExportersDependencies): Promise<Look> {
  const { collector, drops } = dependencies;
  const { listeners, exporters } = await collector.status(everyExporter);
  const kernelDropCount = sumKernelDrops(listeners);
  const patients = exporters.map((status) => examine(status, kernelDropCount, dependencies));
  patients.sort(
    (a, b) =>
      healths.indexOf(b.health) - healths.indexOf(a.health) ||
      b.status.recordRate - a.status.recordRate ||
      (a.status.address < b.status.address ? -1 : 1),
  );
  const counts = { ok: 0, warning: 0, problem: 0 };
  for (const { health } of patients) counts[health]++;
  const known = new Set(exporters.map(({ address }) => address));
  return {
    patients,
    counts,
    listeners: listeners.map(describeListener),
    strangers: describeStrangers(drops.counts(), known),
  };
}

/** Undefined when one of the listeners is not counted: then nothing is known of the whole. */
function sumKernelDrops(listeners: readonly ListenerStatus[]): number | undefined {
  return listeners.reduce<number | undefined>(
    (sum, { recentKernelDropCount: recent }) =>
      sum === undefined || recent === undefined ? undefined : sum + recent,
    0,
  );
}

function healthOf(findings: readonly Finding[]): Health {
  const worst = findings[0]?.severity ?? "hint";
  return worst === "hint" ? "ok" : worst;
}

function describeListener(listener: ListenerStatus) {
  const { host, port, receiveBufferBytes, kernelDropCount } = listener;
  return {
    url: `udp://${formatListener(listener)}`,
    host,
    port,
    receiveBufferBytes,
    kernelDrops: kernelDropCount ?? null,
  };
}

/** Drops are counted by source; what is an address, but no exporter, has sent nothing that could be read. */
function describeStrangers(counts: Iterable<DropCount>, known: ReadonlySet<string>) {
  const bySource = new Map<string, Partial<Record<DropCount["reason"], number>>>();
  for (const { reason, source, count } of counts) {
    if (count === 0 || known.has(source) || parseAddress(source) === undefined) continue;
    const drops = bySource.get(source) ?? {};
    drops[reason] = count;
    bySource.set(source, drops);
  }
  return [...bySource]
    .map(([address, drops]) => ({ address, drops, findings: diagnoseStranger(address, drops) }))
    .filter(({ findings }) => findings.length > 0)
    .sort((a, b) => sum(b.drops) - sum(a.drops))
    .slice(0, strangersMax);
}

function sum(drops: Readonly<Partial<Record<string, number>>>): number {
  return Object.values(drops).reduce<number>((total, count = 0) => total + count, 0);
}
