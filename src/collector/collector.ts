import type { TemplateDump } from "../netflow/index.ts";
import type { CollectorConfig } from "./config.ts";
import { createDgramReception } from "./dgram-reception.ts";
import type { ExporterStatus } from "./exporter-status.ts";
import { hasKernelSockets } from "./kernel-socket.ts";
import type { ListenerStatus, Reception, ReceptionDependencies, ReceptionStatus } from "./reception.ts";
import { readTemplateFile, writeTemplateFile } from "./template-file.ts";
import { createWorkerReception } from "./worker-reception.ts";

export interface CollectorDependencies extends ReceptionDependencies {
  /** Told of what does not stop the collector. */
  readonly log?: (message: string) => void;
}

export type CollectorStatus = ReceptionStatus;

export interface Collector {
  /** Opens all sockets, or none: rejects with a ListenError. */
  start(): Promise<void>;
  /** Reads what the sockets still hold, closes them and delivers everything. */
  stop(): Promise<void>;
  /** Delivers the rows received so far; to be called once a second. */
  flush(): void;
  /** The heaviest exporters first, at most so many. */
  status(exportersMax?: number): Promise<CollectorStatus>;
  /** One exporter, undefined when nothing came from this address. */
  exporter(addressText: string): Promise<ExporterStatus | undefined>;
  /** Where datagrams are taken; none before it was started. */
  readonly listeners: readonly { readonly host: string; readonly port: number }[];
}

const statusExportersMax = 1000;
const saveMilliseconds = 60_000;

export function createCollector(config: CollectorConfig, dependencies: CollectorDependencies): Collector {
  const { log = () => {} } = dependencies;
  const receptions: Reception[] = [];
  let ports: readonly number[] = [];
  let saving: NodeJS.Timeout | undefined;

  async function start(): Promise<void> {
    const count = hasKernelSockets() ? config.workers : 0;
    try {
      if (count === 0) await startOne(createDgramReception(config, dependencies));
      else await startWorkers(count);
    } catch (error) {
      await stop();
      throw error;
    }
    if (config.templatesFile !== undefined) saving = setInterval(saveNow, saveMilliseconds).unref();
  }

  /** One after the other: the first shows whether the ports are free, and the rest share them in that order. */
  async function startWorkers(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const listeners = config.listeners.map((listener, i) => ({
        ...listener,
        port: ports[i] ?? listener.port,
      }));
      await startOne(createWorkerReception({ ...config, listeners }, dependencies, { index, count }));
    }
  }

  async function startOne(reception: Reception): Promise<void> {
    receptions.push(reception);
    const { templatesFile } = config;
    const templates = templatesFile === undefined ? undefined : readTemplateFile(templatesFile, log);
    if (templates !== undefined) await reception.restoreTemplates(templates);
    ports = await reception.start();
  }

  async function stop(): Promise<void> {
    const hasStarted = saving !== undefined;
    clearInterval(saving);
    saving = undefined;
    ports = [];
    const dumps = await Promise.all(receptions.splice(0).map((reception) => reception.stop()));
    if (hasStarted) saveTemplates(dumps);
  }

  async function saveNow(): Promise<void> {
    saveTemplates(await Promise.all(receptions.map((reception) => reception.dumpTemplates())));
  }

  function saveTemplates(dumps: readonly TemplateDump[]): void {
    writeTemplateFile(config.templatesFile!, mergeDumps(dumps), log);
  }

  return {
    start,
    stop,
    flush() {
      for (const reception of receptions) reception.flush();
    },
    async status(exportersMax = statusExportersMax) {
      const parts = await Promise.all(receptions.map((reception) => reception.status(exportersMax)));
      return merge(parts, exportersMax);
    },
    async exporter(addressText) {
      const found = await Promise.all(receptions.map((reception) => reception.exporter(addressText)));
      return found.find((status) => status !== undefined);
    },
    get listeners() {
      return ports.map((port, i) => ({ host: config.listeners[i]!.host, port }));
    },
  };
}

/** Threads that share the ports hear different exporters; their sockets' figures add up. */
function merge(parts: readonly ReceptionStatus[], exportersMax: number): CollectorStatus {
  const sum = (of: (part: ReceptionStatus) => number) => parts.reduce((total, part) => total + of(part), 0);
  const exporters = parts.flatMap((part) => part.exporters);
  exporters.sort((a, b) => b.recordCount - a.recordCount);
  return {
    listeners: (parts[0]?.listeners ?? []).map((first, i) => mergeListener(first, parts, i)),
    exporters: exporters.slice(0, exportersMax),
    exporterCount: sum((part) => part.exporterCount),
    packetCount: sum((part) => part.packetCount),
    byteCount: sum((part) => part.byteCount),
    recordCount: sum((part) => part.recordCount),
  };
}

/** What each thread was told after a restart it tells again: of an exporter's the one that heard it last counts. */
function mergeDumps(dumps: readonly TemplateDump[]): TemplateDump {
  const latest = new Map<string, TemplateDump["exporters"][number]>();
  for (const exporter of dumps.flatMap((dump) => dump.exporters)) {
    const known = latest.get(exporter.address);
    if (known === undefined || known.lastSeenMilliseconds < exporter.lastSeenMilliseconds)
      latest.set(exporter.address, exporter);
  }
  return { ...dumps[0]!, exporters: [...latest.values()] };
}

function mergeListener(
  first: ListenerStatus,
  parts: readonly ReceptionStatus[],
  index: number,
): ListenerStatus {
  const sum = (of: (listener: ListenerStatus | undefined) => number | undefined) => {
    const counts = parts.map((part) => of(part.listeners[index]));
    if (counts.some((count) => count === undefined)) return undefined;
    return counts.reduce<number>((total, count) => total + count!, 0);
  };
  return {
    ...first,
    kernelDropCount: sum((listener) => listener?.kernelDropCount),
    recentKernelDropCount: sum((listener) => listener?.recentKernelDropCount),
  };
}
