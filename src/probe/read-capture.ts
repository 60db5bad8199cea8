import { closeSync, createReadStream, fstatSync, openSync, type ReadStream, readSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import type { CaptureFeed } from "./capture-feed.ts";
import { monotonicMilliseconds } from "./monotonic-clock.ts";

/** How far a file has been read; `total` is 0 when nobody knows. */
export interface ReadProgress {
  readonly bytes: number;
  readonly total: number;
}

export interface ReadCaptureOptions {
  /** Called now and then. */
  readonly onProgress: (progress: ReadProgress) => void;
  /** Asked now and then: true ends the reading. */
  readonly isStopped: () => boolean;
  /** Waited for after each piece, when it is given. */
  readonly afterPiece?: () => Promise<void>;
}

/** Others get their turn so often: signals, and whatever shows progress. */
const turnMilliseconds = 50;

/** Reads a capture file to its end, or until it is stopped: plain, gz or zstd; `-` is standard input. */
export async function readCapture(
  path: string,
  feed: CaptureFeed,
  options: ReadCaptureOptions,
): Promise<void> {
  const fd = path === "-" ? 0 : openSync(path, "r");
  const status = fstatSync(fd);
  if (!status.isFile()) return readStream(fd, 0, feed, options);
  if (compressionOf(fd) !== undefined) return readStream(fd, status.size, feed, options);
  try {
    await readPlain(fd, status.size, feed, options);
  } finally {
    closeSync(fd);
  }
}

async function readPlain(
  fd: number,
  total: number,
  feed: CaptureFeed,
  { onProgress, isStopped, afterPiece }: ReadCaptureOptions,
): Promise<void> {
  const { room } = feed;
  let bytes = 0;
  let turned = monotonicMilliseconds();
  while (feed.problem === undefined && !isStopped()) {
    const count = readSync(fd, room, 0, room.length, null);
    if (count === 0) return;
    bytes += count;
    feed.taken(count);
    if (afterPiece !== undefined) await afterPiece();
    const now = monotonicMilliseconds();
    if (now - turned < turnMilliseconds) continue;
    turned = now;
    onProgress({ bytes, total });
    await nextTurn();
  }
}

/** What cannot be asked for its length or be read without waiting, and what has to be unpacked. Closes the file. */
async function readStream(
  fd: number,
  total: number,
  feed: CaptureFeed,
  { onProgress, isStopped, afterPiece }: ReadCaptureOptions,
): Promise<void> {
  const source = openStream(fd);
  let unpacked: Readable | undefined;
  const waiting = setInterval(() => {
    onProgress({ bytes: source.bytesRead, total });
    if (isStopped()) (unpacked ?? source).destroy();
  }, 200);
  try {
    for await (const chunk of unpack(source, (stream) => (unpacked = stream))) {
      feed.push(chunk);
      await afterPiece?.();
      if (feed.problem !== undefined || isStopped()) return;
    }
  } catch (error) {
    if (!isStopped()) throw error;
  } finally {
    clearInterval(waiting);
    source.destroy();
  }
}

/** What waits for octets in the system's own way can be left at any time; a read of a file that waits cannot. */
function openStream(fd: number): ReadStream | Socket {
  const status = fstatSync(fd);
  if (status.isFIFO() || status.isSocket()) return new Socket({ fd, readable: true, writable: false });
  return createReadStream("", { fd, highWaterMark: 262_144 });
}

/** The first octets tell whether the stream is packed. */
async function* unpack(source: Readable, started: (stream: Readable) => void): AsyncGenerator<Uint8Array> {
  const first: Buffer | undefined = await firstChunk(source);
  if (first === undefined) return;
  source.unshift(first);
  const compression = compressionIn(first);
  const unpacked = compression === undefined ? source : source.pipe(compression());
  if (unpacked !== source) source.on("error", (error) => unpacked.destroy(error));
  started(unpacked);
  yield* unpacked as AsyncIterable<Uint8Array>;
}

function firstChunk(source: Readable): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      source.pause();
      settle(() => resolve(chunk));
    };
    const onEnd = () => settle(() => resolve(undefined));
    const onError = (error: Error) => settle(() => reject(error));
    const settle = (answer: () => void) => {
      source.off("data", onData).off("end", onEnd).off("close", onEnd).off("error", onError);
      answer();
    };
    source.on("data", onData).on("end", onEnd).on("close", onEnd).on("error", onError);
  });
}

function compressionOf(fd: number) {
  const bytes = Buffer.alloc(4);
  readSync(fd, bytes, 0, 4, 0);
  return compressionIn(bytes);
}

function compressionIn(bytes: Buffer) {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return createGunzip;
  return bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2fb528 ? createZstdDecompress : undefined;
}
