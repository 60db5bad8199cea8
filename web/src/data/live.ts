import { apiUrl, type Params } from "./api.ts";
import { EventStreamParser, type StreamEvent } from "./event-stream.ts";
import { type Problem, ProblemError, readProblem } from "./problem.ts";

export type LiveState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open" }
  /** The server said no, for instance to the filter: asking again would not help. */
  | { readonly kind: "refused"; readonly problem: Problem }
  /** The server can not be reached; asked again at `retryAt` (Unix milliseconds). */
  | { readonly kind: "away"; readonly retryAt: number };

export interface LiveDependencies {
  /** A Topology as JSON. */
  readonly onMap: (json: string) => void;
  /** A TopologyChange as JSON. */
  readonly onChange: (json: string) => void;
  readonly onState: (state: LiveState) => void;
}

const retryMillisecondsMax = 15_000;
/** The server sends a change each second; a stream this silent is dead, though the socket may not know. */
const silenceMilliseconds = 20_000;

/** The live stream for one query: keeps itself connected until it is stopped or refused. */
export function createLive(params: Params, { onMap, onChange, onState }: LiveDependencies) {
  let request: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  let failures = 0;

  async function connect(): Promise<void> {
    const current = new AbortController();
    request = current;
    onState({ kind: "connecting" });
    try {
      await follow(current);
      throw new Error("the stream ended");
    } catch (error) {
      if (isStopped) return;
      const isRefused =
        error instanceof ProblemError && error.problem.status >= 400 && error.problem.status < 500;
      if (isRefused) onState({ kind: "refused", problem: error.problem });
      else retryLater();
    }
  }

  async function follow(current: AbortController): Promise<void> {
    const watchdog = createWatchdog(() => current.abort());
    try {
      const response = await fetch(apiUrl("live", params), { signal: current.signal, cache: "no-store" });
      if (!response.ok || response.body === null) throw await readProblem(response);
      const parser = new EventStreamParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        watchdog.feed();
        for (const event of parser.push(part.value)) if (!isStopped) take(event);
      }
    } finally {
      watchdog.stop();
    }
  }

  function take({ event, data }: StreamEvent): void {
    if (event === "map") {
      onMap(data);
      failures = 0;
      onState({ kind: "open" });
    } else if (event === "change") onChange(data);
  }

  function retryLater(): void {
    const wait = Math.min(retryMillisecondsMax, 1000 * 2 ** failures++);
    onState({ kind: "away", retryAt: Date.now() + wait });
    timer = setTimeout(connect, wait);
  }

  return {
    start: () => void connect(),
    stop(): void {
      isStopped = true;
      clearTimeout(timer);
      request?.abort();
    },
  };
}

function createWatchdog(bark: () => void) {
  let timer = setTimeout(bark, silenceMilliseconds);
  return {
    feed(): void {
      clearTimeout(timer);
      timer = setTimeout(bark, silenceMilliseconds);
    },
    stop: () => clearTimeout(timer),
  };
}
