import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type FilterTarget, parseFilter } from "../query/index.ts";
import { ConfigError } from "../settings/index.ts";
import { OperatingError } from "../store/index.ts";
import { pathOf, printAnswer } from "./query-answers.ts";
import { planQuery, type QueryFlags, type QueryPlan, type Subject } from "./query-flags.ts";
import { openSource } from "./query-source.ts";
import { formatTable } from "./query-table.ts";

const filterTargets: Readonly<Partial<Record<Subject, FilterTarget>>> = { flows: "flows", names: "askers" };

/** 0 answered; throws ConfigError (2) and OperatingError (1). */
export async function runQuery(
  filter: string,
  flags: QueryFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const plan = planQuery(filter, flags, environment);
  const { error } = parseFilter(filter, filterTargets[plan.subject] ?? "links");
  if (error !== undefined) throw new ConfigError([pointAt(filter, error)]);
  const source = await openSource(plan.place);
  try {
    const format = formatOf(plan);
    const response = await source.ask(pathOf[plan.subject], { ...plan.parameters, format });
    if (!response.ok) throw await problemOf(response, filter);
    const [type = ""] = response.headers.get("content-type")?.split(";") ?? [];
    if (!type.endsWith(format))
      throw new OperatingError(
        "server_unknown",
        `no answer of a Portolan server: ${type || "nothing that is known"} in place of ${format}; is --server its address?`,
      );
    await writeAnswer(plan, response).catch((error) => throwBroken(error));
    return 0;
  } finally {
    await source.close();
  }
}

/** Records for people come as lines: one page may end before the search does. */
function formatOf({ subject, output }: QueryPlan): string {
  if (output === "parquet") return "ndjson";
  if (output === "table") return subject === "flows" ? "ndjson" : "json";
  return output;
}

async function writeAnswer(plan: QueryPlan, response: Response): Promise<void> {
  const { output, file } = plan;
  const written =
    output === "table"
      ? Readable.from([await tableOf(plan, response)])
      : Readable.fromWeb(response.body as never).on("error", () => {}); // whoever reads it is told, later too
  if (output === "parquet") {
    const { writeParquet } = await import("../store/index.ts");
    return writeParquet(file!, written);
  }
  await pipeline(written, file === undefined ? process.stdout : createWriteStream(file), {
    end: file !== undefined,
  });
  if (output === "json" && file === undefined) process.stdout.write("\n");
}

function throwBroken(error: NodeJS.ErrnoException): void {
  if (error instanceof OperatingError) throw error;
  const { code, message, syscall } = error;
  if (code === "EPIPE") return; // whoever reads has enough
  const isOfFile = syscall === "open" || syscall === "write";
  const what = isOfFile ? "the answer could not be written" : "the answer ended early";
  throw new OperatingError("answer_broken", `${what}: ${message}`, error);
}

/** As wide as the terminal, where one reads it. */
async function tableOf({ subject, file }: QueryPlan, response: Response): Promise<string> {
  const text = await response.text();
  const answer = (subject === "flows" ? readLines(text) : JSON.parse(text)) as never;
  const { isTTY, columns } = process.stdout;
  const width = isTTY && file === undefined ? columns : Number.POSITIVE_INFINITY;
  return formatTable(printAnswer[subject](answer), width);
}

function readLines(text: string): unknown[] {
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
}

interface Mistake {
  readonly message: string;
  readonly position: number;
  readonly length: number;
}

/** The filter with a caret under what is wrong. */
export function pointAt(filter: string, { message, position, length }: Mistake): string {
  const from = Math.max(0, position - 60);
  const shown = filter.slice(from, from + 120).replace(/\s/g, " ");
  const start = from === 0 ? "" : "…";
  const carets = "^".repeat(Math.max(1, Math.min(length, shown.length - (position - from))));
  return `filter: ${message}\n  ${start}${shown}\n  ${" ".repeat(start.length + position - from)}${carets}`;
}

/** What a server says, as the error it is here. */
async function problemOf(response: Response, filter: string): Promise<Error> {
  const text = await response.text();
  const { detail, code, position, length = 1 } = readProblem(text);
  if (position !== undefined)
    return new ConfigError([pointAt(filter, { message: detail, position, length })]);
  const said = detail || `HTTP ${response.status}`;
  if (response.status === 401 || response.status === 403)
    return new OperatingError("server_refuses", `${said}; --token-file FILE or PORTOLAN_TOKEN shows a token`);
  if (response.status === 400) return new ConfigError([said]);
  return new OperatingError("server_refuses", code === "" ? said : `${said} (${code})`);
}

interface ProblemText {
  readonly detail: string;
  readonly code: string;
  readonly position?: number;
  readonly length?: number;
}

/** Something in front of the server may answer in its place. */
function readProblem(text: string): ProblemText {
  try {
    const { detail = "", code = "", ...more } = JSON.parse(text) as Partial<ProblemText>;
    return { detail: String(detail), code: String(code), ...more };
  } catch {
    return { detail: "", code: "" };
  }
}
