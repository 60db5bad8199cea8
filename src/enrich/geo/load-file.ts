import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { AsRangeColumns } from "./as-ranges.ts";
import type { LoadAnswer, LoadHead, LoadOrder } from "./load-child.ts";

export interface LoadLimits {
  readonly timeoutMilliseconds: number;
  /** Of what JavaScript may hold while a file is checked; the file itself is not counted. */
  readonly heapMegabytes: number;
}

const defaultLimits: LoadLimits = { timeoutMilliseconds: 120_000, heapMegabytes: 512 };

const child = fileURLToPath(new URL("./load-child.ts", import.meta.url));

/**
 * Reads and checks a file in a process of its own: nobody waits for it, a file that wants endless time or memory takes only that
 * process with it, and what the work needed of memory is given back, which a thread's is not.
 */
export function loadFile(
  { kind, file }: LoadOrder,
  { timeoutMilliseconds, heapMegabytes }: LoadLimits = defaultLimits,
): { answer: Promise<LoadAnswer>; stop(): void } {
  const limits = [`--max-old-space-size=${heapMegabytes}`, "--max-semi-space-size=4"];
  const loader = spawn(process.execPath, [...limits, child, kind, file], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const reader = new AnswerReader();
  loader.stdout.on("data", (chunk: Buffer) => reader.take(chunk));
  const stop = () => void loader.kill("SIGKILL");
  const answer = new Promise<LoadAnswer>((resolve) => {
    const refuse = (problem: string) => resolve({ form: "problem", problem });
    let isTooLate = false;
    const timer = setTimeout(() => {
      isTooLate = true;
      stop();
    }, timeoutMilliseconds);
    timer.unref();
    loader.once("error", (error) => refuse(`could not be checked: ${error.message}`));
    loader.once("close", (code, signal) => {
      clearTimeout(timer);
      const whole = reader.answer();
      if (whole !== undefined) resolve(whole);
      else if (isTooLate) refuse(`could not be checked within ${timeoutMilliseconds / 1000} seconds`);
      else refuse(`could not be checked: its reader ended with ${signal ?? code}`);
    });
  });
  return { answer, stop };
}

/** Puts the answer together as it comes, in one piece of memory of the size that it says it has. */
class AnswerReader {
  #line = Buffer.alloc(0);
  #head: LoadHead | undefined;
  #bytes = new Uint8Array(0);
  #filled = 0;

  take(chunk: Buffer): void {
    if (this.#head !== undefined) {
      this.#fill(chunk);
      return;
    }
    this.#line = Buffer.concat([this.#line, chunk]);
    const end = this.#line.indexOf("\n");
    if (end < 0) return;
    this.#head = JSON.parse(this.#line.toString("utf8", 0, end)) as LoadHead;
    this.#bytes = new Uint8Array(this.#head.lengths.reduce((sum, [, length]) => sum + length, 0));
    this.#fill(this.#line.subarray(end + 1));
  }

  #fill(chunk: Buffer): void {
    this.#bytes.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  /** Undefined as long as something is missing. */
  answer(): LoadAnswer | undefined {
    if (this.#head === undefined || this.#filled < this.#bytes.length) return undefined;
    const { form, problem, lengths } = this.#head;
    if (form === "problem") return { form, problem };
    if (form === "mmdb") return { form, bytes: this.#bytes };
    let at = 0;
    const columns = lengths.map(([name, length]) => {
      const start = at;
      at += length;
      return [
        name,
        name === "names"
          ? this.#bytes.subarray(start, at)
          : new Uint32Array(this.#bytes.buffer, start, length / 4),
      ];
    });
    return { form, columns: Object.fromEntries(columns) as unknown as AsRangeColumns };
  }
}
