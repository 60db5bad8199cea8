import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Command } from "commander";

/** `portolan token`: makes one, or hashes one that is there. It is printed once and kept nowhere. */
export function addToken(program: Command): void {
  program
    .command("token")
    .description("make a token for people, Grafana or agents, and the hash that the configuration takes")
    .argument("[name]", "who will have it", "me")
    .option("--stdin", "hash the token on standard input in place of making one")
    .option("--agent", "for agents (auth.ingestTokens) in place of people (auth.tokens)")
    .addHelpText(
      "after",
      '\nThe server keeps the hash, whoever asks keeps the token:\n  curl -H "Authorization: Bearer $TOKEN" https://SERVER/api/v1/top',
    )
    .action(run);
}

async function run(
  name: string,
  flags: { stdin?: boolean; agent?: boolean },
  command: Command,
): Promise<void> {
  const { formatTokenHash, tokenProblem } = await import("../settings/index.ts");
  const token = flags.stdin === true ? readFileSync(0, "utf8").trim() : randomBytes(32).toString("base64url");
  const problem = tokenProblem(token);
  if (problem !== undefined) command.error(`error: --stdin: ${problem}`);
  if (flags.stdin !== true) console.log(`${token}\n`);
  const list = flags.agent === true ? "ingestTokens" : "tokens";
  const quoted = JSON.stringify(name); // a YAML text too
  console.log(
    `auth:\n  ${list}:\n    - { name: ${quoted}, hash: "${formatTokenHash(token)}"${flags.agent === true ? "" : ", scopes: [read]"} }`,
  );
}
