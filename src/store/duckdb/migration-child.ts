import { DuckDBInstance } from "@duckdb/node-api";
import { migrations } from "./migrations.ts";

/** Carries out so many statements of the step to a version, in its transaction, and is killed there. */
const [path = "", version = "", count = ""] = process.argv.slice(2);
const connection = await (await DuckDBInstance.create(path)).connect();
const step = migrations.find((each) => each.version === Number(version))!;
await connection.run("BEGIN");
for (const statement of step.statements.slice(0, Number(count))) await connection.run(statement);
process.kill(process.pid, "SIGKILL");
