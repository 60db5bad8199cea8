import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Topology, TopologyLink } from "../src/topology/index.ts";

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

/** A running program, as a user would start it, and what a user would ask it. */
export interface Program {
  readonly child: ChildProcess;
  readonly url: string;
  readonly output: () => string;
  get<T = unknown>(path: string): Promise<T>;
  /** Ends it and resolves with its exit code (null when a signal ended it). */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Runs `portolan` with these arguments; resolves with exit code and output when it ends. */
export async function runProgram(
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
) {
  const { child, output } = spawnProgram(parameters, environment);
  const [code] = (await once(child, "exit")) as [number | null];
  return { code, output: output() };
}

/** The same for one that is to be spoken to. */
export function spawnProgram(
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
) {
  // Seldom, Node 24 waits for ever for one of V8's threads when it ends.
  const child = spawn(process.execPath, ["--v8-pool-size=0", main, ...parameters], {
    env: { ...process.env, ...environment },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  return { child, output: () => output };
}

/** Nobody's resolver is asked for the names of what tests make up. */
const quietEnvironment = { PORTOLAN_REVERSEDNS: "off" };

/** Starts `portolan`, by way of another command if one is given, and waits until it says where it is. */
export async function startProgram(
  parameters: readonly string[],
  through: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Program> {
  const [command = "", ...rest] = [...through, process.execPath, main, ...parameters];
  const child = spawn(command, rest, { env: { ...quietEnvironment, ...process.env, ...environment } });
  let output = "";
  let exitCode: number | null | undefined;
  const ended = once(child, "exit").then(([code]) => {
    exitCode = code as number | null;
    return exitCode;
  });
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (text) => (output += text));
  const url = await until(`the program says where it is:\n${output}`, () => {
    if (exitCode !== undefined) throw new Error(`the program ended with ${exitCode}:\n${output}`);
    return /http:\/\/\S+:\d+/.exec(output)?.[0];
  });
  return {
    child,
    url,
    output: () => output,
    async get<T>(path: string) {
      const response = await fetch(`${url}${path}`);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    },
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}

/** Asks every 100 ms until there is an answer. Gives up after a time far beyond what is expected. */
export async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  seconds = 30,
): Promise<T> {
  for (let tries = 0; tries < seconds * 10; tries++) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not within ${seconds} s: ${what}`);
}

/** The first whole map of the live stream. */
export async function liveMap(program: Program, query = ""): Promise<Topology> {
  const response = await fetch(`${program.url}/api/v1/live${query}`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the live stream ended before its map: ${text}`);
    text += value;
    const data = /^event: map\ndata: (.*)\n\n/m.exec(text)?.[1];
    if (data === undefined) continue;
    await reader.cancel();
    return JSON.parse(data) as Topology;
  }
}

/** The link between two peers of the live map, when it is there. */
export async function liveLink(
  program: Program,
  client: string,
  server: string,
): Promise<TopologyLink | undefined> {
  const { links } = await liveMap(program);
  return links.find((link) => link.client === client && link.server === server);
}

/** A TCP port nobody uses now; UDP ports are chosen from the same number. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** A folder of its own that goes with the test. */
export function temporaryFolder(t: { after(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "portolan-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
