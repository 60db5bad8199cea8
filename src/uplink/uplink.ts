import { randomBytes } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import type { DropReason, FlowBatch } from "../flow/index.ts";
import type { AgentReport } from "../ingest/index.ts";
import type { AskedName, PeerTable, Translation } from "../topology/index.ts";
import { LossLog } from "./loss-log.ts";
import { MessageBuilder } from "./message-builder.ts";
import type { Spool, SpoolEntry } from "./spool.ts";
import type { SendOutcome, Transport } from "./transport.ts";

export interface UplinkConfig {
  readonly node: string;
  readonly agentVersion: string;
  /** The kernel whose sockets are read: its boot_id, "" when not known. */
  readonly machine: string;
  /** Records of one message at most. */
  readonly rowsMax: number;
  /** Messages sent and not answered yet. A server answers when it has stored, which takes it some seconds. */
  readonly inFlightMax: number;
  /** Without anything to tell, a message tells that the agent is there. */
  readonly idleMilliseconds: number;
  /** What is not answered for so long is made safe from the machine's end. */
  readonly syncMilliseconds: number;
  readonly retryFirstMilliseconds: number;
  readonly retryMaxMilliseconds: number;
  /** How often a server that says no is asked again. */
  readonly blockedMilliseconds: number;
  /** Messages given up are told together so often, but for the first. */
  readonly lossMilliseconds: number;
  /** At the end, the server gets so long to answer. */
  readonly stopMilliseconds: number;
}

export const uplinkDefaults: Omit<UplinkConfig, "node" | "agentVersion" | "machine"> = {
  rowsMax: 16_384,
  inFlightMax: 32,
  idleMilliseconds: 10_000,
  syncMilliseconds: 10_000,
  retryFirstMilliseconds: 1000,
  retryMaxMilliseconds: 60_000,
  blockedMilliseconds: 60_000,
  lossMilliseconds: 60_000,
  stopMilliseconds: 6000,
};

export interface UplinkDependencies {
  readonly peers: PeerTable;
  readonly spool: Spool;
  readonly transport: Transport;
  /** Counts for the agent's own metrics. */
  count(reason: DropReason, count: number): void;
  log(level: "info" | "warn", message: string): void;
  /** Another start of the server answers than before: of what it keeps in memory, translations, it knows nothing. */
  onServerRestart(): void;
  /** Unix ms. */
  now(): number;
}

export interface UplinkStatus {
  readonly state: "connected" | "retrying" | "refused";
  /** Why it is not connected; "" when it is. */
  readonly reason: string;
  readonly sentMessages: number;
  readonly sentBytes: number;
  readonly waitingMessages: number;
  readonly waitingBytes: number;
  /** Unix ms of the last answer that a message is durable; 0 for none. */
  readonly lastDurableMilliseconds: number;
}

export interface Uplink {
  start(instance: string): void;
  /** Copies the rows of a batch, whose peers are known. */
  take(batch: FlowBatch): void;
  /** A workload has looked up a name and got this address, the 16 bytes at `bytes[offset]`. */
  learn(bytes: Uint8Array, offset: number, name: string): void;
  /** Names that peers, rows of the table, have asked for. */
  ask(asked: readonly AskedName[]): void;
  /** The kernel translates a connection's addresses, or no more. To be told before its records are taken. */
  translate(translation: Translation): void;
  /** Tells the server of something given up. */
  countDrop(reason: string, count: number): void;
  /** Makes a message of what was taken, when there is something, and sends what can be sent. Once a second; no row of the table is needed then. */
  seal(report: AgentReport): void;
  status(): UplinkStatus;
  /** Sends what it can within a time; the rest stays in the spool. */
  stop(): Promise<void>;
}

/** Of columns, level 2 makes as few octets as the default, 3, whose tables are four times as large: with them a message takes a quarter longer. */
const compression = { [constants.ZSTD_c_compressionLevel]: 2 };

/** The format's: what is not answered lies within so many sequences. */
const windowLength = 64;

