import { DuckDBConnection } from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import type { StoreConfig } from "../config.ts";
import { OperatingError } from "../errors.ts";
import { checkVersion, nothingDeleted, prepareFolder, writeFormatFile } from "./data-folder.ts";
import { migrate } from "./migrations.ts";
import { formatVersion, ingestedStatement, schemaStatements } from "./schema.ts";

/** An open DuckDB database, and the connections it gives out. */
export interface Database {
  readonly path: string;
  /** The binding's own handle beside the friendlier connection: appenders are made from it. */
  connect(): Promise<DatabaseConnection>;
  close(): void;
}

export interface DatabaseConnection {
  readonly handle: duckdb.Connection;
  readonly sql: DuckDBConnection;
}

export async function rowsOf({ sql }: Pick<DatabaseConnection, "sql">, statement: string) {
  return (await sql.runAndReadAll(statement)).getRowsJS();
}

/**
 * Opens or creates the database of a folder; one of an older version becomes one of ours. Throws OperatingError, having
 * changed nothing, when that cannot be.
 */
export async function openDatabase(
  folder: string,
  config: StoreConfig,
  log: (message: string) => void = () => {},
): Promise<Database> {
  const path = await prepareFolder(folder);
  const handle = await duckdb.open(path, duckdbConfig(config)).catch((cause: Error) => {
    throw openError(path, cause);
  });
  try {
    const connection = new DuckDBConnection(await duckdb.connect(handle));
    await checkOrCreateSchema(connection, folder, path, log);
    await connection.run(ingestedStatement);
    connection.closeSync();
    await writeFormatFile(folder);
  } catch (cause) {
    duckdb.close_sync(handle);
    throw cause;
  }
  return {
    path,
    async connect() {
      const connection = await duckdb.connect(handle);
      return { handle: connection, sql: new DuckDBConnection(connection) };
    },
    close: () => duckdb.close_sync(handle),
  };
}

/** No extension is ever fetched or loaded, and SQL reaches no file but the database. */
export function duckdbConfig(
  { memoryMaxBytes, threadCount }: StoreConfig,
  more: Readonly<Record<string, string>> = {},
): duckdb.Config {
  const config = duckdb.create_config();
  const options = {
    memory_limit: `${Math.ceil(memoryMaxBytes / 2 ** 20)}MiB`,
    threads: String(threadCount),
    checkpoint_threshold: "64MiB",
    // Every question says its order; keeping it where none is asked for costs memory.
    preserve_insertion_order: "false",
    max_temp_directory_size: "2GiB",
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    enable_external_access: "false",
    ...more,
  };
  for (const [name, value] of Object.entries(options)) duckdb.set_config(config, name, value);
  return config;
}

export function openError(path: string, cause: Error): OperatingError {
  const { message } = cause;
  if (/conflicting lock|could not set lock/i.test(message)) {
    const holder = /held in (.+?) \(PID (\d+)\)/.exec(message);
    const who = holder === null ? "another process" : `process ${holder[2]} (${holder[1]})`;
    return new OperatingError("store_in_use", `${path}: in use by ${who}`, cause);
  }
  if (/permission denied|read-only file system|no space left/i.test(message)) {
    return new OperatingError("store_folder", `${path}: not writable: ${firstLine(message)}`, cause);
  }
  if (/newer version|storage version|version number \d+/i.test(message) && !/not a valid/i.test(message)) {
    const what = `${path}: was written by a later DuckDB: ${firstLine(message)}`;
    return new OperatingError(
      "store_newer",
      `${what}; run the newer version again, or name another folder; nothing was deleted`,
      cause,
    );
  }
  return new OperatingError(
    "store_damaged",
    `${path}: cannot be opened: ${firstLine(message)}; ${nothingDeleted}`,
    cause,
  );
}

async function checkOrCreateSchema(
  connection: DuckDBConnection,
  folder: string,
  path: string,
  log: (message: string) => void,
): Promise<void> {
  const tables = (await rowsOf({ sql: connection }, "SELECT table_name::VARCHAR FROM duckdb_tables()")).map(
    ([name]) => name,
  );
  if (tables.length === 0) {
    await connection.run(["BEGIN", ...schemaStatements, "COMMIT"].join(";\n"));
    return;
  }
  if (!tables.includes("portolan_format")) {
    throw new OperatingError(
      "store_damaged",
      `${path}: a DuckDB database, but not Portolan's; ${nothingDeleted}`,
    );
  }
  const rows = await rowsOf({ sql: connection }, "SELECT magic, version FROM portolan_format").catch(
    () => [],
  );
  const [magic, version] = rows[0] ?? [];
  if (magic !== "portolan" || typeof version !== "number" || rows.length !== 1) {
    throw new OperatingError(
      "store_damaged",
      `${path}: its format table is not Portolan's; ${nothingDeleted}`,
    );
  }
  checkVersion(folder, version);
  await migrate({ sql: connection }, version, log).catch((cause: Error) => {
    const what = `${path}: of version ${version}, does not become one of ${formatVersion}`;
    throw new OperatingError(
      "store_damaged",
      `${what}: ${firstLine(cause.message)}; ${nothingDeleted}`,
      cause,
    );
  });
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0]!.slice(0, 300);
}
