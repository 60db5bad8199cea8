/**
 * Resident memory of `./portolan agent` as it runs on a node of a cluster, with many connections open, and the kernel's memory for its maps. Needs root.
 *
 *   node bench/agent-memory.ts [--connections 100000] [--addresses 1] [--churn 0] [--lines] [--seconds 30]
 *
 * It sends to a server that takes five seconds to store, keeps its spool on disk, follows 200 pods of an API server over TLS, of which one changes a
 * second, and its metrics are read; with `--lines` there is neither, and it writes lines. `--addresses`: the connections go to so many. `--churn`:
 * before them, for so many seconds, 10,000 are open and short ones come, 1,000 a second or `--rate`. Both ends are on this machine, so that the agent
 * follows twice as many sockets. "of files" are pages of programs, Node's own nearly all: the same page is another process's too where it runs the same
 * file, and the kernel takes them when it needs room.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { said, TwoHosts } from "../test/namespaces.ts";
import { hold, prepareHosts, spawnLoad } from "./agent-load.ts";
import { startAgentProcess } from "./agent-under-test.ts";
import { median } from "./spread.ts";

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "100000" },
    addresses: { type: "string", default: "1" },
    churn: { type: "string", default: "0" },
    rate: { type: "string", default: "1000" },
    seconds: { type: "string", default: "30" },
    lines: { type: "boolean", default: false },
  },
});
const settleMilliseconds = 8000;
const churnConnections = 10_000;
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";
const metrics = "127.0.0.1:7177";

const folder = mkdtempSync(join(tmpdir(), "portolan-memory-"));
const launcher = fileURLToPath(new URL("../portolan", import.meta.url));
const hosts = new TwoHosts();
const children: ChildProcess[] = [];

async function startSurroundings(): Promise<readonly string[]> {
  const script = fileURLToPath(new URL("./agent-surroundings.ts", import.meta.url));
  const child = spawn(process.execPath, [script, folder], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [line] = await once(child.stdout, "data");
  return String(line).trim().split(" ");
}

/** The account's folder is put where a pod has it, in a mount namespace of the agent's own. */
async function startAgent(): Promise<ChildProcess> {
  const common = ["agent", "--node", "node-a", "--listen", metrics];
  const stdio = ["ignore", "ignore", "inherit"] as const;
  if (values.lines)
    return spawn(launcher, [...common, "--spool", "none", "--json"], {
      stdio: ["ignore", "ignore", "ignore"],
    });
  const [apiPort = "", ingestPort = ""] = await startSurroundings();
  const sending = ["--server", `http://127.0.0.1:${ingestPort}`, "--token-file", join(folder, "token")];
  const inside = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  const parameters = ["--mount", "sh", "-c", inside, "sh", folder, accountFolder];
  const command = [launcher, ...common, ...sending, "--spool", join(folder, "spool")];
  const cluster = {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: apiPort,
    NODE_NAME: "node-a",
  };
  return spawn("unshare", [...parameters, ...command], {
    stdio: [...stdio],
    env: { ...process.env, ...cluster },
  });
}

/** Megabytes. */
function read({ pid }: ChildProcess): Record<"VmRSS" | "VmHWM" | "RssAnon" | "RssFile", number> {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const figure = (name: string) =>
    (Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)?.[1]) * 1024) / 1e6;
  return {
    ...{ VmRSS: figure("VmRSS"), VmHWM: figure("VmHWM") },
    ...{ RssAnon: figure("RssAnon"), RssFile: figure("RssFile") },
  };
}

function show(what: string, agent: ChildProcess): void {
  const { VmRSS, VmHWM, RssAnon, RssFile } = read(agent);
  console.log(
    `${what.padEnd(22)} ${VmRSS.toFixed(1)} MB resident, ${RssFile.toFixed(1)} of it of files, ${RssAnon.toFixed(1)} its own; highest so far ${VmHWM.toFixed(1)}`,
  );
}

async function churn(agent: ChildProcess): Promise<void> {
  const held = await hold(hosts, churnConnections);
  const serving = spawnLoad(hosts, hosts.server, 1, ["serve", 5305]);
  await said(serving, "listening");
  const asking = spawnLoad(hosts, hosts.client, 0, ["request", hosts.serverAddress, 5305, values.rate]);
  for (const child of [serving, asking]) child.stdout?.resume();
  for (let second = 0; second < Number(values.churn); second += 10) {
    await rest(10_000);
    show(`${second + 10} s of churn`, agent);
  }
  for (const child of [asking, serving, ...held]) child.kill("SIGKILL");
  await rest(3000);
}

async function scrape(): Promise<string> {
  return (await fetch(`http://${metrics}/metrics`)).text();
}

/** A second agent, beside the one that is measured, tells of the kernel's maps. */
async function weighMaps(): Promise<void> {
  const agent = startAgentProcess("all");
  await agent.start();
  await rest(2000);
  const { maps, sockets } = await agent.usage();
  const sum = maps.reduce((total, { bytes }) => total + bytes, 0) / 1e6;
  console.log(`maps of an agent with ${sockets} sockets: ${sum.toFixed(1)} MB of the kernel's memory`);
  for (const { name, bytes } of maps)
    if (bytes > 1e5) console.log(`  ${name.padEnd(16)} ${(bytes / 1e6).toFixed(2)} MB`);
  await agent.stop();
  agent.end();
}

mkdirSync(accountFolder, { recursive: true });
const agent = await startAgent();
try {
  prepareHosts(hosts);
  await rest(settleMilliseconds);
  await scrape();
  show("at rest", agent);
  if (Number(values.churn) > 0) await churn(agent);
  await hold(hosts, Number(values.connections), Number(values.addresses));
  show("all open", agent);
  const resident: number[] = [];
  for (let second = 0; second < Number(values.seconds); second++) {
    await rest(1000);
    if (second % 10 === 0) await scrape();
    resident.push(read(agent).VmRSS);
  }
  const told = /^portolan_agent_sockets (\d+)/m.exec(await scrape())?.[1];
  show(`${told} sockets`, agent);
  const half = resident.slice(resident.length >> 1);
  console.log(
    `memory: ${values.connections} connections, ${told} sockets, to ${values.addresses} addresses: ${median(resident).toFixed(1)} MB resident ` +
      `(${Math.min(...resident).toFixed(1)} to ${Math.max(...resident).toFixed(1)}; of the second half ${median(half).toFixed(1)})`,
  );
  await weighMaps();
} finally {
  agent.kill("SIGTERM");
  await Promise.race([once(agent, "exit"), rest(10_000)]);
  for (const child of children) child.kill("SIGKILL");
  hosts.remove();
  rmSync(folder, { recursive: true });
  for (let path = accountFolder; path !== "/var/run"; path = join(path, "..")) removeEmpty(path);
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // somebody's
  }
}
process.exit();
