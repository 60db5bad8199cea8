import { readFileSync } from "node:fs";
import { ConfigError } from "../settings/index.ts";

export const subjects = ["links", "top", "series", "flows", "diff", "names"] as const;
export type Subject = (typeof subjects)[number];
export type Output = "table" | "json" | "csv" | "ndjson" | "parquet";

/** As commander gives them. */
export interface QueryFlags extends Partial<Record<Subject, boolean>> {
  readonly by?: string;
  readonly metric?: string;
  readonly limit?: number;
  readonly from?: string;
  readonly to?: string;
  readonly baseFrom?: string;
  readonly baseTo?: string;
  readonly factor?: string;
  readonly step?: number;
  readonly group?: string;
  readonly raw?: boolean;
  readonly output?: Output;
  readonly write?: string;
  readonly server?: string;
  readonly data?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
}

export type Place =
  | {
      readonly kind: "server";
      readonly url: URL;
      readonly token?: string | undefined;
      readonly ca?: string | undefined;
    }
  | { readonly kind: "folder"; readonly folder: string };

export interface QueryPlan {
  readonly subject: Subject;
  /** The request's, without a format. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly output: Output;
  readonly file: string | undefined;
  readonly place: Place;
}

/** Of which subject each flag is; the others take all. */
const onlyOf: Readonly<Partial<Record<keyof QueryFlags, readonly Subject[]>>> = {
  by: ["top", "series"],
  metric: ["links", "top", "series", "diff"],
  raw: ["links", "top", "series", "diff"],
  baseFrom: ["diff"],
  baseTo: ["diff"],
  factor: ["diff"],
  step: ["series"],
  group: ["links"],
};
const rowsOf: Readonly<Record<Subject, number>> = {
  links: 20,
  top: 10,
  series: 10,
  flows: 20,
  diff: 30,
  names: 30,
};
const endings: Readonly<Record<string, Output>> = {
  ...{ json: "json", csv: "csv", ndjson: "ndjson", jsonl: "ndjson", parquet: "parquet" },
};

/** Throws ConfigError with everything that is wrong; no token is ever in it. */
export function planQuery(
  filter: string,
  flags: QueryFlags,
  environment: Readonly<Record<string, string | undefined>>,
): QueryPlan {
  const problems: string[] = [];
  const asked = subjects.filter((subject) => flags[subject] === true);
  if (asked.length > 1) problems.push(`--${asked.join(", --")}: one of them is expected`);
  const subject = asked[0] ?? (flags.by === undefined ? "links" : "top");
  for (const [flag, of] of Object.entries(onlyOf)) {
    if (flags[flag as keyof QueryFlags] !== undefined && !of.includes(subject))
      problems.push(`--${dashed(flag)}: of --${of.join(", --")} only`);
  }
  const { file, output } = outputOf(flags, problems);
  const place = placeOf(flags, environment, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const { by, metric, from, to, baseFrom, baseTo, factor, step, group, raw } = flags;
  const given = {
    ...{ filter, by, metric, from, to, baseFrom, baseTo, factor, group },
    limit: String(flags.limit ?? rowsOf[subject]),
    step: step?.toString(),
    sampling: raw === true ? "raw" : undefined,
  };
  const parameters = Object.entries(given).flatMap(([name, value = ""]) =>
    value === "" ? [] : [[name, value]],
  );
  return { subject, parameters: Object.fromEntries(parameters), output, file, place };
}

function outputOf({ output, write: file }: QueryFlags, problems: string[]) {
  const ending = endings[file?.split(".").at(-1)?.toLowerCase() ?? ""];
  const chosen = output ?? ending ?? "table";
  if (chosen === "parquet" && file === undefined)
    problems.push("-o parquet: a file is expected too, such as -w flows.parquet");
  return { file, output: chosen };
}

function placeOf(
  flags: QueryFlags,
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): Place {
  if (flags.data !== undefined) {
    for (const name of ["server", "token", "tokenFile", "ca"] as const)
      if (flags[name] !== undefined)
        problems.push(`--${dashed(name)}: not with --data, which asks no server`);
    return { kind: "folder", folder: flags.data };
  }
  const text = flags.server ?? "http://127.0.0.1:8080";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && `${url.username}${url.password}` !== "")
    problems.push("--server: a URL without user and password is expected; --token-file FILE lets in");
  else if (url === undefined || !/^https?:$/.test(url.protocol))
    problems.push(`--server: "${text.slice(0, 100)}" is no URL such as http://127.0.0.1:8080`);
  const read = (flag: string, path: string | undefined) => {
    try {
      return path === undefined ? undefined : readFileSync(path, "utf8").trim();
    } catch (error) {
      problems.push(`--${flag}: ${path}: ${(error as NodeJS.ErrnoException).code}`);
      return undefined;
    }
  };
  if (flags.token !== undefined && flags.tokenFile !== undefined)
    problems.push("--token, --token-file: one of them is expected");
  const token = flags.token ?? read("token-file", flags.tokenFile) ?? environment.PORTOLAN_TOKEN;
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    problems.push("the token has characters that no token has (blanks, line ends)");
  return { kind: "server", url: url ?? new URL("http://127.0.0.1"), token, ca: read("ca", flags.ca) };
}

function dashed(flag: string): string {
  return flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
