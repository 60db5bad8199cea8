import type { FlowBatch, Observer } from "../../flow/index.ts";
import type { AskedName, Peer } from "../../topology/index.ts";
import type { StoreConfig } from "../config.ts";
import { OperatingError } from "../errors.ts";
import { Ingested, type IngestedEpoch, type IngestedMessage } from "../ingested.ts";
import type {
  Aggregate,
  AggregateQuery,
  AskedNames,
  AskedNamesQuery,
  CompareQuery,
  Comparison,
  FlowsPage,
  FlowsQuery,
  LinkMinute,
  Links,
  LinksQuery,
  PeerHistory,
  Store,
  StoreDependencies,
  StoreStatus,
  ValuesQuery,
} from "../store.ts";
import { aggregate } from "./aggregate.ts";
import { AskedBuffer } from "./asked-buffer.ts";
import { askedNames } from "./asked-names.ts";
import { boundAsked } from "./asked-table.ts";
import { compare } from "./compare.ts";
import { databaseBytes, nothingDeleted } from "./data-folder.ts";
import { type Database, type DatabaseConnection, openDatabase, rowsOf } from "./database.ts";
import { describePeers } from "./describe-peers.ts";
import { flows } from "./flows.ts";
import { readIngested } from "./ingested-table.ts";
import { KnownEnds } from "./known-ends.ts";
import { peersById, values } from "./known-peers.ts";
import { links } from "./links.ts";
import { LooseNames } from "./loose-names.ts";
import { NamedRows } from "./named-rows.ts";
import { type LastKeys, type NamedKeys, readLastKey } from "./named-tables.ts";
import { type Question, Questions, readMarks, rollUpMarksStatement } from "./questions.ts";
import { recentLinks } from "./recent-links.ts";
import { RecordBuffer } from "./record-buffer.ts";
import { RenamedPeers } from "./renamed-peers.ts";
import { keepReserve, makeRoom } from "./reserve.ts";
import { removeOld, removeUnnamed, removeUntil, usedBytes } from "./retention.ts";
import { lastIdBefore, lowerMarks, rollUp, rollUpCoarser } from "./roll-up.ts";
import { minuteMilliseconds, type RollUpMarks } from "./window-parts.ts";
import { type Waiting, writeWaiting } from "./writer.ts";

export interface DuckDBStoreConfig extends StoreConfig {
  readonly folder: string;
}

/** History in one DuckDB file. Throws nothing before `start`. */
export function createDuckDBStore(config: DuckDBStoreConfig, dependencies: StoreDependencies): Store {
  return new DuckDBStore(config, dependencies);
}

/** Records are rolled up before their minute ends when so many are not: a question would have to read them all. */
const openRecordsMax = 1_000_000;

/** What is open, from start to stop. */
interface Opened {
  readonly database: Database;
  readonly writer: DatabaseConnection;
  readonly questions: Questions;
}

class DuckDBStore implements Store {
  readonly #config: DuckDBStoreConfig;
  readonly #dependencies: StoreDependencies;
  readonly #buffer: RecordBuffer;
  /** Whom the records and names that wait name. */
  readonly #peers: NamedRows<Peer>;
  readonly #observers: NamedRows<Observer>;
  readonly #renamed: RenamedPeers;
  /** They never go back: whoever remembers a key finds nobody else under it. */
  readonly #lastKeys: LastKeys = { peers: 0, observers: 0 };
  readonly #asked = new AskedBuffer();
  readonly #ingested = new Ingested();
  readonly #ends = new KnownEnds();
  #opened: Opened | undefined;
  /** Writing is one thing after another. */
  #writing: Promise<unknown> = Promise.resolve();
  #beingWrittenCount = 0;
  readonly #looseNames = new LooseNames();
  #nextId = 1;
  #committedId = 0;
  #marks: RollUpMarks = { rolledUpId: 0, minutesFrom: 0, hoursThrough: 0, daysThrough: 0 };
  /** Time of the first record that is not rolled up. */
  #openSince = Number.POSITIVE_INFINITY;
  #firstWaitingTime = Number.POSITIVE_INFINITY;
  /** The latest time that was heard of, unix ms. */
  #latest = 0;
  /** How peers in the file are described: the generation of facts, and up to which key they are. */
  readonly #described = { generation: Number.NaN, throughKey: -1 };
  #tidiedMinute = Number.NaN;
  /** Times given to the last maintenance and to the first since the clock jumped. */
  #lastTidied = 0;
  #clockSince = 0;
  #prunedHour = Number.NaN;
  #hasRemoved = false;
  #isFull = false;
  #isFailing = false;

