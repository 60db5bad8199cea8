import { DuckDBInstance } from "@duckdb/node-api";
import type { DatabaseConnection } from "./database.ts";
import { migrate } from "./migrations.ts";

/** Migrates a database from a version, and is killed when so many statements were carried out, those of the transaction among them. */
const [path = "", from = "", count = ""] = process.argv.slice(2);
const connection = await (await DuckDBInstance.create(path)).connect();
let left = Number(count);
const sql = {
  async run(statement: string): Promise<void> {
    await connection.run(statement);
    if (--left === 0) process.kill(process.pid, "SIGKILL");
  },
};
await migrate({ sql: sql as unknown as DatabaseConnection["sql"] }, Number(from), () => {});
