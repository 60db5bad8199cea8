import { createCollector, createFileTransport, defaultCollectorConfig } from "../collector/index.ts";
import { BiflowSplitter, type DropReason, dropReasons, ObserverTable } from "../flow/index.ts";
import { type CollectFlags, type ListenUri, RecordOutput } from "../goflow/index.ts";
import { DropCounters } from "../metrics/index.ts";
import { everyAddress } from "../settings/agent/index.ts";
import { createCollectHttp } from "./collect-http.ts";
import { type CollectLog, Mute } from "./collect-log.ts";

export interface CollectServiceDependencies {
  readonly version: string;
  readonly log: CollectLog;
  /** Going on makes no sense: nobody reads the records. */
  readonly failed: () => void;
}

/** Records are written as late as this after they came. */
const flushMilliseconds = 100;
/** A slow reader of standard output is waited for so long; then its records are dropped and counted until it reads. */
const outputWaitMilliseconds = 2000;
/** Smaller than the server's batches: 256 MiB must do for everything. */
const batchRows = 4096;

/** Collector, writer, way out and HTTP. Creating it opens the output; `start` opens the sockets. */
export function createCollectService(flags: CollectFlags, dependencies: CollectServiceDependencies) {
  const { version, log, failed } = dependencies;
  const drops = new DropCounters();
  const mute = new Mute(flags.errorCount, flags.errorMilliseconds, (message) => log.write("warn", message));
  const drop = (reason: DropReason, source: string, count = 1) => {
    drops.drop(reason, source, count);
    mute.write(Date.now(), () => `dropped ${count} from ${source}: ${dropReasons[reason]} (${reason})`);
  };
  const transport = createFileTransport(
    { path: flags.file, waitMilliseconds: outputWaitMilliseconds },
    {
      log: (level, message) => log.write(level, message),
      closed() {
        log.write("error", "nobody reads the records any more: stopping");
        failed();
      },
    },
  );
  const written = { recordCount: 0, byteCount: 0 };
  /** Records that the transport did not take. */
  let refusedCount = 0;
  const output = new RecordOutput(flags.format, flags.separator, (bytes, recordCount) => {
    if (!transport.write(bytes)) {
      refusedCount += recordCount;
      return drop("output_failed", "output", recordCount);
    }
    written.recordCount += recordCount;
    written.byteCount += bytes.length;
  });
  const biflows = new BiflowSplitter();
  const collector = createCollector(
    {
      ...defaultCollectorConfig,
      listeners: flags.listen.map((uri) => ({ host: hostOf(uri), port: uri.port, scheme: uri.scheme })),
      workers: Math.max(...flags.listen.map(({ count }) => count)),
      batchRows,
      hasDetails: true,
      templateMilliseconds: flags.templateMilliseconds,
      templatesFile: flags.templatesFile,
    },
    {
      deliver: (batch) => output.write(biflows.split(batch)),
      observers: new ObserverTable(),
      drop,
      now: Date.now,
      log: (message) => log.write("warn", message),
    },
  );
  const http = createCollectHttp(flags, { version, collector, drops, written, log });
  let flushing: NodeJS.Timeout | undefined;
  let lostBytes = 0;

  async function start(): Promise<void> {
    process.on("SIGHUP", transport.reopen); // before anything takes time: unhandled, it would end the process
    log.write("info", "starting Portolan", { version });
    await http?.start();
    await collector.start();
    flushing = setInterval(collector.flush, flushMilliseconds);
    http?.setCollecting(true);
    collector.listeners.forEach(({ host, port }, i) => {
      const { scheme, count } = flags.listen[i]!;
      log.write("info", "starting collection", { scheme, hostname: host, port, count });
    });
  }

  async function stop(): Promise<void> {
    http?.setCollecting(false);
    clearInterval(flushing);
    await collector.stop();
    lostBytes = await transport.close();
    await http?.stop();
    if (lostBytes > 0) log.write("error", `${lostBytes} bytes of records could not be written`);
    if (refusedCount > 0) log.write("error", `${refusedCount} records could not be written`);
    if (lostBytes + refusedCount === 0)
      log.write("info", "transporter closed", { records: written.recordCount });
    process.off("SIGHUP", transport.reopen);
  }

  return {
    start,
    stop,
    /** Whether everything that was taken has been written. */
    get isWhole() {
      return lostBytes + refusedCount === 0;
    },
  };
}

/** Every address when none is named. */
function hostOf({ host }: ListenUri): string {
  return everyAddress(host || "::");
}
