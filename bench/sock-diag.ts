/**
 * What it costs to follow sockets with eBPF and without (sock_diag): CPU of one poll a second, and resident memory.
 *
 *     node bench/sock-diag.ts [--sockets 10000] [--rate 1000] [--seconds 10]
 *
 * Processes of their own keep SOCKETS open (both ends on loopback) and make RATE connections a second that end at once. Each way
 * watches in a fresh process, one after the other. What the kernel does on behalf of others is in neither figure: eBPF's programs run
 * in the processes that talk, and freed sockets are told of by a kernel thread.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as rest } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createSockDiagObserver, createTcpObserver, type TcpObserver } from "../src/observe/index.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sockets: { type: "string", default: "10000" },
    rate: { type: "string", default: "1000" },
    seconds: { type: "string", default: "10" },
  },
});
const [socketsMax, rate, seconds] = [values.sockets, values.rate, values.seconds].map(Number) as [
  number,
  number,
  number,
];
/** Of one process: not every machine lets a process have more than 20,000 files. */
const talkerSockets = 16_000;
const ways: Record<string, () => TcpObserver> = {
  none: () => ({
    start() {},
    walk() {},
    drain: () => 0,
    losses: () => ({ tableFull: 0, overwritten: 0, walked: 0, deferred: 0, missed: 0 }),
    cgroupNameOf: () => "",
    stop() {},
  }),
  ebpf: () => createTcpObserver({ connectionsMax: 262_144 }),
  sock_diag: () => createSockDiagObserver({ connectionsMax: 262_144 }),
};

const [role, way = ""] = positionals;
if (role === "talk") await talk();
else if (role === "watch") await watch();
else await compare();

async function compare(): Promise<void> {
  const child = (...parameters: string[]) =>
    spawn(process.execPath, [process.argv[1]!, ...process.argv.slice(2), ...parameters], {
      stdio: ["pipe", "pipe", "inherit"],
    });
  const talkers = [];
  for (let left = socketsMax; left > 0 || talkers.length === 0; left -= talkerSockets) {
    const share = Math.min(left, talkerSockets);
    const talker = child("talk", "--sockets", String(share), ...(talkers.length > 0 ? ["--rate", "0"] : []));
    talkers.push(talker);
    await once(talker.stdout, "data");
  }
  for (const name of Object.keys(ways)) {
    const watcher = child("watch", name);
    watcher.stdout.on("data", (data) => process.stdout.write(data));
    await once(watcher, "exit");
  }
  for (const talker of talkers) talker.kill("SIGKILL");
}

async function talk(): Promise<void> {
  const kept: Socket[] = [];
  const server = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "0.0.0.0", 4096);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  for (let i = 0; i < socketsMax / 2; i++) {
    // Each process from an address of its own: one has only so many ports.
    const localAddress = `127.1.${(process.pid >> 8) & 255}.${process.pid & 255}`;
    const socket = connect({ port, host: "127.0.1.1", localAddress });
    kept.push(socket);
    await once(socket, "connect");
  }
  const brief = () => {
    const socket = connect(port, "127.0.0.1", () => socket.end("hello"));
    socket.on("error", () => {}).resume();
  };
  const period = 10;
  if (rate > 0)
    setInterval(() => {
      for (let i = 0; i < (rate * period) / 1000; i++) brief();
    }, period);
  console.log("talking");
}

async function watch(): Promise<void> {
  const observer = ways[way]!();
  const startCpu = process.cpuUsage();
  const startTime = performance.now();
  observer.start();
  const start = {
    milliseconds: performance.now() - startTime,
    cpu: process.cpuUsage(startCpu),
  };
  observer.walk();
  observer.drain(() => {});
  await rest(1000);
  let [reports, bytes, closed] = [0, 0, 0];
  const pollTimes: number[] = [];
  const before = process.cpuUsage();
  for (let i = 0; i < seconds; i++) {
    const time = performance.now();
    observer.walk();
    reports += observer.drain((report) => {
      bytes += report.bytesSent;
      if (report.isClosed) closed++;
    });
    pollTimes.push(performance.now() - time);
    await rest(Math.max(1000 - (performance.now() - time), 0));
  }
  const { user, system } = process.cpuUsage(before);
  const { walked, overwritten, tableFull } = observer.losses();
  const milliseconds = (micros: number) => (micros / 1000).toFixed(1);
  console.log(
    `${way.padEnd(9)} cpu/poll ${milliseconds((user + system) / seconds)} ms (user ${milliseconds(user / seconds)}, system ` +
      `${milliseconds(system / seconds)}), poll ${(pollTimes.sort((a, b) => a - b)[seconds >> 1] ?? 0).toFixed(1)} ms, start ` +
      `${start.milliseconds.toFixed(0)} ms, resident ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB, walked ${walked}, ` +
      `reports/s ${Math.round(reports / seconds)}, closed/s ${Math.round(closed / seconds)}, bytes sent ${bytes}, lost ${overwritten + tableFull}`,
  );
  observer.stop();
  process.exit(0);
}