  constructor(config: DuckDBStoreConfig, dependencies: StoreDependencies) {
    this.#config = config;
    this.#dependencies = dependencies;
    this.#peers = new NamedRows(dependencies.peers);
    this.#observers = new NamedRows(dependencies.observers);
    this.#renamed = new RenamedPeers(dependencies.peers, dependencies.drop);
    this.#buffer = new RecordBuffer({ peers: this.#peers, observers: this.#observers });
  }

  async start(): Promise<void> {
    await this.#exclusive(async () => {
      await this.#open();
      await this.#rollUpRest();
    });
  }

  async stop(): Promise<void> {
    await this.#exclusive(async () => {
      await this.#commitWaiting();
      const opened = this.#opened;
      this.#opened = undefined;
      if (opened === undefined) return;
      await opened.questions.settle();
      await opened.writer.sql.run("CHECKPOINT").catch(() => undefined); // else closing does it, on this thread
      opened.writer.sql.closeSync();
      opened.database.close();
    });
  }

  get freeRows(): number {
    return Math.max(0, this.#config.waitingRowsMax - this.#buffer.rowCount - this.#beingWrittenCount);
  }

  remember(message: IngestedMessage): Promise<boolean> {
    return this.#ingested.add(message);
  }

  hasIngested(epoch: string, sequence: number): boolean {
    return this.#ingested.has(epoch, sequence);
  }

  ingestedEpochs(): Iterable<IngestedEpoch> {
    return this.#ingested.epochs();
  }

  append(batch: FlowBatch): void {
    const { drop } = this.#dependencies;
    const rowCount = Math.min(batch.count, this.freeRows);
    if (rowCount < batch.count) drop("queue_full", "store", batch.count - rowCount);
    if (rowCount === 0) return;
    const time = batch.columns.collectionTimeMilliseconds[0]!;
    this.#firstWaitingTime = Math.min(this.#firstWaitingTime, time);
    this.#latest = time;
    this.#buffer.append(batch, rowCount, this.#nextId);
    this.#nextId += rowCount;
  }

  appendAsked(asked: readonly AskedName[], seen: number, source: string): void {
    const { drop, peers } = this.#dependencies;
    let lostCount = 0;
    for (const each of asked) {
      if (this.#asked.add(peers.key(each.peer), each, seen, source)) this.#peers.place(each.peer);
      else lostCount++;
    }
    if (lostCount > 0) drop("lookup_lost", "store", lostCount);
    if (asked.length > 0) this.#latest = seen;
  }

  async commit(): Promise<void> {
    await this.#exclusive(() => this.#commitWaiting());
  }

  async maintain(now: number): Promise<void> {
    await this.#exclusive(async () => {
      if (this.#opened === undefined) return;
      this.#latest = now;
      try {
        if (this.#isFull) await makeRoom(this.#opened.writer, this.#opened.database.path);
        await this.#rollUpFinished(this.#opened, now);
        const { facts } = this.#dependencies;
        if (await describePeers(this.#opened.writer, facts, this.#described)) this.#ends.forget();
        const minute = Math.floor(now / minuteMilliseconds);
        if (minute === this.#tidiedMinute && !this.#isFull) return;
        await this.#tidy(this.#opened, now);
        this.#tidiedMinute = minute;
      } catch (cause) {
        await this.#fail("maintenance", cause as Error);
      }
    });
  }

  aggregate(query: AggregateQuery): Promise<Aggregate> {
    return this.#ask(query.signal, (question) => aggregate(question, query));
  }

  flows(query: FlowsQuery): Promise<FlowsPage> {
    return this.#ask(query.signal, (question) => flows(question, query));
  }

  links(query: LinksQuery): Promise<Links> {
    return this.#ask(query.signal, (question) => links(question, query));
  }

  compare(query: CompareQuery): Promise<Comparison> {
    return this.#ask(query.signal, (question) => compare(question, query));
  }

  askedNames(query: AskedNamesQuery): Promise<AskedNames> {
    return this.#ask(query.signal, (question) => askedNames(question, query));
  }

  values(query: ValuesQuery): Promise<readonly string[]> {
    return this.#ask(query.signal, (question) => values(question, query));
  }

  peersById(ids: readonly string[], signal?: AbortSignal): Promise<readonly PeerHistory[]> {
    return this.#ask(signal, (question) => peersById(question, ids));
  }

  async peer(id: string, signal?: AbortSignal): Promise<PeerHistory | undefined> {
    return (await this.peersById([id], signal))[0];
  }

  recentLinks(fromMilliseconds: number, linksMax?: number, signal?: AbortSignal): Promise<LinkMinute[]> {
    return this.#ask(signal, (question) => recentLinks(question, fromMilliseconds, linksMax));
  }

  status(): Promise<StoreStatus> {
    return this.#ask(undefined, async ({ rows, connection }) => {
      const { path } = this.#opened!.database;
      const [row] = await rows(`SELECT
        (SELECT count(*) FROM flow_records)::DOUBLE AS "flowRecords",
        (SELECT count(*) FROM link_minutes)::DOUBLE AS "linkMinutes",
        (SELECT count(*) FROM link_hours)::DOUBLE AS "linkHours",
        (SELECT count(*) FROM link_days)::DOUBLE AS "linkDays",
        (SELECT min("collectionTimeMilliseconds") FROM flow_records)::DOUBLE AS "oldestFlow",
        (SELECT least((SELECT min("time") FROM link_minutes), (SELECT min("time") FROM link_hours)))::DOUBLE AS "oldestLink"`);
      const { database, log } = await databaseBytes(path);
      const bytes = await usedBytes(connection, path);
      return { bytes, fileBytes: database + log, ...(row as Omit<StoreStatus, "bytes" | "fileBytes">) };
    });
  }

  async #open(): Promise<void> {
    const { database, writer, marks, lastId, lastKeys, ingested } = await openWriter(
      this.#config,
      this.#looseNames,
      this.#dependencies.log,
    );
    this.#ingested.load(ingested);
    this.#marks = marks;
    this.#committedId = Math.max(marks.rolledUpId, lastId);
    for (const table of ["peers", "observers"] as const)
      this.#lastKeys[table] = Math.max(this.#lastKeys[table], lastKeys[table]);
    this.#openSince = lastId > marks.rolledUpId ? 0 : Number.POSITIVE_INFINITY;
    if (this.#buffer.rowCount === 0) this.#nextId = this.#committedId + 1;
    this.#opened = { database, writer, questions: new Questions(database, this.#ends) };
    await keepReserve(database.path);
  }

  /** Rolls up what the process before left. A minute in which it ended is rolled up in two pieces. */
  async #rollUpRest(): Promise<void> {
    const { writer, database } = this.#opened!;
    if (this.#committedId === this.#marks.rolledUpId) return;
    try {
      await this.#rollUpThrough(writer, this.#committedId);
    } catch (cause) {
      if (isNoRoom(cause as Error)) return this.#fail("roll-up", cause as Error);
      this.#opened = undefined;
      writer.sql.closeSync();
      database.close();
      throw damagedError(database.path, cause as Error);
    }
  }

  async #rollUpThrough(writer: DatabaseConnection, throughId: number): Promise<void> {
    if (throughId <= this.#marks.rolledUpId) return;
    this.#marks = await rollUp(writer, this.#marks, throughId);
    if (throughId === this.#committedId) this.#openSince = Number.POSITIVE_INFINITY;
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#writing.then(work);
    this.#writing = result.catch(() => undefined);
    return result;
  }

  #ask<T>(signal: AbortSignal | undefined, answer: (question: Question) => Promise<T>): Promise<T> {
    if (this.#opened === undefined)
      return Promise.reject(new OperatingError("store_query", "query: the store is not open"));
    return this.#opened.questions.ask(signal, answer);
  }

  async #commitWaiting(): Promise<void> {
    const rowCount = this.#buffer.rowCount;
    const isEmpty = rowCount === 0 && this.#asked.count === 0;
    if (isEmpty && this.#ingested.waitingCount === 0 && this.#renamed.count === 0) return;
    const throughId = this.#nextId - 1;
    const messages = this.#ingested.take();
    const ingested = messages.epochs;
    const times = [this.#firstWaitingTime, ingested[0]?.seen ?? Number.POSITIVE_INFINITY];
    const firstSeen = Math.min(...times, rowCount > 0 ? Number.POSITIVE_INFINITY : this.#latest);
    this.#firstWaitingTime = Number.POSITIVE_INFINITY;
    const { facts } = this.#dependencies;
    const waiting: Waiting = {
      ...{
        chunks: this.#buffer.take(),
        asked: this.#asked.take(),
        peers: this.#peers.take(),
        observers: this.#observers.take(),
        renamed: this.#renamed.take(),
        firstSeen,
        ingested,
        facts,
      },
      renamedAt: this.#latest,
    };
    this.#beingWrittenCount = rowCount;
    let isDurable = false;
    try {
      if (this.#opened === undefined) await this.#open();
      const keys = await this.#write(this.#opened!, waiting);
      this.#peers.learn(waiting.peers, keys.peers);
      this.#observers.learn(waiting.observers, keys.observers);
      if (waiting.renamed.size > 0) this.#ends.forget();
      this.#committedId = throughId;
      this.#looseNames.add(waiting.asked);
      if (rowCount > 0) this.#openSince = Math.min(this.#openSince, firstSeen);
      this.#isFailing = false;
      isDurable = true;
    } catch (cause) {
      this.#renamed.giveBack(waiting.renamed);
      const reason = isNoRoom(cause as Error) ? "store_full" : "store_failed";
      if (rowCount > 0) this.#dependencies.drop(reason, "store", rowCount);
      if (waiting.asked.length > 0) this.#dependencies.drop("lookup_lost", "store", waiting.asked.length);
      await this.#fail("commit", cause as Error);
    } finally {
      this.#beingWrittenCount = 0;
      this.#buffer.recycle(waiting.chunks);
      messages.settle(isDurable);
    }
  }

  /** Records that are here come before questions: when these have all the memory, they are given up. */
  async #write({ writer, questions }: Opened, waiting: Waiting): Promise<NamedKeys> {
    try {
      return await writeWaiting(writer, waiting, this.#lastKeys);
    } catch (cause) {
      if (!/out of memory|failed to (allocate|pin)/i.test((cause as Error).message)) throw cause;
      this.#dependencies.log?.(
        "store: questions took all memory and were given up; store.memory is what there is",
      );
      questions.giveUp();
      return await writeWaiting(writer, waiting, this.#lastKeys);
    }
  }

  /** Work goes on: what could not be written is counted, the next try may succeed. Said once until it does. */
  async #fail(what: string, cause: Error): Promise<void> {
    if (isNoRoom(cause)) this.#isFull = true;
    if (!this.#isFailing) this.#dependencies.log?.(`store: ${what}: ${cause.message.split("\n", 1)[0]}`);
    this.#isFailing = true;
    const opened = this.#opened;
    if (opened === undefined || !/database has been invalidated|fatal error/i.test(cause.message)) return;
    // DuckDB refuses everything after an error it cannot undo; opening again reads what was committed.
    this.#opened = undefined;
    await opened.questions.settle();
    opened.writer.sql.closeSync();
    opened.database.close();
    await this.#open().catch(() => undefined);
  }

  async #rollUpFinished({ writer }: Opened, now: number): Promise<void> {
    const openCount = this.#committedId - this.#marks.rolledUpId;
    const closedBefore = Math.floor(now / minuteMilliseconds) * minuteMilliseconds;
    if (openCount === 0 || (this.#openSince >= closedBefore && openCount < openRecordsMax)) return;
    const isTooMany = openCount >= openRecordsMax;
    const throughId = isTooMany
      ? this.#committedId
      : await lastIdBefore(writer, this.#marks.rolledUpId, this.#committedId, closedBefore);
    await this.#rollUpThrough(writer, throughId);
    this.#openSince = Math.max(this.#openSince, closedBefore);
  }

  async #tidy({ writer, database }: Opened, now: number): Promise<void> {
    const isTrusted = this.#trustClock(now);
    if (isTrusted) {
      this.#marks = await lowerMarks(writer, this.#marks, now);
      this.#marks = await rollUpCoarser(writer, this.#marks, now);
    }
    await this.#gatherNames(writer, now);
    let removed = isTrusted ? await removeOld(writer, this.#config, this.#marks, now) : 0;
    const { sizeMaxBytes } = this.#config;
    const used = await usedBytes(writer, database.path);
    if (used > sizeMaxBytes || this.#isFull) {
      await this.#rollUpThrough(writer, this.#committedId);
      // A tenth is freed at a time, so that not every minute has to free a little.
      const { hoursThrough } = this.#marks;
      removed += await removeUntil(writer, database.path, hoursThrough, Math.min(sizeMaxBytes, used) * 0.9);
      await keepReserve(database.path);
      this.#isFull = false;
    }
    this.#hasRemoved ||= removed > 0;
    await this.#prune(writer, now);
  }

  async #gatherNames(writer: DatabaseConnection, now: number): Promise<void> {
    if ((await this.#looseNames.gather(writer, now)) === 0) return;
    const lostCount = await boundAsked(writer, this.#config.sizeMaxBytes);
    if (lostCount > 0) this.#dependencies.drop("lookup_lost", "store", lostCount);
    this.#hasRemoved ||= lostCount > 0;
  }

  /** Whether `now` may be believed when it says that something is old. */
  #trustClock(now: number): boolean {
    const hasJumped = Math.abs(now - this.#lastTidied) > 60 * minuteMilliseconds;
    if (hasJumped) this.#clockSince = now;
    this.#lastTidied = now;
    return now - this.#clockSince >= this.#config.clockTrustMinutes * minuteMilliseconds;
  }

  /** Peers are looked through once an hour, when something was removed. */
  async #prune(writer: DatabaseConnection, now: number): Promise<void> {
    const hour = Math.floor(now / (60 * minuteMilliseconds));
    if (!this.#hasRemoved || hour === this.#prunedHour) return;
    // Of each peer the file is asked anew from here on; those whom what waits already names are named in it before it is looked through.
    this.#peers.forget();
    this.#observers.forget();
    await this.#commitWaiting();
    await removeUnnamed(writer);
    this.#hasRemoved = false;
    this.#prunedHour = hour;
  }
}

/** The database, and how far it is; closed again when that cannot be read. */
async function openWriter(
  config: DuckDBStoreConfig,
  looseNames: LooseNames,
  log?: (message: string) => void,
) {
  const database = await openDatabase(config.folder, config, log);
  try {
    const writer = await database.connect();
    const [state] = (await writer.sql.runAndReadAll(rollUpMarksStatement)).getRowObjectsJS();
    const marks = readMarks(state!);
    const [row] = await rowsOf(writer, "SELECT coalesce(max(record_id), 0)::DOUBLE FROM flow_records");
    await looseNames.load(writer);
    const ingested = await readIngested(writer);
    const lastKeys = {
      peers: await readLastKey(writer, "peers"),
      observers: await readLastKey(writer, "observers"),
    };
    return { database, writer, marks, lastId: row![0] as number, lastKeys, ingested };
  } catch (cause) {
    database.close();
    throw damagedError(database.path, cause as Error);
  }
}

function damagedError(path: string, cause: Error): OperatingError {
  const { message } = cause;
  return new OperatingError(
    "store_damaged",
    `${path}: ${message.split("\n", 1)[0]}; ${nothingDeleted}`,
    cause,
  );
}

function isNoRoom({ message }: Error): boolean {
  return /no space left|disk full|file too large|disk quota|out of disk/i.test(message);
}
