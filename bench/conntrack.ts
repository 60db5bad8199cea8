/**
 * What address translation costs to observe: CPU of the observer and of the kernel per new connection, translated or not, with the kernel's
 * filter and without, and per connection that is over, which the kernel is made to forget all at once; then time and memory of a table of 100,000 translated connections. Needs root. New connections are UDP datagrams
 * to ever other ports, sent in a namespace of their own through a node that translates (test/translating-node.ts).
 *
 *     node bench/conntrack.ts [--rate 1000] [--seconds 10]
 */
import { readFileSync, statSync } from "node:fs";
import { parseArgs } from "node:util";
import { conntrackDefaults, createConntrackObserver } from "../src/observe/index.ts";
import { NatTable } from "../src/topology/index.ts";
import { TranslatingNode } from "../test/translating-node.ts";

const { values } = parseArgs({
  options: { rate: { type: "string", default: "1000" }, seconds: { type: "string", default: "10" } },
});
const rate = Number(values.rate);
const seconds = Number(values.seconds);

/** Sends `count` datagrams at a rate, 0 for as fast as it goes, and answers with the microseconds of CPU it took. */
const sender = `
  import dgram from "node:dgram";
  import { once } from "node:events";
  import { createInterface } from "node:readline";
  import { setTimeout } from "node:timers/promises";
  const socket = dgram.createSocket("udp4");
  socket.on("error", () => {});
  socket.bind(0);
  await once(socket, "listening");
  console.log('"ready"');
  for await (const line of createInterface(process.stdin)) {
    const { net, first, count, rate } = JSON.parse(line);
    const cpu = process.cpuUsage();
    const start = performance.now();
    for (let i = 0; i < count; ) {
      const due = rate === 0 ? i + 200 : Math.min(count, Math.floor(((performance.now() - start) * rate) / 1000));
      let sent = Promise.resolve();
      for (; i < due && i < count; i++) {
        const n = first + i;
        sent = new Promise((done) => socket.send("x", 1 + (n % 60000), net + Math.floor(n / 60000), done));
      }
      await sent;
      await setTimeout(rate === 0 ? 0 : 5);
    }
    const { user, system } = process.cpuUsage(cpu);
    console.log(JSON.stringify(String(user + system)));
  }`;

const world = new TranslatingNode(`bench${process.pid}`);
process.on("exit", () => world.remove());
const inode = statSync(`/run/netns/${world.node}`).ino;
world.inside(
  world.node,
  "nft",
  `table ip bench {
     chain in { type nat hook prerouting priority dstnat; ip daddr 10.97.0.0/24 meta l4proto udp dnat to 10.92.0.2; }
   }`,
);
for (let i = 0; i < 8; i++) world.inside(world.node, "ip", "addr", "add", `10.98.0.${i}/32`, "dev", "lo");
const talk = await world.run(world.client, sender);
let first = 0;

async function measure(name: string, net: string, observed: "no" | "filtered" | "all"): Promise<void> {
  const observer =
    observed === "no"
      ? undefined
      : createConntrackObserver(conntrackDefaults, {
          findNamespaces: () => ({
            namespaces: [{ inode, path: `/run/netns/${world.node}` }],
            beyondCount: 0,
          }),
          whyNot: () => undefined,
          hasIpvs: () => observed === "all",
        });
  observer?.start();
  const read = () => {
    let count = 0;
    let step: number;
    do {
      step = observer?.poll(() => count++) ?? 0;
    } while (step > 0);
    return count;
  };
  read();
  const cpu = process.cpuUsage();
  let seen = 0;
  const tick = setInterval(() => {
    seen += read();
  }, 1000);
  const count = rate * seconds;
  const senderMicroseconds = Number(await talk.ask({ net, first, count, rate }));
  first += count;
  clearInterval(tick);
  seen += read();
  const { user, system } = process.cpuUsage(cpu);
  const per = (microseconds: number) => (microseconds / count).toFixed(2).padStart(6);
  const lost = observer?.losses().eventCount ?? 0;
  console.log(
    `${name.padEnd(34)} ${per(user + system)} us here, ${per(senderMicroseconds)} us sender and kernel, per connection; seen ${seen}, lost ${lost}`,
  );
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  world.forgetTracked(); // the kernel works in our own system call
  const forgetting = (performance.now() - start) * 1000;
  let overCount = 0;
  let step: number;
  const readStart = performance.now();
  do {
    step = observer?.poll(({ endedMilliseconds }) => (overCount += endedMilliseconds > 0 ? 1 : 0)) ?? 0;
  } while (step > 0);
  const reading = (performance.now() - readStart) * 1000;
  const total = process.cpuUsage(cpuBefore);
  console.log(
    `${"  its end".padEnd(34)} ${per(reading)} us here, ${per(forgetting)} us kernel, ${per(total.user + total.system)} us of CPU together; seen ${overCount}, lost ${(observer?.losses().eventCount ?? 0) - lost}`,
  );
  observer?.stop();
}

console.log(`${rate} new connections a second for ${seconds} s, read once a second`);
for (const [kind, net] of [
  ["translated", "10.97.0."],
  ["not translated", "10.98.0."],
] as const) {
  await measure(`${kind}, nobody listens`, net, "no");
  await measure(`${kind}, filter in the kernel`, net, "filtered");
  await measure(`${kind}, no filter`, net, "all");
}

const target = 100_000;
await talk.ask({ net: "10.97.0.", first, count: target, rate: 0 });
const table = new NatTable({ connectionsMax: 200_000 }, () => {});
const residentMiB = () => {
  globalThis.gc?.();
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;
};
const before = residentMiB();
const observer = createConntrackObserver(conntrackDefaults);
observer.start();
const cpu = process.cpuUsage();
let longest = 0;
let polls = 0;
for (;;) {
  const start = performance.now();
  const step = observer.poll((entry) => entry.endedMilliseconds === 0 && table.enter(entry, 1));
  longest = Math.max(longest, performance.now() - start);
  polls++;
  if (step === 0) break;
}
const { user, system } = process.cpuUsage(cpu);
console.log(
  `a table of ${table.count} translated connections: ${((user + system) / 1000).toFixed(0)} ms of CPU in ${polls} polls, the longest ${longest.toFixed(0)} ms; ` +
    `resident memory ${before.toFixed(0)} to ${residentMiB().toFixed(0)} MiB`,
);
const start = performance.now();
for (let i = 0; i < 100; i++) observer.refresh();
const { namespaceCount } = observer.status();
console.log(
  `refresh: ${((performance.now() - start) / 100).toFixed(2)} ms with ${namespaceCount} namespaces`,
);
observer.stop();
await talk.end();
world.remove();
