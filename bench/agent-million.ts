/**
 * Whether the agent's figures are exact: a million short connections on loopback at full speed, while the agent polls seldom
 * (`--poll SECONDS`, 3). `--connections N`. Says what was opened, closed and sent, by the agent and in truth, at both ends;
 * what was lost; and what is left in the kernel's table. Exit 1 when a figure differs. Needs root.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as rest } from "node:timers/promises";
import { parseArgs } from "node:util";
import { agentDefaults, createAgent } from "../src/agent/index.ts";
import { ObserverTable, protocolTcp } from "../src/flow/index.ts";
import { observedEnd, PeerTable } from "../src/topology/index.ts";
import { said } from "../test/namespaces.ts";

const { values } = parseArgs({
  options: { connections: { type: "string", default: "1000000" }, poll: { type: "string", default: "3" } },
});
const ports = [7301, 7302];
const each = Math.ceil(Number(values.connections) / ports.length);
const namespace = `ptl-million-${process.pid}`;
const program = new URL("../test/short-connections.ts", import.meta.url).pathname;

const none = () => ({ opened: 0, closed: 0, failed: 0, broken: 0, sent: 0, received: 0 });
const seen = { client: none(), server: none() };
const drops: Record<string, number> = {};

const agent = createAgent(
  { ...agentDefaults, datagrams: false, dns: false, containers: false },
  {
    node: "vm",
    peers: new PeerTable(100_000, () => {}),
    observers: new ObserverTable(),
    drop: (reason, _source, count = 1) => {
      drops[reason] = (drops[reason] ?? 0) + count;
    },
    deliver({ columns, count }) {
      for (let row = 0; row < count; row++) {
        const isOurs = ports.includes(columns.destinationTransportPort[row]!);
        if (!isOurs || columns.protocolIdentifier[row] !== protocolTcp) continue;
        const end = seen[columns.observedEnd[row] === observedEnd.client ? "client" : "server"];
        end.opened += columns.connectionCount[row]!;
        end.closed += columns.flowEndReason[row] === 3 ? 1 : 0;
        end.failed += columns.failedConnectionCount[row]!;
        end.broken += columns.resetConnectionCount[row]! + columns.lostConnectionCount[row]!;
        end.sent += columns.octetDeltaCount[row]!;
        end.received += columns.reverseOctetDeltaCount[row]!;
      }
    },
    now: Date.now,
  },
);

function run(...parameters: string[]): ChildProcess {
  const inside = ["netns", "exec", namespace, process.execPath, program, ...parameters];
  return spawn("ip", inside, { stdio: ["ignore", "pipe", "inherit"] });
}

/** Events that came while a program ran on the same processor: the kernel leaves it out of them, and counts. */
function nestedEvents(): number {
  let missed = 0;
  for (const fd of readdirSync("/proc/self/fdinfo")) {
    try {
      const info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
      missed += Number(/^recursion_misses:\s*(\d+)/m.exec(info)?.[1] ?? 0);
    } catch {
      // the file of the listing itself
    }
  }
  return missed;
}

async function answer(client: ChildProcess): Promise<{ sent: number; received: number }> {
  let text = "";
  client.stdout?.on("data", (data) => (text += data));
  await once(client, "close");
  return JSON.parse(text);
}

const servers: ChildProcess[] = [];
try {
  execFileSync("ip", ["netns", "add", namespace]);
  execFileSync("ip", ["-n", namespace, "link", "set", "lo", "up"]);
  for (const port of ports) servers.push(run("serve", String(port)));
  await Promise.all(servers.map((server) => said(server, "listening")));
  agent.start();
  agent.poll();
  const before = agent.status().sockets;
  const polling = setInterval(() => agent.poll(), Number(values.poll) * 1000);
  const start = performance.now();
  const answers = await Promise.all(ports.map((port) => answer(run("connect", String(port), String(each)))));
  const seconds = (performance.now() - start) / 1000;
  clearInterval(polling);
  for (let i = 0; i < 5; i++) {
    agent.poll();
    await rest(300);
  }
  agent.poll();
  const truth = {
    ...none(),
    opened: each * ports.length,
    closed: each * ports.length,
    sent: answers.reduce((sum, { sent }) => sum + sent, 0),
    received: answers.reduce((sum, { received }) => sum + received, 0),
  };
  console.log(`${truth.opened} connections in ${seconds.toFixed(0)} s, a poll every ${values.poll} s`);
  for (const [who, figures] of Object.entries({ truth, ...seen }))
    console.log(who.padEnd(6), ...Object.entries(figures).map(([name, value]) => `${name} ${value}`));
  console.log("drops:", drops, "events in the middle of others:", nestedEvents());
  console.log(`entries in the kernel's table: ${before} before, ${agent.status().sockets} after`);
  const isExact = [seen.client, seen.server].every((end) => JSON.stringify(end) === JSON.stringify(truth));
  process.exitCode = isExact ? 0 : 1;
} finally {
  agent.stop();
  for (const server of servers) server.kill("SIGKILL");
  execFileSync("ip", ["netns", "del", namespace]);
}
