import { monotonicMilliseconds } from "../probe/index.ts";

/** How far the reading of a capture is, on one line of a terminal. */
export interface Progress {
  show(progress: { readonly bytes: number; readonly total: number }): void;
  end(): void;
}

const everyMilliseconds = 500;

export function createProgress(
  path: string,
  isWanted: boolean | undefined,
  packetCount: () => number,
): Progress {
  const started = monotonicMilliseconds();
  let shown = started;
  let hasLine = false;
  return {
    show({ bytes, total }) {
      const now = monotonicMilliseconds();
      if (now - shown < everyMilliseconds) return;
      shown = now;
      // Asked so late because Node makes a stream of it then, which what is read at once does without.
      if (!(isWanted ?? process.stderr.isTTY)) return;
      const share = total === 0 ? "" : ` ${((bytes / total) * 100).toFixed(1)} %,`;
      const rate = packetCount() / ((now - started) / 1000) / 1e6;
      const text = `${path}:${share} ${(bytes / 1e6).toFixed(0)} MB, ${(packetCount() / 1e6).toFixed(2)} M packets, ${rate.toFixed(2)} M/s`;
      process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
      hasLine = true;
    },
    end() {
      if (hasLine && process.stderr.isTTY) process.stderr.write("\n");
    },
  };
}
