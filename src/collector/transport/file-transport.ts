import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import type { Transport, TransportDependencies } from "./transport.ts";

export interface FileTransportConfig {
  /** Empty: standard output. */
  readonly path: string;
  /** How long a write waits for a pipe's reader. */
  readonly waitMilliseconds: number;
}

/**
 * Appends to a file or to standard output. A reader that is slow holds up the collector for a while, which the kernel's
 * receive buffer bridges; one that has stopped, or a full disk, costs records, and what was written in part is finished
 * before anything else. Opens the file at once and throws when it cannot.
 */
export function createFileTransport(
  config: FileTransportConfig,
  dependencies: TransportDependencies,
): Transport {
  const { path, waitMilliseconds } = config;
  const { log, closed } = dependencies;
  const name = path === "" ? "standard output" : path;
  let descriptor = open();
  /** The end of what was taken and is not written yet. */
  let rest: Uint8Array = new Uint8Array();
  let lostBytes = 0;
  let isFailing = false;
  let isClosed = false;

  function open(): number {
    return path === "" ? openUnblocked(1) : openUnblocked(openSync(path, "a", 0o644));
  }

  function write(bytes: Uint8Array): boolean {
    if (isClosed || !writeRest(isFailing ? 0 : waitMilliseconds)) return false;
    const written = writeSome(bytes, isFailing ? 0 : waitMilliseconds);
    if (written === 0 && bytes.length > 0) return false;
    rest = bytes.slice(written);
    return true;
  }

  function writeRest(milliseconds: number): boolean {
    if (rest.length > 0) rest = rest.subarray(writeSome(rest, milliseconds));
    return rest.length === 0;
  }

  /** How many bytes could be written. */
  function writeSome(bytes: Uint8Array, milliseconds: number): number {
    let written = 0;
    const end = performance.now() + milliseconds;
    while (written < bytes.length) {
      try {
        written += writeSync(descriptor, bytes, written);
      } catch (error) {
        const { code = "" } = error as NodeJS.ErrnoException;
        if (code === "EAGAIN" && performance.now() < end) {
          pause();
          continue;
        }
        fail(code);
        return written;
      }
    }
    if (isFailing) log("info", `${name} takes records again`);
    isFailing = false;
    return written;
  }

  function fail(code: string): void {
    if (code === "EPIPE") {
      if (!isClosed) closed();
      isClosed = true;
    } else if (!isFailing) {
      const why = code === "EAGAIN" ? "its reader has stopped reading" : `writing ended with ${code}`;
      log("error", `${name} takes no records: ${why}; they are dropped and counted until it does`);
    }
    isFailing = true;
  }

  function reopen(): void {
    if (path === "") return;
    try {
      const opened = open();
      if (!writeRest(0)) {
        log("error", `${name}: ${rest.length} bytes of records could not be written to the old file`);
        lostBytes += rest.length;
        rest = new Uint8Array(); // it ends a record of the old file, and begins none in the new one
      }
      closeSync(descriptor);
      descriptor = opened;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      log("error", `${name} was not opened anew (${code}): the old file is written on`);
    }
  }

  function close(): number {
    writeRest(waitMilliseconds);
    isClosed = true;
    if (path !== "") closeSync(descriptor);
    return rest.length + lostBytes;
  }

  return { write, reopen, close };
}

/**
 * A pipe is opened a second time so that writing to it does not block: for this process only, since the flag belongs to
 * what is opened and others have the first. Where /proc is not there, writing blocks.
 */
function openUnblocked(descriptor: number): number {
  if (!fstatSync(descriptor).isFIFO()) return descriptor;
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return descriptor;
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** A pipe's reader is waited for: there is nothing else to do, and the event loop has no call for it that is as plain. */
function pause(): void {
  Atomics.wait(sleeper, 0, 0, 1);
}
