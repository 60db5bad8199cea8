import { type CollectFlags, type LogLevel, logLevels } from "../goflow/index.ts";

export interface CollectLog {
  write(level: LogLevel, message: string, facts?: Readonly<Record<string, string | number | boolean>>): void;
}

/** Go's slog, as GoFlow2 writes it to standard error: `time=... level=INFO msg="..." name=value`, or JSON. */
export function createCollectLog({
  logLevel,
  logFormat,
}: Pick<CollectFlags, "logLevel" | "logFormat">): CollectLog {
  const lowest = logLevels.indexOf(logLevel);
  return {
    write(level, message, facts = {}) {
      if (logLevels.indexOf(level) < lowest) return;
      const line = { time: new Date().toISOString(), level: level.toUpperCase(), msg: message, ...facts };
      console.error(logFormat === "json" ? JSON.stringify(line) : formatLine(line));
    },
  };
}

function formatLine(line: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(line)
    .map(([name, value]) => `${name}=${/^[^\s"=]+$/.test(String(value)) ? value : JSON.stringify(value)}`)
    .join(" ");
}

/** GoFlow2's `-err.cnt` and `-err.int`: so many messages in an interval, then how many were left out. */
export class Mute {
  readonly #count: number;
  readonly #milliseconds: number;
  readonly #write: (message: string) => void;
  #since = Number.NEGATIVE_INFINITY;
  #seen = 0;

  constructor(count: number, milliseconds: number, write: (message: string) => void) {
    this.#count = count;
    this.#milliseconds = milliseconds;
    this.#write = write;
  }

  /** `message` is made only when it is written. */
  write(nowMilliseconds: number, message: () => string): void {
    if (this.#count > 0 && this.#milliseconds > 0) {
      if (nowMilliseconds - this.#since > this.#milliseconds) {
        const skipped = this.#seen - this.#count;
        if (skipped > 0) this.#write(`${skipped} messages were left out`);
        this.#since = nowMilliseconds;
        this.#seen = 0;
      }
      this.#seen++;
      if (this.#seen === this.#count + 1) this.#write("too many messages, muting");
      if (this.#seen > this.#count) return;
    }
    this.#write(message());
  }
}
