import { FlowBatch, type ObserverTable, type ReportDrop } from "../flow/index.ts";
import { FlowDecoder } from "../netflow/index.ts";
import type { CollectorConfig } from "./config.ts";
import type { ExporterStatus } from "./exporter.ts";
import { ExporterTable } from "./exporter-table.ts";
import { readKernelDrops } from "./kernel-drops.ts";
import { openReceiver, type Receiver } from "./udp-receiver.ts";

export interface CollectorDependencies {
  /** Takes the rows; the batch is cleared when it returns. */
  deliver(batch: FlowBatch): void;
  readonly observers: ObserverTable;
  readonly drop: ReportDrop;
  /** Unix milliseconds. */
  now(): number;
}

export interface ListenerStatus {
  readonly host: string;
  readonly port: number;
  readonly receiveBufferBytes: number;
  /** Datagrams the kernel had no room for since the socket was opened; undefined where it does not say. */
  readonly kernelDropCount: number | undefined;
}

export interface CollectorStatus {
  readonly listeners: readonly ListenerStatus[];
  readonly exporters: readonly ExporterStatus[];
  /** Of all senders, strangers too. */
  readonly packetCount: number;
  readonly byteCount: number;
  readonly recordCount: number;
}

export interface Collector {
  /** Opens all sockets, or none: rejects with a ListenError. */
  start(): Promise<void>;
  /** Closes the sockets and delivers what was received. */
  stop(): Promise<void>;
  /** Delivers the rows received so far; to be called once a second. */
  flush(): void;
  status(): CollectorStatus;
}

export function createCollector(config: CollectorConfig, dependencies: CollectorDependencies): Collector {
  const { observers, now } = dependencies;
  const exporters = new ExporterTable(config.exportersMax, config.strangersMax, {
    observers,
    drop: dependencies.drop,
    forget: (addressText) => decoder.forget(addressText),
  });
  const decoder = new FlowDecoder(exporters.drop, {
    exportersMax: config.exportersMax,
    templatesPerExporterMax: config.templatesPerExporterMax,
  });
  const sink = { batch: new FlowBatch(config.batchRows), flush };
  const totals = { packetCount: 0, byteCount: 0, recordCount: 0 };
  let receivers: Receiver[] = [];

  function flush(): void {
    if (sink.batch.count === 0) return;
    dependencies.deliver(sink.batch);
    sink.batch.clear();
  }

  function take(bytes: Uint8Array, address: string, port: number): void {
    const nowMilliseconds = now();
    totals.packetCount++;
    totals.byteCount += bytes.length;
    const exporter = exporters.begin(plainAddress(address), nowMilliseconds);
    if (exporter === undefined) return;
    const summary = decoder.decode(bytes, exporter.sourceFor(port), nowMilliseconds, sink);
    totals.recordCount += summary.recordCount;
    exporters.end(exporter, bytes.length, summary, nowMilliseconds);
    if (sink.batch.free === 0) flush();
  }

  async function start(): Promise<void> {
    const { listeners, receiveBufferBytes } = config;
    const isSharedPort = (port: number) =>
      listeners.some((other) => other.port === port && !other.host.includes(":"));
    const opened = await Promise.allSettled(
      listeners.map((listener) =>
        openReceiver(listener, isSharedPort(listener.port), receiveBufferBytes, take),
      ),
    );
    receivers = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const failed = opened.find((result) => result.status === "rejected");
    if (failed === undefined) return;
    await stop();
    throw failed.reason;
  }

  async function stop(): Promise<void> {
    const open = receivers;
    receivers = [];
    await Promise.all(open.map((receiver) => receiver.close()));
    flush();
  }

  function status(): CollectorStatus {
    return {
      listeners: receivers.map(({ host, port, receiveBufferBytes }) => ({
        host,
        port,
        receiveBufferBytes,
        kernelDropCount: readKernelDrops(host, port),
      })),
      exporters: [...exporters.values()].map((exporter) =>
        exporter.describe(decoder.describe(exporter.addressText)),
      ),
      ...totals,
    };
  }

  return { start, stop, flush, status };
}

/** An IPv6 socket shows IPv4 senders as ::ffff:a.b.c.d, and link-local ones with their interface. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
