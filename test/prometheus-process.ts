import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { freePort, temporaryFolder, until } from "./program.ts";

/** A receiver and a place to ask, as a test sees them. */
export interface MetricsServer {
  readonly url: string;
  /** What the program wrote so far. */
  readonly output: () => string;
  /** Instant vector: labels and value of each series, now or at that time in Unix seconds. */
  query(promql: string, time?: number): Promise<{ labels: Record<string, string>; value: number }[]>;
}

/** Why a program of Debian's cannot be run, or undefined. */
export function missing(program: string): string | undefined {
  try {
    execFileSync("which", [program], { stdio: "ignore" });
    return undefined;
  } catch {
    return `${program} is not installed (apt-get install ${program})`;
  }
}

/** The real Prometheus: scrapes these targets every second, by job or as `portolan`, and takes remote writes. */
export async function startPrometheus(
  t: TestContext,
  targets: readonly string[] | Readonly<Record<string, readonly string[]>>,
): Promise<MetricsServer> {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const file = join(folder, "prometheus.yml");
  const scrapes = Object.entries(Array.isArray(targets) ? { portolan: targets } : targets)
    .filter(([, ofJob]) => ofJob.length > 0)
    .map(([job_name, ofJob]) => ({
      ...{ job_name, scrape_interval: "1s", scrape_timeout: "1s" },
      static_configs: [{ targets: ofJob }],
    }));
  writeFileSync(file, JSON.stringify({ scrape_configs: scrapes })); // JSON is YAML
  const child = spawn("prometheus", [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--web.enable-remote-write-receiver",
  ]);
  return watch(t, child, `http://127.0.0.1:${port}`, "/-/ready");
}

/** The real VictoriaMetrics, for remote writes. */
export async function startVictoriaMetrics(t: TestContext): Promise<MetricsServer> {
  const port = await freePort();
  const child = spawn("victoria-metrics", [
    `-storageDataPath=${join(temporaryFolder(t), "data")}`,
    `-httpListenAddr=127.0.0.1:${port}`,
    "-search.latencyOffset=0s",
  ]);
  return watch(t, child, `http://127.0.0.1:${port}`, "/health");
}

async function watch(
  t: TestContext,
  child: ChildProcess,
  url: string,
  ready: string,
): Promise<MetricsServer> {
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (text) => (output += text));
  t.after(async () => {
    if (child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  await until(`${url} is ready`, async () => {
    if (child.exitCode !== null) throw new Error(`it ended:\n${output}`);
    const response = await fetch(`${url}${ready}`).catch(() => undefined);
    return response?.ok === true ? true : undefined;
  });
  return {
    url,
    output: () => output,
    async query(promql, time) {
      const parameters = { query: promql, ...(time === undefined ? {} : { time: time.toFixed(3) }) };
      const response = await fetch(`${url}/api/v1/query?${new URLSearchParams(parameters)}`);
      const answer = (await response.json()) as {
        status: string;
        error?: string;
        data: { result: { metric: Record<string, string>; value: [number, string] }[] };
      };
      if (answer.status !== "success") throw new Error(`${promql}: ${answer.error}`);
      return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
  };
}
