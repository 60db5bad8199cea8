import { setImmediate as yieldNow } from "node:timers/promises";
import type { ReportDrop } from "../../flow/index.ts";
import type { Metric } from "../exposition.ts";
import { createPost, type PostConfig, type PostResult } from "./post.ts";
import { compressSnappy } from "./snappy.ts";
import { ToldSeriesTable } from "./told-series.ts";
import { writeRequests } from "./write-request.ts";

export interface RemoteWriteConfig extends PostConfig {
  readonly intervalSeconds: number;
  /** Added to every series. */
  readonly labels: Readonly<Record<string, string>>;
  /** What waits to be sent at most, compressed; beyond it the oldest is given up. */
  readonly queueBytesMax: number;
}

export interface RemoteWriteDependencies {
  /** Begins to read the metrics of now; `done` is called when they are read. */
  read(): Promise<{ metrics: Iterable<Metric>; done(): void }>;
  readonly drop: ReportDrop;
  readonly log: (message: string) => void;
  now(): number;
  /** Milliseconds of the first wait after a try that did not succeed; doubled each time. */
  readonly retryMilliseconds?: number;
  /** How long the last samples may take when the program ends. */
  readonly stopMilliseconds?: number;
}

export interface RemoteWriteStatus {
  readonly url: string;
  readonly sentSampleCount: number;
  readonly retryCount: number;
  readonly waitingSampleCount: number;
  readonly lastError: string;
}

export interface RemoteWrite {
  start(): void;
  /** Sends what there is, once more, as far as the receiver takes it within 3 seconds. */
  stop(): Promise<void>;
  status(): RemoteWriteStatus;
}

interface Waiting {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly sampleCount: number;
}

const samplesPerRequest = 2000;
const retryMillisecondsMax = 60_000;
const retryAfterMillisecondsMax = 300_000;
/** The same trouble is logged once in this time. */
const logAgainMilliseconds = 60_000;

/** Pushes metrics to a receiver of Prometheus' remote write. One request at a time, so that samples arrive in their order. */
export function createRemoteWrite(
  config: RemoteWriteConfig,
  dependencies: RemoteWriteDependencies,
): RemoteWrite {
  const { read, drop, log, now, retryMilliseconds = 1000, stopMilliseconds = 3000 } = dependencies;
  const post = createPost(config);
  const place = new URL(config.url).host;
  const queue: Waiting[] = [];
  const told = new ToldSeriesTable();
  let queueBytes = 0;
  let isSending = false;
  let reading: Promise<void> | undefined;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let wake = () => {};
  let idle = () => {};
  let lastLog = 0;
  const status = { sentSampleCount: 0, retryCount: 0, waitingSampleCount: 0, lastError: "" };

  function complain(what: string): void {
    status.lastError = what;
    if (now() - lastLog < logAgainMilliseconds) return;
    lastLog = now();
    log(`remote write to ${place}: ${what}`);
  }

  /** One reading at a time: who asks during one waits for it. */
  function collect(): Promise<void> {
    reading ??= readOnce().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  async function readOnce(): Promise<void> {
    const { metrics, done } = await read();
    try {
      const options = { time: now(), external: config.labels, samplesMax: samplesPerRequest, told };
      for (const { bytes, sampleCount } of writeRequests(metrics, options)) {
        enter({ body: compressSnappy(bytes), sampleCount });
        await yieldNow(); // flows go on meanwhile
      }
    } catch (error) {
      told.forget();
      throw error;
    } finally {
      done();
    }
    void send();
  }

  function enter(waiting: Waiting): void {
    queue.push(waiting);
    queueBytes += waiting.body.length;
    status.waitingSampleCount += waiting.sampleCount;
    // The first may be on its way.
    while (queueBytes > config.queueBytesMax && queue.length > 2) {
      const [oldest] = queue.splice(isSending ? 1 : 0, 1);
      leave(oldest!);
      drop("queue_full", `remote write ${place}`, oldest!.sampleCount);
      complain(`it is too slow or away: ${oldest!.sampleCount} samples that waited longest were given up`);
    }
  }

  function leave({ body, sampleCount }: Waiting): void {
    queueBytes -= body.length;
    status.waitingSampleCount -= sampleCount;
  }

  async function send(): Promise<void> {
    if (isSending) return;
    isSending = true;
    let wait = retryMilliseconds;
    while (queue[0] !== undefined && !isStopped) {
      const first = queue[0];
      const result = await post(first.body);
      if (result.kind === "retry") {
        complain(`${result.reason}; tried again`);
        status.retryCount++;
        await pause(waitOf(result, wait));
        wait = Math.min(wait * 2, retryMillisecondsMax);
        continue;
      }
      queue.shift();
      leave(first);
      wait = retryMilliseconds;
      if (result.kind === "sent") status.sentSampleCount += first.sampleCount;
      else {
        drop("output_failed", `remote write ${place}`, first.sampleCount);
        complain(`${result.reason}; ${first.sampleCount} samples were given up`);
      }
    }
    isSending = false;
    idle();
  }

  function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const until = setTimeout(resolve, milliseconds);
      wake = () => {
        clearTimeout(until);
        resolve();
      };
    });
  }

  return {
    start() {
      timer = setInterval(() => void collectOrSay(), config.intervalSeconds * 1000);
    },
    async stop() {
      if (timer === undefined) return;
      clearInterval(timer);
      const late = new Promise<void>((resolve) => setTimeout(resolve, stopMilliseconds).unref());
      wake();
      await Promise.race([
        collectOrSay().then(() => (isSending ? new Promise<void>((done) => (idle = done)) : undefined)),
        late,
      ]);
      isStopped = true;
      wake();
      post.close();
      for (const { sampleCount } of queue) drop("output_failed", `remote write ${place}`, sampleCount);
    },
    status: () => ({ url: place, ...status }),
  };

  async function collectOrSay(): Promise<void> {
    await collect().catch((error: Error) => complain(error.message));
  }
}

/** What the receiver asks for, if it says; else the wait that is due, a little more or less, so that many do not come at once. */
function waitOf({ retryAfterMilliseconds: asked }: PostResult & { kind: "retry" }, due: number): number {
  if (asked !== undefined) return Math.min(asked, retryAfterMillisecondsMax);
  return due * (0.75 + Math.random() / 2);
}
