import { Worker } from "node:worker_threads";
import { FlowBatch, observerOf } from "../flow/index.ts";
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

/** Batches that may wait for `flush`; with more they are delivered as they come, so that the thread has memory to fill. */
const waitingBatchesMax = 4;

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
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const questions = new Map<number, (answer: never) => void>();
  const waiting: BatchMessage[] = [];
  /** Our observer row for each of the thread's. */
  const observerRows: number[] = [0];
  let listening: { resolve(ports: readonly number[]): void; reject(error: unknown): void } | undefined;
  let lastQuestion = 0;
  let isStopped = false;

  // A broken assumption over there is one here.
  worker.on("error", (error) => {
    throw error;
  });
  worker.on("message", (message: FromWorker) => take(message));

  function take(message: FromWorker): void {
    switch (message.kind) {
      case "batch":
        waiting.push(message);
        if (waiting.length >= waitingBatchesMax || isStopped) flush();
        break;
      case "observer":
        observerRows[message.row] = observers.intern(observerOf(message.id));
        break;
      case "drops":
        for (const [reason, source, count] of message.drops) drop(reason, source, count);
        break;
      case "answer":
        questions.get(message.id)?.(message.answer as never);
        questions.delete(message.id);
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

  function flush(): void {
    for (const message of waiting.splice(0)) {
      const batch = new FlowBatch(batchRows, { hasDetails, buffer: message.buffer });
      batch.count = message.rowCount;
      const { observer } = batch.columns;
      for (let row = 0; row < batch.count; row++) observer[row] = observerRows[observer[row]!]!;
      deliver(batch);
      post({ kind: "batch", buffer: batch.buffer, rowCount: message.rowCount }, [batch.buffer]);
    }
  }

  function post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    worker.postMessage(message, transfer);
    ringBell(bell);
  }

  function ask<Q extends Question>(question: Q): Promise<Answers[Q["what"]]> {
    return new Promise((resolve) => {
      questions.set(++lastQuestion, resolve);
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
      closeBell(bell);
    },
    flush,
    status: (exportersMax) => ask({ what: "status", exportersMax }),
    exporter: (addressText) => ask({ what: "exporter", addressText }),
    dumpTemplates: () => ask({ what: "dumpTemplates" }),
    restoreTemplates: (value) => ask({ what: "restoreTemplates", value }),
  };
}
