import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { assert, type DropReason, FlowBatch, formatAddress, ObserverTable, RowIndex } from "../flow/index.ts";
import { isPortSharedWithIPv4 } from "./config.ts";
import { Intake } from "./intake.ts";
import { DatagramRoom, type KernelSocket, openSocket, SocketPoll, steerBySource } from "./kernel-socket.ts";
import { ListenError } from "./listen-error.ts";
import { RecentCounter } from "./recent.ts";
import type { ReceptionStatus } from "./reception.ts";
import type { FromWorker, Question, ToWorker, WorkerStart } from "./worker-messages.ts";

/** The receiving thread: recvmmsg, decode, hand the batches' memory over. It never returns to its event loop. */

/** Datagrams taken by one call. */
const roomCount = 128;
/** When fewer came, so long is waited for more before the next call: a call per datagram would cost more than decoding it. */
const gatherMilliseconds = 3;
/** Rows are handed over at least so often. */
const publishMilliseconds = 200;
const idleMilliseconds = 1000;
/** Batches this thread fills or the other one reads; with all of them there, the sockets' buffers take what comes. */
const batchesMax = 8;
/** A sender that does not stop must not keep the program from stopping. */
const drainMilliseconds = 2000;

class ReceivingThread {
  readonly #start: WorkerStart;
  readonly #port: MessagePort;
  readonly #intake: Intake;
  readonly #room = new DatagramRoom(roomCount);
  readonly #observers = new ObserverTable();
  readonly #drops = new Map<string, [DropReason, string, number]>();
  readonly #addresses = new AddressTexts();
  readonly #spare: FlowBatch[] = [];
  #batchCount = 1;
  #announcedObservers = 1;
  #sockets: readonly KernelSocket[] = [];
  #kernelDrops: RecentCounter[] = [];
  #poll: SocketPoll;
  /** By the clock that nobody sets. */
  #publishedMilliseconds = performance.now();
  #isStopping = false;

