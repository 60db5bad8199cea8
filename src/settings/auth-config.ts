import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";

/** What a token lets its bearer do. `admin` includes `read`; neither includes `ingest`. */
export const scopes = ["read", "ingest", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** A token as the program keeps it: nothing that could be shown to get in. */
export interface TokenHash {
  /** Who has it, for people; never the token. */
  readonly name: string;
  /** SHA-256 of the token, 64 hexadecimal digits. */
  readonly hash: string;
  /** Where it was read from, when it stood in a file. */
  readonly file?: string | undefined;
}

/** Of people, Grafana and scripts. */
export interface AccessToken extends TokenHash {
  readonly scopes: readonly Scope[];
}

/** Of agents. */
export interface IngestToken extends TokenHash {
  /** The machines that agents with it may report; undefined: any. */
  readonly nodes?: readonly string[] | undefined;
}

export interface Credentials {
  readonly tokens?: readonly AccessToken[] | undefined;
  readonly ingestTokens?: readonly IngestToken[] | undefined;
}

/** How a hash is written in the configuration. */
export function formatTokenHash(token: string): string {
  return `sha256:${hashToken(token)}`;
}

/**
 * Tokens are random and long, so that one round is enough: there is nothing to try out. It is done for every request.
 */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** What is wrong with a token, without the token; undefined when nothing is. */
export function tokenProblem(token: string): string | undefined {
  return token.length >= tokenLengthMin && /^[\x21-\x7e]+$/.test(token) ? undefined : tokenExpected;
}

const tokenLengthMin = 16;
const tokenExpected = `a token is expected: ${tokenLengthMin} or more letters, digits and signs without blanks, such as portolan token or openssl rand -hex 32 gives`;
const hashExpected = "sha256: and 64 hexadecimal digits are expected, as portolan token prints them";

const nameOfToken = z.string().min(1).max(100);
const nodes = z.array(z.string().min(1).max(253)).min(1).max(4096).optional();
const scopesExpected = { error: `a list of ${scopes.join(", ")} is expected` };
const tokenScopes = z.array(z.enum(scopes, scopesExpected), scopesExpected).min(1, scopesExpected);

const ingestToken = writtenToken({ nodes }, "with nodes: [NAME, ...] or without").transform(
  ({ nodes, ...token }): IngestToken => ({ ...token, ...(nodes === undefined ? {} : { nodes }) }),
);

const accessToken = writtenToken(
  { scopes: tokenScopes.optional() },
  `with scopes: [${scopes.join(", ")}] or without, which is read`,
).transform(({ scopes = ["read"], ...token }): AccessToken => ({ ...token, scopes }));

/** A token, `{name, token}`, `{name, hash}` or `{name, file}`, the file with a token or a hash in it. What is wrong is told without what was given. */
function writtenToken<S extends z.ZodRawShape>(further: S, with_: string) {
  const error = `a token, {name, token}, {name, hash} or {name, file} is expected, ${with_}`;
  const facts = { name: nameOfToken, ...further };
  return z
    .union(
      [
        z.string(),
        z.strictObject({ ...facts, token: z.string() }),
        z.strictObject({ ...facts, hash: z.string() }),
        z.strictObject({ ...facts, file: z.string() }),
      ],
      { error },
    )
    .transform((given, context) => {
      const refuse = (message: string) => {
        context.addIssue({ code: "custom", message, input: undefined });
        return z.NEVER;
      };
      const { name, token, hash, file, ...rest } = (
        typeof given === "string" ? { name: "", token: given } : given
      ) as { name: string; token?: string; hash?: string; file?: string } & z.output<z.ZodObject<S>>;
      const text = token ?? hash ?? readToken(file ?? "");
      const from = file === undefined ? {} : { file };
      if (text === undefined) return refuse(`${file}: cannot be read, a file with a token is expected`);
      const isHash = hash !== undefined || (file !== undefined && text.startsWith("sha256:"));
      if (isHash) {
        const written = /^sha256:([0-9a-f]{64})$/i.exec(text)?.[1];
        if (written === undefined) return refuse(hashExpected);
        return { ...rest, ...from, name, hash: written.toLowerCase() };
      }
      return tokenProblem(text) === undefined
        ? { ...rest, ...from, name, hash: hashToken(text) }
        : refuse(tokenExpected);
    });
}

function readToken(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

const tokensExpected = { error: "a list of 1 to 4096 tokens is expected" };
const credentials = z.strictObject({
  /** What people, Grafana and scripts show; with them nobody is let in without one. */
  tokens: z.array(accessToken, tokensExpected).min(1, tokensExpected).max(4096, tokensExpected).optional(),
  /** What agents on other machines show. Without `tokens` people are let in from this machine only. */
  ingestTokens: z
    .array(ingestToken, tokensExpected)
    .min(1, tokensExpected)
    .max(4096, tokensExpected)
    .optional(),
});

/** Not a union: what is wrong within it is to be told. */
export const authSchema = z.unknown().transform((given, context): "none" | Credentials => {
  if (given === "none") return given;
  const isMapping = typeof given === "object" && given !== null && !Array.isArray(given);
  if (!isMapping || Object.keys(given).length === 0) {
    const message = "none, or a mapping with tokens or ingestTokens is expected";
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  }
  const parsed = credentials.safeParse(given);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const message =
      issue.code === "unrecognized_keys"
        ? `no such setting: ${issue.keys.join(", ")}; accepted here: tokens, ingestTokens`
        : issue.message;
    context.addIssue({ code: "custom", message, path: issue.path });
  }
  return z.NEVER;
});
