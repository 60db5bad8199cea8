import { statSync } from "node:fs";
import { basename } from "node:path";
import type { FlowBatch, ObserverTable } from "../flow/index.ts";
import { CaptureFeed } from "./capture-feed.ts";
import { defaultFlowTableConfig, defaultTimeouts } from "./config.ts";
import { endReason } from "./end-reason.ts";
import { FlowRecords } from "./flow-records.ts";
import { FlowTable } from "./flow-table.ts";
import { readCapture } from "./read-capture.ts";

/** Small, so that little of the capture's time goes by between two ticks. */
const pieceBytes = 65_536;
const tickMilliseconds = 10_000;
/** A flow is told of so often, for a chart that shows when it was. */
const reportSeconds = 10;

export interface ReplaySink {
  readonly observers: ObserverTable;
  accept(batch: FlowBatch): void;
  tick(): Promise<void>;
}

/** A capture as records at its own time: for showing it, where `Probe` sends it away. */
export class CaptureReplay {
  readonly #path: string;
  readonly #log: (text: string) => void;
  #now: number;
  #isStopped = false;

  private constructor(path: string, log: (text: string) => void, firstMilliseconds: number) {
    this.#path = path;
    this.#log = log;
    this.#now = firstMilliseconds;
  }

  /** Looks for the first packet, whose time the clock begins with. Throws an Error that says why there is none. */
  static async open(path: string, log: (text: string) => void): Promise<CaptureReplay> {
    if (path === "-" || statSync(path, { throwIfNoEntry: false })?.isFIFO())
      throw new Error("a capture is read twice to be shown, which a pipe cannot be: save it to a file first");
    let first: number | undefined;
    const feed = new CaptureFeed({ pieceBytes, onInterface() {} }, ({ times }) => (first ??= times[0]));
    await readCapture(path, feed, { onProgress() {}, isStopped: () => first !== undefined });
    if (first === undefined) throw new Error(feed.problem ?? "no packet is in it");
    return new CaptureReplay(path, log, first);
  }

  readonly now = () => Math.floor(this.#now);

  stop(): void {
    this.#isStopped = true;
  }

  async read({ observers, accept, tick }: ReplaySink): Promise<void> {
    const name = basename(this.#path);
    const observer = observers.intern({ id: `exporter:${name}`, kind: "exporter", name });
    const records = new FlowRecords(
      { isBiflow: true, isSoftflowd: false, interfaces: [], withDetails: false },
      (batch) => {
        this.#now = Math.max(this.#now, table.now);
        batch.columns.observer.fill(observer, 0, batch.count);
        batch.columns.collectionTimeMilliseconds.fill(this.now(), 0, batch.count); // history is ordered by it
        accept(batch);
      },
    );
    const table: FlowTable = new FlowTable(
      { ...defaultFlowTableConfig, timeouts: { ...defaultTimeouts, maxlife: reportSeconds, expint: 1 } },
      (row, reason) => void records.add(table, row, reason),
    );
    const feed = new CaptureFeed({ pieceBytes, onInterface() {} }, (batch) => table.add(batch));
    let ticked = this.#now;
    const goOn = async () => {
      if (table.now - ticked < tickMilliseconds) return;
      ticked = table.now;
      records.flush();
      this.#now = Math.max(this.#now, table.now);
      await tick();
    };
    await readCapture(this.#path, feed, {
      onProgress() {},
      isStopped: () => this.#isStopped,
      afterPiece: goOn,
    });
    table.expireAll(endReason.forced);
    records.flush();
    this.#now = this.now() + 1; // a window that ends now has the last record in it
    if (feed.problem !== undefined)
      this.#log(`${this.#path}: ${feed.problem}; what was read until then is shown`);
    else if (feed.pendingBytes > 0 && !this.#isStopped) this.#log(`${this.#path}: ends inside a packet`);
  }
}
