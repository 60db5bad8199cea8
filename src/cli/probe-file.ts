import { writeSync } from "node:fs";
import { compileFilter } from "../observe/capture/index.ts";
import { isLinkTypeKnown } from "../packet/index.ts";
import {
  CaptureFeed,
  type ExportInterface,
  openDestination,
  Probe,
  type ProbeFlags,
  readCapture,
} from "../probe/index.ts";
import { configOf } from "./probe-config.ts";
import { createProgress } from "./probe-progress.ts";

/** Reads a capture to its end, or until a signal, and reports every flow. Answers with the exit code. */
export async function readFileIntoProbe(
  path: string,
  flags: ProbeFlags,
  log: (text: string) => void,
): Promise<number> {
  const options = { hopLimit: flags.hopLimit, device: flags.sendDevice, log, now: Date.now };
  const destinations = await Promise.all(flags.destinations.map((one) => openDestination(one, options)));
  const interfaces: ExportInterface[] = [];
  const probe = new Probe(
    configOf(flags, () => flags.isDebug, log),
    { destinations, interfaces, now: Date.now },
  );
  const { filter, snapLength } = flags;
  const feed = new CaptureFeed(
    {
      compileFilter:
        filter === "" ? undefined : (link) => compileFilter(filter, link, Math.max(snapLength, 65_535)),
      onInterface: ({ linkType, name, snapLength: captured }) => {
        const number = interfaces.length;
        const index = flags.interfaces[0]?.index ?? (name === undefined ? 0 : 1);
        interfaces.push({
          index: index + number,
          name: name ?? flags.interfaces[0]?.name ?? (flags.isSoftflowd ? path : ""),
        });
        if (!isLinkTypeKnown(linkType))
          log(`${path}: link type ${linkType} is not read: its packets are counted, and no more`);
        if (captured > 0 && captured < 54)
          log(`${path}: captured with ${captured} octets of a packet: ports may be cut off`);
      },
    },
    (batch) => probe.add(batch),
  );
  const progress = createProgress(path, flags.showsProgress, () => feed.packetCount);
  let isStopped = false;
  const stop = () => (isStopped = true);
  process.on("SIGTERM", stop).on("SIGINT", stop);
  let exitCode = 0;
  try {
    await readCapture(path, feed, { onProgress: progress.show, isStopped: () => isStopped });
  } catch (error) {
    const { message } = error as Error;
    if (feed.packetCount === 0 && !isUnpackError(error)) throw error;
    if (feed.interfaces.length === 0) {
      log(`${path}: is packed, and cannot be unpacked: ${message}`);
      return 1;
    }
    log(`${path}: ${message}; what was read until then is reported`);
    exitCode = 1;
  }
  progress.end();
  exitCode = tellEnd(path, feed, isStopped, log) || exitCode;
  probe.expireAll();
  print(`${probe.statistics.format(probe.table, probe.exporter.counts, undefined)}\n`);
  for (const destination of destinations) destination.close();
  return exitCode;
}

/** To standard output, of which Node makes a stream only where it does not take all at once: to load streams takes as long as to read some 100 MB. */
function print(text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(1, bytes, written);
  } catch {
    process.stdout.write(bytes.subarray(written));
  }
}

/** zlib's and zstd's own: a packed file that is cut off or corrupt. */
function isUnpackError(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return code.startsWith("Z_") || code.startsWith("ZSTD_");
}

function tellEnd(path: string, feed: CaptureFeed, isStopped: boolean, log: (text: string) => void): number {
  const { problem, pendingBytes, skippedCount, packetCount } = feed;
  if (skippedCount > 0)
    log(`${path}: ${skippedCount} packets left out, of interfaces that are not described or too long`);
  if (problem !== undefined) {
    log(`${path}: ${problem}`);
    return 1;
  }
  if (packetCount === 0 && pendingBytes === 0 && feed.interfaces.length === 0 && !isStopped) {
    log(`${path}: is empty`);
    return 1;
  }
  if (feed.interfaces.length === 0 && !isStopped) {
    log(`${path}: is no capture: it has ${pendingBytes} octets, and a capture's header more`);
    return 1;
  }
  if (pendingBytes > 0 && !isStopped)
    log(`${path}: ends inside a packet: its last ${pendingBytes} octets are not counted`);
  return 0;
}
