import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** This machine refused a part of the world; the message says which, in the words of who refused. */
export class DemoError extends Error {}

/** Runs a command with a text on its standard input. Throws what it said when it did not succeed. Ctrl-C is not for it. */
export async function run(
  [command = "", ...parameters]: readonly string[],
  input = "",
  env = process.env,
): Promise<void> {
  const child = spawn(command, parameters, { stdio: ["pipe", "ignore", "pipe"], env, detached: true });
  const ended = once(child, "close") as Promise<[number | null]>;
  child.stdin.on("error", () => {}); // it ended before it had read all; its exit code tells why
  child.stdin.end(input);
  const [complaint, [code]] = await Promise.all([text(child.stderr), ended]);
  if (code !== 0)
    throw new DemoError(`${command} ${parameters.join(" ")}: ${complaint.trim() || `ended with ${code}`}`);
}
