import type { DuckDBConnection, DuckDBResultReader } from "@duckdb/node-api";
import { OperatingError } from "../errors.ts";
import type { Database, DatabaseConnection } from "./database.ts";
import type { KnownEnds, QuestionEnds } from "./known-ends.ts";
import { SqlParameters } from "./sql-parameters.ts";
import type { RollUpMarks } from "./window-parts.ts";

/** Asks within one transaction, so that several statements see the same data. */
export interface Question {
  readonly marks: RollUpMarks;
  readonly connection: DatabaseConnection;
  readonly ends: QuestionEnds;
  rows(sql: string, parameters?: SqlParameters): Promise<SqlRow[]>;
  /** For answers of many rows: an object for each costs more than reading it. */
  columns(sql: string, parameters?: SqlParameters): Promise<SqlColumns>;
}

export type SqlRow = Record<string, unknown>;
/** An answer's columns by their names, all equally long. */
export type SqlColumns = Readonly<Record<string, readonly unknown[]>>;

export function rowCount(columns: SqlColumns): number {
  return Object.values(columns)[0]?.length ?? 0;
}

/** Questions that run at once. Each takes a thread of Node's pool, of which writing needs one. */
export const questionsRunningMax = 2;
/** Questions that may wait for their turn. */
const waitingMax = 64;

/** DuckDB forgets an interrupt that comes while a statement is prepared: it is said again until the question has ended. */
const interruptMilliseconds = 50;

/** Runs questions beside the writer, each on its own connection and in its own transaction. */
export class Questions {
  readonly #database: Database;
  readonly #ends: KnownEnds;
  /** Connections of questions that run. */
  readonly #running = new Set<DuckDBConnection>();
  #runningCount = 0;
  /** The first come first. */
  readonly #waiting = new Set<() => void>();
  readonly #unanswered = new Set<Promise<unknown>>();

  constructor(database: Database, ends: KnownEnds) {
    this.#database = database;
    this.#ends = ends;
  }

  ask<T>(signal: AbortSignal | undefined, answer: (question: Question) => Promise<T>): Promise<T> {
    const asked = this.#askInTurn(signal, answer);
    this.#unanswered.add(asked);
    const forget = () => void this.#unanswered.delete(asked);
    asked.then(forget, forget);
    return asked;
  }

  /** Waits until every question asked is answered. None may be asked meanwhile. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#unanswered);
  }

  /** Stops those that run: what they hold of memory is needed by whoever writes. */
  giveUp(): void {
    for (const connection of this.#running) connection.interrupt();
  }

  async #askInTurn<T>(
    signal: AbortSignal | undefined,
    answer: (question: Question) => Promise<T>,
  ): Promise<T> {
    await this.#takeTurn(signal);
    try {
      signal?.throwIfAborted();
      return await this.#askNow(signal, answer);
    } finally {
      this.#passTurn();
    }
  }

  /** Who does not wait any longer leaves the queue at once: the place is for others. */
  async #takeTurn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#runningCount < questionsRunningMax) {
      this.#runningCount++;
      return;
    }
    if (this.#waiting.size >= waitingMax)
      throw new OperatingError("store_query", `query: ${waitingMax} others are waiting`);
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(take);
        reject(signal?.reason);
      };
      const take = () => {
        this.#waiting.delete(take);
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      this.#waiting.add(take);
      signal?.addEventListener("abort", leave);
    });
  }

  #passTurn(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#runningCount--;
    else next();
  }

  async #askNow<T>(signal: AbortSignal | undefined, answer: (question: Question) => Promise<T>): Promise<T> {
    const databaseConnection = await this.#database.connect();
    const { sql: connection } = databaseConnection;
    let interrupting: NodeJS.Timeout | undefined;
    const interrupt = () => {
      connection.interrupt();
      interrupting ??= setInterval(interrupt, interruptMilliseconds);
    };
    signal?.addEventListener("abort", interrupt);
    this.#running.add(connection);
    const ends = this.#ends.forQuestion();
    try {
      await connection.run("BEGIN TRANSACTION READ ONLY");
      const read = (sql: string, parameters?: SqlParameters) =>
        readStatement(connection, sql, parameters, signal);
      const rows = async (sql: string, parameters?: SqlParameters) => rowObjects(await read(sql, parameters));
      const [state] = await rows(rollUpMarksStatement);
      return await answer({
        marks: readMarks(state!),
        connection: databaseConnection,
        ends,
        rows,
        columns: async (sql, parameters) => columnsOf(await read(sql, parameters)),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof OperatingError) throw cause;
      throw new OperatingError("store_query", `query: ${(cause as Error).message.split("\n", 1)[0]}`, cause);
    } finally {
      signal?.removeEventListener("abort", interrupt);
      clearInterval(interrupting);
      this.#running.delete(connection);
      connection.closeSync();
    }
  }
}

export const rollUpMarksStatement = `SELECT rolled_up_record_id::DOUBLE AS "rolledUpId", minutes_from::DOUBLE AS "minutesFrom",
  hours_through::DOUBLE AS "hoursThrough", days_through::DOUBLE AS "daysThrough" FROM rollup_state`;

export function readMarks(row: SqlRow): RollUpMarks {
  return row as unknown as RollUpMarks;
}

/** An interrupt ends only a statement that runs, so the signal is looked at between statements too. */
async function readStatement(
  connection: DuckDBConnection,
  sql: string,
  parameters = new SqlParameters(),
  signal?: AbortSignal,
): Promise<DuckDBResultReader> {
  signal?.throwIfAborted();
  const reader = await connection.runAndReadAll(sql, parameters.values, parameters.types);
  signal?.throwIfAborted();
  return reader;
}

function columnsOf(reader: DuckDBResultReader): SqlColumns {
  const columns = reader.getColumnsJS(); // none where there are no rows
  return Object.fromEntries(reader.deduplicatedColumnNames().map((name, i) => [name, columns[i] ?? []]));
}

/** What `getRowObjectsJS` of the reader gives, by columns: a third of the time, all of which is the main thread's. */
export function rowObjects(reader: DuckDBResultReader): SqlRow[] {
  const columns = Object.entries(columnsOf(reader));
  const rows: SqlRow[] = [];
  for (let i = 0; i < reader.currentRowCount; i++) {
    const row: SqlRow = {};
    for (const [name, values] of columns) row[name] = values[i];
    rows.push(row);
  }
  return rows;
}
