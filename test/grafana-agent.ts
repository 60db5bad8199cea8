import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Rows } from "./grafana-rows.ts";
import { said, TwoHosts } from "./namespaces.ts";
import { freePort, startProgram, temporaryFolder, until } from "./program.ts";
import type { MetricsServer } from "./prometheus-process.ts";

const traffic = fileURLToPath(new URL("./datagram-traffic.ts", import.meta.url));
const pretendResolver = fileURLToPath(new URL("./pretend-resolver.ts", import.meta.url));

/** How long the resolver thinks, at least. */
const thinkingMilliseconds = 200;
/** How long is waited for an answer: longer than the slowest machine takes. */
const patienceMilliseconds = 2000;
/** Each is asked for two kinds of address: the second is not known, of the third nothing is heard. */
const names = ["www.example", "no.example", "www.example", "silent.example"];
const asked = { questions: 8, unknown: 2, silent: 2 } as const;
/** So many connections are open while the last figures are read, and so many flows are remembered. */
const held = { connections: 200, flows: 400 } as const;

export interface AgentFigures {
  /** Of the scrape for which they are. */
  readonly time: number;
  readonly seconds: number;
  readonly resolver: string;
  readonly figures: Readonly<Record<string, Rows>>;
}

/** Portolan with an agent on this machine, or why there is none. */
export async function startAgent(t: TestContext, port: number) {
  const hosts = new TwoHosts();
  t.after(() => hosts.remove());
  const program = await startProgram([
    ...["up", "--listen", `127.0.0.1:${port}`, "--flows", `udp://127.0.0.1:${await freePort()}`],
    ...["--data", join(temporaryFolder(t), "data")],
  ]);
  t.after(() => program.stop("SIGKILL"));
  const { agent } = await program.get<{
    agent: Record<"dns" | "nat" | "datagrams", { state: string; reason?: string }> & {
      state: string;
      reason?: string;
    };
  }>("/api/v1/status");
  const off = [agent, agent.dns, agent.nat, agent.datagrams].find(({ state }) => state !== "on");
  return off === undefined ? { hosts } : `the agent is not whole: ${off.reason}`;
}

/** Asks a resolver, opens connections, and says what Prometheus has to show of it. */
export async function watchAgent(
  t: TestContext,
  prometheus: MetricsServer,
  hosts: TwoHosts,
): Promise<AgentFigures> {
  const resolver = hosts.serverAddress;
  const value = async (query: string) => (await prometheus.query(query))[0]?.value;
  const of = (name: string) => `portolan_agent_dns_${name}{job="agent",resolver="${resolver}"}`;
  const ask = async () => {
    const command = [`PATIENCE_MILLISECONDS=${patienceMilliseconds}`, process.execPath, traffic, "resolve"];
    const child = hosts.spawn(hosts.client, "env", ...command, resolver, ...names);
    let output = "";
    child.stdout!.on("data", (text) => (output += text));
    await said(child, "resolved");
    child.stdin!.end();
    return JSON.parse(output.slice(output.indexOf("["))) as number[];
  };
  const settle = async (times: number) => {
    for (const [name, count] of [
      ["queries_total", asked.questions],
      ["timeouts_total", asked.silent],
      ["latency_seconds_count", asked.questions - asked.silent],
    ] as const)
      await until(`${name} of ${times} times`, async () =>
        (await value(of(name))) === count * times ? true : undefined,
      );
    return (await value('timestamp(portolan_build_info{job="agent"})'))!;
  };
  await said(
    hosts.spawn(hosts.server, process.execPath, pretendResolver, resolver, String(thinkingMilliseconds)),
    "listening",
  );
  await ask();
  const begin = await settle(1);
  const waits = await ask();
  await settle(2);
  await holdConnections(t, held.connections);
  const at = async () => (await value('timestamp(portolan_build_info{job="agent"})'))!;
  const look = async (name: string, time: number) =>
    (await prometheus.query(`portolan_agent_${name}{job="agent"}`, time))[0]!.value;
  const isNear = (found: number, expected: number) => Math.abs(found - expected) <= expected * 0.01;
  // Others on this machine begin and end flows and connections too: the figures are compared when they do not.
  const [time, sockets, flows] = await until(
    "nobody else opens connections or flows meanwhile",
    async () => {
      const flows = (await look("flows", await at())) + held.flows;
      const spread = hosts.spawn(
        hosts.client,
        process.execPath,
        traffic,
        "spread",
        resolver,
        "9",
        String(held.flows),
      );
      await said(spread, "sent");
      for (let tries = 0; tries < 30; tries++) {
        const [sockets, time] = [liveSockets(), await at()];
        if (isNear(await look("sockets", time), sockets) && isNear(await look("flows", time), flows))
          return [time, sockets, flows] as const;
        await delay(100);
      }
      return undefined;
    },
    10,
  );
  const seconds = time - begin;
  const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length / 1000;
  const one = (figure: Rows[number][1]): Rows => [[{}, figure]];
  const within = (figure: number) => [figure * 0.99, figure * 1.01] as const;
  return {
    ...{ time, seconds, resolver },
    figures: {
      "topology 40 A": [[{ resolver }, asked.questions / seconds]],
      "topology 41 A": [[{ resolver, code: "NXDOMAIN" }, asked.unknown / seconds]],
      "topology 41 B": [[{ resolver }, asked.silent / seconds]],
      // From when the resolver had thought, by a timer that may be a moment early, to when whoever asked knew.
      "topology 42 A": [[{ resolver }, [(thinkingMilliseconds / 1000) * 0.99, mean]]],
      ...{ "itself 2 A": one(1), "itself 3 A": one(1), "itself 4 A": one(1) },
      "itself 10 A": one(within(sockets)),
      "itself 10 B": one(within(flows)),
    },
  };
}

/** Connections within this process, closed when the test ends. */
async function holdConnections(t: TestContext, count: number): Promise<void> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  for (let i = 0; i < count; i++) {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    sockets.push(socket);
    await once(socket, "connect");
  }
}

/** TCP sockets of all network namespaces, by the kernel's lists; without those that listen, or are closed and only remembered. */
function liveSockets(): number {
  /** Any process in it sees a namespace's sockets, as long as it lives. */
  const processesOf = new Map<string, string[]>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/net`);
      processesOf.set(namespace, [...(processesOf.get(namespace) ?? []), pid]);
    } catch {} // it has ended
  }
  let count = 0;
  for (const pids of processesOf.values())
    for (const line of socketsSeenBy(pids)) {
      const state = line.trim().split(/\s+/)[3];
      if (state !== undefined && !["03", "06", "07", "0A"].includes(state)) count++; // SYN_RECV, TIME_WAIT, CLOSE, LISTEN
    }
  return count;
}

/** By the first of the processes that has not ended. */
function socketsSeenBy(pids: readonly string[]): string[] {
  for (const pid of pids) {
    try {
      return ["tcp", "tcp6"].flatMap((file) =>
        readFileSync(`/proc/${pid}/net/${file}`, "utf8").split("\n").slice(1),
      );
    } catch {} // it has ended
  }
  return [];
}
