import { Worker } from "node:worker_threads";
import { assert, FlowBatch, observerOf } from "../flow/index.ts";
import type { TemplateDump } from "../netflow/index.ts";
import type { CollectorConfig } from "./config.ts";
import { closeBell, openBell, ringBell } from "./kernel-socket.ts";
import { ListenError } from "./listen-error.ts";
import type { Reception, ReceptionDependencies } from "./reception.ts";
import type {
  Answers,
  BatchMessage,
  FromWorker,
  Question,
  ToWorker,
  WorkerStart,
} from "./worker-messages.ts";

/** Batches that may wait for `flush`; with more they are delivered one by one, so that the thread has memory to fill. */
const waitingBatchesMax = 4;

const endedMessage = "the receiving thread has ended";

/** Receives in a thread of its own, which decodes too; this side maps the thread's observers to ours and delivers. */
export function createWorkerReception(
  config: CollectorConfig,
  { deliver, observers, drop }: ReceptionDependencies,
  place: { readonly index: number; readonly count: number } = { index: 0, count: 1 },
): Reception {
  const { batchRows, hasDetails, listeners } = config;
  const bell = openBell();
  const start: WorkerStart = { config, bell, ...place };
  const worker = new Worker(new URL("./receive-worker.ts", import.meta.url), { workerData: start });
  let hasEnded = false;
  const ended = new Promise<void>((resolve) =>
    worker.once("exit", () => {
      hasEnded = true;
      for (const { reject } of questions.values()) reject(new Error(endedMessage));
      resolve();
    }),
  );
  const questions = new Map<number, { resolve(answer: never): void; reject(error: Error): void }>();
  const waiting: BatchMessage[] = [];
  /** Our observer row for each of the thread's. */
  const observerRows: number[] = [0];
  let listening: { resolve(ports: readonly number[]): void; reject(error: unknown): void } | undefined;
  let lastQuestion = 0;
  let isStopped = false;
  let lastTemplates: TemplateDump | undefined;
  let delivering: NodeJS.Immediate | undefined;

  // A broken assumption over there is one here.
  worker.on("error", (error) => {
    throw error;
  });
  worker.on("message", (message: FromWorker) => take(message));

  function take(message: FromWorker): void {
    switch (message.kind) {
      case "batch":
        waiting.push(message);
        deliverSoon();
        break;
      case "observer":
        observerRows[message.row] = observers.intern(observerOf(message.id));
        break;
      case "drops":
        for (const [reason, source, count] of message.drops) drop(reason, source, count);
        break;
      case "answer":
        questions.get(message.id)?.resolve(message.answer as never);
        questions.delete(message.id);
        break;
      case "stopped":
        lastTemplates = message.templates;
        break;
      case "listening":
        listening?.resolve(message.ports);
        break;
      case "refused": {
        const cause = Object.assign(new Error(message.errno), { code: message.errno });
        listening?.reject(new ListenError(listeners[message.listenerIndex]!, cause));
        break;
      }
    }
  }

  /**
   * One batch per turn of the event loop: the thread fills what it gets back at once, and signals, timers and requests must
   * have their turn under any load.
   */
  function deliverSoon(): void {
    const isDue = waiting.length >= (isStopped ? 1 : waitingBatchesMax);
    if (delivering !== undefined || !isDue) return;
    delivering = setImmediate(() => {
      delivering = undefined;
      deliverFirst();
      deliverSoon();
    });
  }

  function deliverFirst(): void {
    const message = waiting.shift();
    if (message === undefined) return;
    const batch = new FlowBatch(batchRows, { hasDetails, buffer: message.buffer });
    batch.count = message.rowCount;
    const { observer } = batch.columns;
    for (let row = 0; row < batch.count; row++) observer[row] = observerRows[observer[row]!]!;
    deliver(batch);
    post({ kind: "batch", buffer: batch.buffer, rowCount: message.rowCount }, [batch.buffer]);
  }

  function flush(): void {
    for (let left = waiting.length; left > 0; left--) deliverFirst();
  }

  function post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    worker.postMessage(message, transfer);
    ringBell(bell);
  }

  function ask<Q extends Question>(question: Q): Promise<Answers[Q["what"]]> {
    return new Promise((resolve, reject) => {
      if (hasEnded) {
        reject(new Error(endedMessage));
        return;
      }
      questions.set(++lastQuestion, { resolve, reject });
      post({ kind: "ask", question, id: lastQuestion });
    });
  }

  return {
    start() {
      return new Promise<readonly number[]>((resolve, reject) => {
        listening = { resolve, reject };
        post({ kind: "listen" });
      });
    },
    async stop() {
      isStopped = true;
      post({ kind: "stop" });
      flush();
      await ended;
      flush();
      closeBell(bell);
      assert(lastTemplates !== undefined, "the thread tells what it knew before it ends");
      return lastTemplates;
    },
    flush,
    status: (exportersMax) => ask({ what: "status", exportersMax }),
    exporter: (addressText) => ask({ what: "exporter", addressText }),
    dumpTemplates: () => ask({ what: "dumpTemplates" }),
    restoreTemplates: (value) => ask({ what: "restoreTemplates", value }),
  };
}
