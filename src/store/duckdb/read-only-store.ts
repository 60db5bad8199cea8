import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBConnection } from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import { storeDefaults } from "../config.ts";
import { OperatingError } from "../errors.ts";
import type { Store } from "../store.ts";
import { aggregate } from "./aggregate.ts";
import { askedNames } from "./asked-names.ts";
import { compare } from "./compare.ts";
import { databaseFileName } from "./data-folder.ts";
import { type Database, duckdbConfig, openError, rowsOf } from "./database.ts";
import { flows } from "./flows.ts";
import { KnownEnds } from "./known-ends.ts";
import { peersById, values } from "./known-peers.ts";
import { links } from "./links.ts";
import { type Question, Questions } from "./questions.ts";
import { formatVersion } from "./schema.ts";

/** What can be asked of a store. */
export type ReadOnlyStore = Pick<
  Store,
  | "start"
  | "stop"
  | "aggregate"
  | "links"
  | "compare"
  | "askedNames"
  | "values"
  | "peer"
  | "peersById"
  | "flows"
>;

/** The history in a folder that no server has open. Nothing in it is changed, so a folder of an older version is refused. */
export function createReadOnlyStore(folder: string): ReadOnlyStore {
  let database: Database | undefined;
  let questions: Questions | undefined;

  function ask<T>(signal: AbortSignal | undefined, answer: (question: Question) => Promise<T>): Promise<T> {
    if (questions === undefined)
      return Promise.reject(new OperatingError("store_query", "query: the store is not open"));
    return questions.ask(signal, answer);
  }

  const ofPeers: ReadOnlyStore["peersById"] = (ids, signal) =>
    ask(signal, (question) => peersById(question, ids));
  return {
    async start() {
      database = await openReadOnly(folder);
      questions = new Questions(database, new KnownEnds());
    },
    async stop() {
      await questions?.settle();
      database?.close();
      questions = undefined;
      database = undefined;
    },
    aggregate: (query) => ask(query.signal, (question) => aggregate(question, query)),
    links: (query) => ask(query.signal, (question) => links(question, query)),
    compare: (query) => ask(query.signal, (question) => compare(question, query)),
    askedNames: (query) => ask(query.signal, (question) => askedNames(question, query)),
    values: (query) => ask(query.signal, (question) => values(question, query)),
    peersById: ofPeers,
    peer: async (id, signal) => (await ofPeers([id], signal))[0],
    flows: (query) => ask(query.signal, (question) => flows(question, query)),
  };
}

/** Throws OperatingError. DuckDB lets nobody in, not even to read, while another process may write. */
async function openReadOnly(folder: string): Promise<Database> {
  const path = join(folder, databaseFileName);
  await access(path, constants.R_OK).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? `has no ${databaseFileName}` : `cannot be read: ${cause.code}`;
    throw new OperatingError(
      "store_folder",
      `${folder} ${why}; the folder that a server was given as --data is expected`,
      cause,
    );
  });
  const handle = await duckdb
    .open(path, duckdbConfig(storeDefaults, { access_mode: "READ_ONLY" }))
    .catch((cause: Error) => {
      const error = openError(path, cause);
      if (error.code !== "store_in_use") throw error;
      const instead = "while it runs, ask it: --server URL in place of --data";
      throw new OperatingError("store_in_use", `${error.message}; ${instead}`, cause);
    });
  const connect = async () => {
    const connection = await duckdb.connect(handle);
    return { handle: connection, sql: new DuckDBConnection(connection) };
  };
  try {
    const { sql } = await connect();
    const [[version] = []] = await rowsOf({ sql }, "SELECT version FROM portolan_format");
    sql.closeSync();
    if (version !== formatVersion)
      throw new OperatingError(
        Number(version) > formatVersion ? "store_newer" : "store_folder",
        `${folder}: is of version ${version}, this program reads ${formatVersion}; portolan server makes an older one new at its start`,
      );
  } catch (cause) {
    duckdb.close_sync(handle);
    throw cause instanceof OperatingError ? cause : openError(path, cause as Error);
  }
  return { path, connect, close: () => duckdb.close_sync(handle) };
}