export function createUplink(config: UplinkConfig, dependencies: UplinkDependencies): Uplink {
  const { peers, spool, transport, count, log, now } = dependencies;
  const builder: MessageBuilder = new MessageBuilder(peers, config.rowsMax, () => {
    count("name_limit", 1);
    builder.countDrop("name_limit", 1);
  });
  const epoch = randomBytes(16).toString("hex");
  const startedMilliseconds = now();
  const inFlight = new Map<SpoolEntry, number>();
  let instance = "";
  let sequence = 0;
  let lastSealed = 0;
  let failureCount = 0;
  let retryAt = 0;
  let timer: NodeJS.Timeout | undefined;
  let isStopping = false;
  let isSyncing = false;
  let waitingSince = 0;
  let status = {
    state: "retrying" as UplinkStatus["state"],
    reason: "nothing was sent yet",
    sentMessages: 0,
    sentBytes: 0,
    lastDurableMilliseconds: 0,
  };
  let told = "";
  let onEmpty: (() => void) | undefined;
  let refusal = "";
  let serverEpoch: string | undefined;
  const refused = new LossLog(config.lossMilliseconds, ({ messageCount, rowCount }) =>
    log(
      "warn",
      `messages the server will never take are given up: ${messageCount} with ${rowCount} records; ${refusal}`,
    ),
  );

  function write(report: AgentReport | undefined, isLast = false): void {
    const head = {
      node: config.node,
      instance,
      epoch,
      agentVersion: config.agentVersion,
      machine: config.machine,
      startedMilliseconds,
      isLast,
    };
    const built = builder.build({ ...head, sealedMilliseconds: now() }, sequence + 1, report);
    for (const { bytes, rowCount } of built) {
      // Told its length, zstd takes tables and a window of that size.
      const body = zstdCompressSync(bytes, { pledgedSrcSize: bytes.length, params: compression });
      spool.append({ epoch, sequence: ++sequence, rowCount }, body);
    }
    lastSealed = now();
  }

  function seal(report: AgentReport): void {
    if (!builder.isEmpty || now() - lastSealed >= config.idleMilliseconds) write(report);
    pump();
    if (inFlight.size === 0 && spool.count === 0) waitingSince = now();
    if (now() - waitingSince < config.syncMilliseconds || isSyncing) return;
    isSyncing = true;
    spool.sync().finally(() => {
      isSyncing = false;
    });
  }

  /** Sends what may be sent now, in order. After a failure one message tries first. */
  function pump(): void {
    if (now() < retryAt) {
      tryLater(); // a timer may be a little early by this clock
      return;
    }
    const countMax = failureCount > 0 ? 1 : config.inFlightMax;
    let first: SpoolEntry | undefined;
    for (const entry of spool.entries()) {
      if (inFlight.size >= countMax) return;
      first ??= entry;
      // Of another epoch, a run before: its messages come first, and all of them.
      if (entry.epoch !== first.epoch || entry.sequence - first.sequence >= windowLength) return;
      if (!inFlight.has(entry)) send(entry);
    }
  }

  function send(entry: SpoolEntry): void {
    const body = spool.read(entry);
    if (body === undefined) return;
    inFlight.set(entry, now());
    void finish(entry, transport.send(entry.sequence, body));
  }

  /** Without the body, which whoever waits would keep. */
  async function finish(entry: SpoolEntry, sending: Promise<SendOutcome>): Promise<void> {
    const outcome = await sending;
    inFlight.delete(entry);
    settle(entry, outcome);
    if (spool.count === 0) onEmpty?.();
    pump();
  }

  function settle(entry: SpoolEntry, outcome: SendOutcome): void {
    switch (outcome.kind) {
      case "durable":
        spool.remove(entry);
        status = {
          ...status,
          sentMessages: status.sentMessages + 1,
          sentBytes: status.sentBytes + entry.bytes,
        };
        status.lastDurableMilliseconds = waitingSince = now();
        connected();
        recogniseServer(outcome);
        break;
      case "refused":
        if (spool.has(entry)) giveUp(entry, outcome.reason);
        connected();
        break;
      case "later":
        wait("retrying", outcome, backOff());
        break;
      case "blocked": {
        // A server that knows when the obstacle goes, such as the agent that was here before, says so.
        const { retryAfterMilliseconds = config.blockedMilliseconds } = outcome;
        wait("refused", outcome, Math.max(retryAfterMilliseconds, backOff()));
      }
    }
  }

  function giveUp(entry: SpoolEntry, reason: string): void {
    spool.remove(entry);
    count("batch_refused", entry.rowCount);
    builder.countDrop("batch_refused", entry.rowCount);
    refusal = `the last is ${entry.sequence}: ${reason}`;
    refused.add({ messageCount: 1, rowCount: entry.rowCount });
  }

  function connected(): void {
    if (now() < retryAt) return; // an answer to what was on its way before the one that failed
    if (status.state !== "connected") log("info", "the server takes what is sent");
    status = { ...status, state: "connected", reason: "" };
    failureCount = 0;
    told = "";
  }

  function recogniseServer({ serverEpoch: epoch = "" }: SendOutcome): void {
    if (epoch === serverEpoch) return;
    if (serverEpoch !== undefined) dependencies.onServerRestart();
    serverEpoch = epoch;
  }

  /** Doubled with each failure, and somewhere in the upper half of it, so that agents do not come back all at once. */
  function backOff(): number {
    const whole = Math.min(
      config.retryMaxMilliseconds,
      config.retryFirstMilliseconds * 2 ** Math.min(failureCount, 20),
    );
    return whole * (0.5 + Math.random() / 2);
  }

  function wait(
    state: UplinkStatus["state"],
    { reason, retryAfterMilliseconds }: SendOutcome,
    milliseconds: number,
  ): void {
    status = { ...status, state, reason };
    const pause = Math.max(milliseconds, retryAfterMilliseconds ?? 0);
    if (told !== `${state} ${reason}`) log("warn", `${describe(state, pause)}: ${reason}`);
    told = `${state} ${reason}`;
    if (now() < retryAt) return; // several were on their way: that was one failure
    failureCount++;
    retryAt = now() + pause;
    tryLater();
  }

  function tryLater(): void {
    clearTimeout(timer);
    if (retryAt === Number.POSITIVE_INFINITY) return; // it is over
    timer = setTimeout(pump, retryAt - now() + 1);
    timer.unref();
  }

  function describe(state: UplinkStatus["state"], pause: number): string {
    return state === "refused"
      ? `the server does not let this agent in, records are kept and it is asked again every ${Math.ceil(pause / 1000)} s`
      : "the server cannot be reached, records are kept until it can";
  }

  return {
    start(own) {
      instance = own;
      waitingSince = lastSealed = now();
      pump();
    },
    take(batch) {
      for (let row = 0; row < batch.count; ) {
        row += builder.add(batch, row);
        if (builder.isFull) write(undefined);
      }
    },
    learn(bytes, offset, name) {
      builder.learn(bytes.slice(offset, offset + 16), name);
    },
    ask(asked) {
      const left = builder.ask(asked);
      if (left === 0) return;
      count("lookup_lost", left);
      builder.countDrop("lookup_lost", left);
    },
    translate(translation) {
      builder.translate(translation);
      if (builder.isFull) write(undefined);
    },
    countDrop(reason, dropCount) {
      builder.countDrop(reason, dropCount);
    },
    seal,
    status: () => ({ ...status, waitingMessages: spool.count, waitingBytes: spool.bytes }),
    async stop() {
      if (isStopping) return;
      isStopping = true;
      // A server that is reached is told, so that it lets in at once who reports this node next.
      if (!builder.isEmpty || (instance !== "" && failureCount === 0)) write(undefined, true);
      if (spool.count > 0 && failureCount === 0) {
        const empty = new Promise<void>((resolve) => {
          onEmpty = resolve;
        });
        pump();
        let enough: NodeJS.Timeout | undefined;
        const late = new Promise<void>((resolve) => {
          enough = setTimeout(resolve, config.stopMilliseconds);
        });
        await Promise.race([empty, late]);
        clearTimeout(enough);
      }
      retryAt = Number.POSITIVE_INFINITY;
      clearTimeout(timer);
      transport.close();
      refused.stop();
      if (spool.count > 0) log("info", `${spool.count} messages that were not answered stay in the spool`);
      await spool.stop();
    },
  };
}
