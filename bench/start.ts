/**
 * How long from the one command to a served page: the first start in a clean clone, then the second.
 *
 *   node bench/start.ts
 *
 * The first start downloads from the npm registry (npm's cache of this machine helps where it is warm) and builds the
 * page; Debian packages that are missing are installed and count too. The second start of the launcher is set beside the
 * program started without it: the difference is what set-up costs when there is nothing to do.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../test/program.ts";

const source = fileURLToPath(new URL("..", import.meta.url));

async function timeToPage(command: string, parameters: readonly string[], data: string): Promise<number> {
  const port = await freePort();
  const start = performance.now();
  const child = spawn(command, [
    ...parameters,
    "up",
    ...["--data", data, "--listen", `127.0.0.1:${port}`, "--flows", `udp://127.0.0.1:${port}`],
  ]);
  const ended = once(child, "exit");
  let seconds = Number.NaN;
  for (let tries = 0; tries < 6000 && child.exitCode === null; tries++) {
    const page = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (page?.ok && (await page.text()).includes("<html")) {
      seconds = (performance.now() - start) / 1000;
      break;
    }
    await delay(20);
  }
  child.kill("SIGTERM");
  await ended;
  return seconds;
}

async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "portolan-bench-"));
  try {
    const clone = join(folder, "portolan");
    execFileSync("git", ["clone", "--quiet", source, clone]);
    const launcher = join(clone, "portolan");
    const data = join(folder, "data");
    console.log(`first start           ${(await timeToPage(launcher, [], data)).toFixed(1)} s to the page`);
    const node = join(clone, "runtime/node_modules/node/bin/node");
    const main = join(clone, "src/cli/main.ts");
    for (let i = 0; i < 5; i++) {
      const withSetUp = await timeToPage(launcher, [], data);
      const without = await timeToPage(node, [main], data);
      const difference = withSetUp - without;
      console.log(
        `second start          ${withSetUp.toFixed(2)} s; without the launcher ${without.toFixed(2)} s; set-up ${difference.toFixed(2)} s`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await run();