  constructor(start: WorkerStart, port: MessagePort) {
    this.#start = start;
    this.#port = port;
    this.#poll = new SocketPoll(start.bell, []);
    this.#intake = new Intake(start.config, this.#createBatch(), {
      observers: this.#observers,
      drop: (reason, source, count = 1) => {
        const key = `${reason} ${source}`;
        const known = this.#drops.get(key);
        if (known === undefined) this.#drops.set(key, [reason, source, count]);
        else known[2] += count;
      },
      handOn: (batch) => this.#handOn(batch),
    });
  }

  run(): void {
    for (;;) {
      this.#takeMessages();
      if (this.#isStopping) break;
      const isWaiting = this.#intake.rowCount > 0 || this.#drops.size > 0;
      this.#poll.wait(isWaiting ? publishMilliseconds : idleMilliseconds);
      if (this.#receive() < roomCount / 2) this.#poll.pause(gatherMilliseconds);
      this.#publishIfDue();
    }
    const end = performance.now() + drainMilliseconds;
    while (this.#receive() > 0 && performance.now() < end);
    for (const socket of this.#sockets) socket.close();
    this.#publish();
    this.#post({ kind: "stopped", templates: this.#intake.dumpTemplates() });
    this.#room.free();
    this.#port.close();
  }

  /** Takes what the sockets have, once round. Returns the largest number of datagrams that one call gave. */
  #receive(): number {
    let most = 0;
    for (const [i, socket] of this.#sockets.entries()) {
      if (!this.#isStopping && !this.#poll.isReadable(i)) continue;
      const received = this.#room.receive(socket.fd);
      const { scheme = "flow" } = this.#start.config.listeners[i]!;
      const now = Date.now();
      for (let n = 0; n < received; n++) {
        const addressText = this.#addresses.read(this.#room, n);
        this.#intake.take(this.#room.datagram(n), addressText, this.#room.port(n), scheme, now);
      }
      most = Math.max(most, received);
    }
    return most;
  }

  #takeMessages(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#takeMessage(received.message as ToWorker);
    }
  }

  #takeMessage(message: ToWorker): void {
    switch (message.kind) {
      case "listen":
        this.#listen();
        break;
      case "stop":
        this.#isStopping = true;
        break;
      case "batch":
        this.#takeBack(message.buffer, message.rowCount);
        break;
      case "ask":
        this.#post({ kind: "answer", id: message.id, answer: this.#answer(message.question) });
        break;
    }
  }

  #answer(question: Question): unknown {
    const now = Date.now();
    switch (question.what) {
      case "status":
        return this.#status(question.exportersMax, now);
      case "exporter":
        return this.#intake.exporter(question.addressText, now);
      case "dumpTemplates":
        return this.#intake.dumpTemplates();
      case "restoreTemplates":
        return this.#intake.restoreTemplates(question.value, now);
    }
  }

  #status(exportersMax: number, now: number): ReceptionStatus {
    return {
      ...this.#intake.status(now, exportersMax),
      listeners: this.#sockets.map((socket, i) => ({
        host: this.#start.config.listeners[i]!.host,
        port: socket.port,
        receiveBufferBytes: socket.receiveBufferBytes,
        kernelDropCount: this.#lookAtDrops(i, now),
        recentKernelDropCount: this.#kernelDrops[i]!.recent(now),
      })),
    };
  }

  /** Counts what the kernel threw away since the last look. */
  #lookAtDrops(listener: number, now: number): number {
    const count = this.#sockets[listener]!.kernelDropCount();
    const drops = this.#kernelDrops[listener]!;
    drops.add(count - drops.total, now);
    return count;
  }

  #listen(): void {
    const { config, count, index, bell } = this.#start;
    const opened: KernelSocket[] = [];
    try {
      for (const listener of config.listeners) {
        const { receiveBufferBytes } = config;
        const options = { isIPv6Only: isPortSharedWithIPv4(listener, config.listeners), receiveBufferBytes };
        // Another program may share a port too, if it asks for that: the first thread looks whether the port is free.
        if (count > 1 && index === 0) openSocket(listener, { ...options, isPortShared: false }).close();
        opened.push(openSocket(listener, { ...options, isPortShared: count > 1 }));
      }
    } catch (error) {
      assert(error instanceof ListenError, String(error));
      for (const socket of opened) socket.close();
      const { code } = error.cause as NodeJS.ErrnoException;
      this.#post({ kind: "refused", listenerIndex: opened.length, errno: code ?? "", code: error.code });
      return;
    }
    if (count > 1 && index === 0) for (const { fd } of opened) steerBySource(fd, count);
    this.#sockets = opened;
    this.#kernelDrops = opened.map(() => new RecentCounter());
    this.#poll = new SocketPoll(bell, opened);
    this.#post({ kind: "listening", ports: opened.map(({ port }) => port) });
  }

  #publishIfDue(): void {
    if (performance.now() - this.#publishedMilliseconds >= publishMilliseconds) this.#publish();
  }

  #publish(): void {
    this.#publishedMilliseconds = performance.now();
    const now = Date.now();
    for (const listener of this.#sockets.keys()) this.#lookAtDrops(listener, now);
    this.#intake.flush();
    if (this.#drops.size === 0) return;
    this.#post({ kind: "drops", drops: [...this.#drops.values()] });
    this.#drops.clear();
  }

  /** Gives a batch's memory to the other thread; waits for one to come back when all are there. */
  #handOn(batch: FlowBatch): FlowBatch {
    for (; this.#announcedObservers < this.#observers.count; this.#announcedObservers++) {
      const row = this.#announcedObservers;
      this.#post({ kind: "observer", row, id: this.#observers.get(row).id });
    }
    const { buffer, count } = batch;
    this.#post({ kind: "batch", buffer, rowCount: count }, [buffer]);
    if (this.#spare.length === 0 && this.#batchCount < batchesMax) {
      this.#batchCount++;
      return this.#createBatch();
    }
    for (;;) {
      const spare = this.#spare.pop();
      if (spare !== undefined) return spare;
      this.#poll.pause(idleMilliseconds);
      this.#takeMessages();
    }
  }

  #takeBack(buffer: ArrayBuffer, rowCount: number): void {
    const batch = this.#createBatch(buffer);
    batch.count = rowCount;
    batch.clear();
    this.#spare.push(batch);
  }

  #createBatch(buffer?: ArrayBuffer): FlowBatch {
    const { batchRows, hasDetails } = this.#start.config;
    return new FlowBatch(batchRows, { hasDetails, ...(buffer === undefined ? {} : { buffer }) });
  }

  #post(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }
}

/** Texts of senders' addresses, so that a datagram costs none. */
class AddressTexts {
  readonly #index = new RowIndex(4, Number.MAX_SAFE_INTEGER);
  readonly #texts: string[] = [];

  read(room: DatagramRoom, message: number): string {
    room.writeAddress(message, this.#index.probe);
    const known = this.#index.find();
    if (known >= 0) return this.#texts[known]!;
    if (this.#index.count >= addressTextsMax) {
      this.#index.clear();
      this.#texts.length = 0;
    }
    const bytes = new DataView(new ArrayBuffer(16));
    for (let i = 0; i < 4; i++) bytes.setUint32(i * 4, this.#index.probe[i]!);
    const text = formatAddress(new Uint8Array(bytes.buffer), 0);
    this.#index.findOrAdd();
    this.#texts.push(text);
    return text;
  }
}

const addressTextsMax = 65_536;

assert(parentPort !== null, "this module is a thread's");
new ReceivingThread(workerData as WorkerStart, parentPort).run();
