import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { agentDefaults, createAgent } from "../src/agent/index.ts";
import { type FlowBatch, ObserverTable, protocolTcp } from "../src/flow/index.ts";
import { canRunTcp, readKernelFacts } from "../src/observe/index.ts";
import { observedEnd, PeerTable } from "../src/topology/index.ts";
import { whyNoCgroups } from "./cgroups.ts";
import { heldBpf } from "./held-bpf.ts";
import { ownPort, said, TwoHosts, whyNoNamespaces } from "./namespaces.ts";

const facts = readKernelFacts();
const skip = canRunTcp(facts)?.reason ?? whyNoNamespaces();
const hasNft = spawnSync("nft", ["--version"]).status === 0;
const traffic = fileURLToPath(new URL("./tcp-traffic.ts", import.meta.url));
const longAnswer = fileURLToPath(new URL("./long-answer.ts", import.meta.url));
const toldError = fileURLToPath(new URL("./told-error.ts", import.meta.url));
const agentProcess = fileURLToPath(new URL("./agent-process.ts", import.meta.url));

type End = "client" | "server";

const counters = {
  opened: "connectionCount",
  failed: "failedConnectionCount",
  refused: "refusedConnectionCount",
  timedOut: "timedOutConnectionCount",
  unreachable: "unreachableConnectionCount",
  reset: "resetConnectionCount",
  lost: "lostConnectionCount",
} as const;
type Figures = Partial<Record<keyof typeof counters, number>>;

interface Row extends Figures {
  readonly port: number;
  readonly end: End;
  readonly closed: boolean;
  readonly attempt: boolean;
  readonly connect: number;
  readonly rttMin: number;
  readonly rtt: number;
  readonly sent: number;
  readonly received: number;
  readonly resent: number;
}

function rowsOf({ columns, count }: FlowBatch): Row[] {
  return Array.from({ length: count }, (_, row) => row)
    .filter((row) => columns.protocolIdentifier[row] === protocolTcp)
    .map((row) => ({
      port: columns.destinationTransportPort[row]!,
      end: columns.observedEnd[row] === observedEnd.client ? "client" : "server",
      closed: columns.flowEndReason[row] === 3,
      attempt: columns.tcpControlBits[row] === 2,
      connect: columns.connectTimeMicroseconds[row]!,
      rttMin: columns.minimumRoundTripTimeMicroseconds[row]!,
      rtt: columns.roundTripTimeMicroseconds[row]!,
      sent: columns.octetDeltaCount[row]!,
      received: columns.reverseOctetDeltaCount[row]!,
      resent: columns.retransmittedSegmentCount[row]!,
      ...Object.fromEntries(Object.entries(counters).map(([name, column]) => [name, columns[column][row]!])),
    }));
}

function createWatch(t: TestContext, kernelFacts = facts, config: Partial<typeof agentDefaults> = {}) {
  const rows: Row[] = [];
  const peers = new PeerTable(10_000, () => {});
  const processes = new Set<string>();
  const agent = createAgent(
    { ...agentDefaults, datagrams: false, dns: false, containers: false, ...config },
    {
      node: "vm",
      peers,
      observers: new ObserverTable(),
      drop: () => {},
      deliver(batch) {
        rows.push(...rowsOf(batch));
        for (const row of batch.columns.sourcePeer.subarray(0, batch.count))
          processes.add(peers.get(row).process);
      },
      now: Date.now,
      kernelFacts,
    },
  );
  t.after(() => agent.stop());
  const of = (port: number, end: End = "client") =>
    rows.filter((row) => row.port === port && row.end === end);
  return {
    agent,
    of,
    /** What processes were called, of all protocols' sources. */
    processes,
    /** What was counted of a port's connections at one end, without what is nought. */
    figures(port: number, end: End = "client"): Figures {
      const sums = Object.keys(counters).map((name) => [
        name,
        of(port, end).reduce((sum, row) => sum + row[name as keyof typeof counters]!, 0),
      ]);
      return Object.fromEntries(sums.filter(([, sum]) => sum !== 0));
    },
    async until(what: string, condition: () => boolean): Promise<void> {
      for (let tries = 0; tries < 600; tries++) {
        agent.poll();
        if (condition()) return;
        await rest(25);
      }
      throw new Error(`waited in vain until ${what}`);
    },
  };
}

function createHosts(t: TestContext): TwoHosts {
  const hosts = new TwoHosts();
  t.after(() => hosts.remove());
  return hosts;
}

const run = (hosts: TwoHosts, namespace: string, ...parameters: (string | number)[]): ChildProcess =>
  hosts.spawn(namespace, process.execPath, traffic, ...parameters.map(String));

const inside = (namespace: string, ...command: string[]): string =>
  execFileSync("ip", ["netns", "exec", namespace, ...command], { encoding: "utf8" });

/** Rules for what arrives at the server, or at another end: one line a port. */
function filter(hosts: TwoHosts, rules: readonly string[], namespace = hosts.server): void {
  const text = `table inet t { chain in { type filter hook input priority 0;\n${rules.join("\n")}\n}\n}\n`;
  execFileSync("ip", ["netns", "exec", namespace, "nft", "-f", "-"], {
    input: `add table inet t\ndelete table inet t\n${text}`,
  });
}

/** The kernel gives up after three seconds, not after two minutes. */
function giveUpSoon({ client }: TwoHosts): void {
  inside(client, "sysctl", "-qw", "net.ipv4.tcp_syn_retries=1");
}

const refusals: readonly [what: string, rule: string, figures: Figures][] = [
  ["a closed port", "", { failed: 1, refused: 1 }],
  ["a firewall's reset", "reject with tcp reset", { failed: 1, refused: 1 }],
  ["a firewall's port unreachable", "reject", { failed: 1, refused: 1 }],
  ["a firewall that is silent", "drop", { failed: 1, timedOut: 1 }],
  ["host unreachable", "reject with icmpx host-unreachable", { failed: 1, unreachable: 1 }],
  ["network unreachable", "reject with icmpx no-route", { failed: 1, unreachable: 1 }],
  ["prohibited", "reject with icmpx admin-prohibited", { failed: 1, unreachable: 1 }],
];
const firstPort = ownPort(1);

for (const family of ["IPv4", "IPv6"] as const) {
  test(`why connections never open over ${family}`, {
    skip: skip || (!hasNft && "nft is not installed"),
    timeout: 60_000,
  }, async (t) => {
    const hosts = createHosts(t);
    const address = family === "IPv4" ? hosts.serverAddress : hosts.serverAddress6;
    filter(
      hosts,
      refusals.flatMap(([, rule], i) => (rule === "" ? [] : `tcp dport ${firstPort + i} ${rule}`)),
    );
    const watch = createWatch(t);
    watch.agent.start();
    for (const i of refusals.keys()) run(hosts, hosts.client, "connect", address, firstPort + i);
    const attempts = () => watch.of(firstPort + 3).filter(({ attempt }) => attempt);
    await watch.until("that it is tried is told", () => attempts().length > 0);
    giveUpSoon(hosts); // not before: a client that gives up between two looks never was one that tries
    for (const [i, [what, , expected]] of refusals.entries()) {
      const port = firstPort + i;
      await watch.until(`${what} is told`, () => watch.of(port).some(({ closed }) => closed));
      assert.deepEqual(watch.figures(port), expected, what);
      assert.deepEqual(watch.of(port, "server"), []);
    }
    assert.equal(attempts().length, 1, "that it is tried was told once");
    const [{ failed, opened, closed } = assert.fail()] = attempts();
    assert.deepEqual([failed, opened, closed], [0, 0, false]);
  });
}

test("a process whose first thread has a name of its own, and that has ended, is called by its program", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t);
  watch.agent.start();
  const client = run(hosts, hosts.client, "connect", hosts.serverAddress, ownPort(99)); // nobody listens
  await once(client, "exit");
  await watch.until("its attempt is told", () => watch.of(ownPort(99)).length > 0);
  const names = [...watch.processes];
  assert.ok(names.includes("node"), `${names}`);
  assert.ok(!names.includes("MainThread"), `${names}`);
});

test("a connection that its own side gives up has failed if somebody really waited", {
  skip: skip || (!hasNft && "nft is not installed"),
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  filter(hosts, [`tcp dport ${ownPort(11)}-${ownPort(12)} drop`]);
  const watch = createWatch(t);
  watch.agent.start();
  const children = [
    [ownPort(11), 300],
    [ownPort(12), 1000],
  ].map(([port, wait]) => run(hosts, hosts.client, "abandon", hosts.serverAddress, port!, wait!));
  await Promise.all(children.map((child) => said(child, "end")));
  await rest(1000); // how late it is looked at changes nothing
  watch.agent.poll();
  assert.deepEqual(watch.figures(ownPort(11)), {});
  assert.deepEqual(watch.figures(ownPort(12)), { failed: 1, timedOut: 1 });
});

test("a server that takes nobody any more lets others time out", { skip, timeout: 60_000 }, async (t) => {
  const hosts = createHosts(t);
  giveUpSoon(hosts);
  await said(run(hosts, hosts.server, "serve", ownPort(13), "full"), "listening");
  const watch = createWatch(t);
  watch.agent.start();
  for (let i = 0; i < 4; i++) {
    run(hosts, hosts.client, "keep", hosts.serverAddress, ownPort(13));
    if (i < 2) await watch.until("its queue takes two", () => watch.figures(ownPort(13)).opened === i + 1);
  }
  await watch.until("the others have failed", () => watch.figures(ownPort(13)).failed === 2);
  assert.deepEqual(watch.figures(ownPort(13)), { opened: 2, failed: 2, timedOut: 2 });
});

test("connections that opened and were broken are told apart from those that ended", {
  skip: skip || (!hasNft && "nft is not installed"),
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t);
  watch.agent.start();
  const serve = (port: number, how: string) =>
    said(run(hosts, hosts.server, "serve", port, how), "listening");
  await Promise.all([
    serve(ownPort(21), "end"),
    serve(ownPort(22), "reset"),
    serve(ownPort(23), "hold"),
    serve(ownPort(24), "hold"),
  ]);
  const connect = (role: string, port: number) => run(hosts, hosts.client, role, hosts.serverAddress, port);
  connect("connect", ownPort(21));
  connect("connect", ownPort(22));
  connect("reset", ownPort(23));
  const kept = connect("keep", ownPort(24));
  await said(kept, "connected");
  filter(hosts, [`tcp dport ${ownPort(24)} drop`]);
  for (const port of [ownPort(21), ownPort(22), ownPort(23), ownPort(24)])
    await watch.until(`${port} has ended`, () => watch.of(port).some(({ closed }) => closed));
  assert.deepEqual(watch.figures(ownPort(21)), { opened: 1 });
  assert.deepEqual(watch.figures(ownPort(22)), { opened: 1, reset: 1 });
  assert.deepEqual(watch.figures(ownPort(22), "server"), { opened: 1 }, "its own side's reset is no failure");
  assert.deepEqual(watch.figures(ownPort(23)), { opened: 1 });
  assert.deepEqual(watch.figures(ownPort(23), "server"), { opened: 1, reset: 1 });
  assert.deepEqual(watch.figures(ownPort(24)), { opened: 1, lost: 1 });
});

test("a reset ails who still waits for something, and nobody who has closed", {
  skip: skip || (!hasNft && "nft is not installed"),
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t);
  watch.agent.start();
  const serve = (port: number, how: string) =>
    said(run(hosts, hosts.server, "serve", port, how), "listening");
  await Promise.all([serve(ownPort(25), "hold"), serve(ownPort(26), "cut")]);
  const closing = run(hosts, hosts.client, "abandon", hosts.serverAddress, ownPort(25), 60_000);
  await said(closing, "connected");
  await watch.until("what it sent has arrived", () =>
    watch.of(ownPort(25), "server").some(({ sent }) => sent === 10),
  );
  filter(hosts, [`tcp dport ${ownPort(25)} reject with tcp reset`]);
  closing.kill("SIGKILL"); // its kernel closes the socket, and the FIN is answered by a reset
  run(hosts, hosts.client, "connect", hosts.serverAddress, ownPort(26)); // ends its half, and waits for the other
  for (const port of [ownPort(25), ownPort(26)])
    await watch.until(`${port} has ended`, () => watch.of(port).some(({ closed }) => closed));
  assert.deepEqual(watch.figures(ownPort(25)), { opened: 1 });
  assert.deepEqual(watch.figures(ownPort(26)), { opened: 1, reset: 1 });
});

test("octets that had to be sent again are counted once, at both ends", {
  skip: skip || (!hasNft && "nft is not installed"),
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const bytes = 300_000;
  const lose = "meta length > 200 numgen random mod 10 == 0 drop"; // segments with data only
  filter(hosts, [`tcp dport ${ownPort(27)} ${lose}`]);
  filter(hosts, [`tcp sport ${ownPort(27)} ${lose}`], hosts.client);
  await said(run(hosts, hosts.server, "serve", ownPort(27), "echo"), "listening");
  const watch = createWatch(t);
  watch.agent.start();
  run(hosts, hosts.client, "send", hosts.serverAddress, ownPort(27), bytes);
  for (const end of ["client", "server"] as const) {
    await watch.until(`the ${end} has ended`, () => watch.of(ownPort(27), end).some(({ closed }) => closed));
    const sum = (name: "sent" | "received" | "resent") =>
      watch.of(ownPort(27), end).reduce((total, row) => total + row[name], 0);
    assert.deepEqual([sum("sent"), sum("received")], [bytes, bytes], end);
    assert.ok(sum("resent") > 0, "nothing was lost");
  }
});

test("the connect time is the client's wait for the answer; the least round trip is below the smoothed", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const slow = spawnSync("tc", [
    "-n",
    hosts.client,
    "qdisc",
    "add",
    "dev",
    hosts.left,
    "root",
    "netem",
    "delay",
    "40ms",
  ]);
  const leastMicroseconds = slow.status === 0 ? 40_000 : 1;
  if (slow.status !== 0) t.diagnostic(`no netem: ${slow.stderr}`);
  await said(run(hosts, hosts.server, "serve", ownPort(31), "end"), "listening");
  const watch = createWatch(t);
  watch.agent.start();
  const child = run(hosts, hosts.client, "connect", hosts.serverAddress, ownPort(31));
  await said(child, "connected");
  await watch.until(
    "both ends are known",
    () => watch.of(ownPort(31)).length > 0 && watch.of(ownPort(31), "server").length > 0,
  );
  await watch.until("it has ended", () => watch.of(ownPort(31)).some(({ closed }) => closed));
  const opening = watch.of(ownPort(31)).filter(({ opened }) => opened === 1);
  assert.equal(opening.length, 1);
  assert.ok(opening[0]!.connect >= leastMicroseconds && opening[0]!.connect < leastMicroseconds + 2e6);
  assert.deepEqual(
    watch.of(ownPort(31)).filter(({ opened, connect }) => opened === 0 && connect > 0),
    [],
    "told once",
  );
  for (const { rttMin, rtt } of watch.of(ownPort(31)).filter(({ rtt }) => rtt > 0))
    assert.ok(rttMin >= leastMicroseconds && rttMin <= rtt, `${rttMin} of ${rtt}`);
  assert.ok(
    watch.of(ownPort(31), "server").every(({ connect }) => connect === 0),
    "the server waits for nobody",
  );
});

test("clients that were waiting for an answer at the start open or fail later", {
  skip: skip || (!hasNft && "nft is not installed"),
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  await said(run(hosts, hosts.server, "serve", ownPort(41), "end"), "listening");
  filter(hosts, [`tcp dport ${ownPort(41)} drop`, `tcp dport ${ownPort(42)} drop`]);
  const waiting = (port: number) =>
    inside(hosts.client, "ss", "-tn", "state", "syn-sent").includes(`:${port}`);
  for (const port of [ownPort(41), ownPort(42)])
    run(hosts, hosts.client, "connect", hosts.serverAddress, port);
  while (!waiting(ownPort(41)) || !waiting(ownPort(42))) await rest(20);
  const watch = createWatch(t);
  watch.agent.start();
  watch.agent.poll();
  for (const port of [ownPort(41), ownPort(42)])
    assert.deepEqual(
      watch.of(port).map(({ attempt, opened }) => [attempt, opened]),
      [[true, 0]],
    );
  filter(hosts, [`tcp dport ${ownPort(42)} reject with tcp reset`]);
  await watch.until("one has ended well", () => watch.of(ownPort(41)).some(({ closed }) => closed));
  await watch.until("one has failed", () => watch.of(ownPort(42)).some(({ closed }) => closed));
  assert.deepEqual(watch.figures(ownPort(41)), { opened: 1 });
  assert.equal(
    watch.of(ownPort(41)).reduce((sum, { sent }) => sum + sent, 0),
    10,
  );
  assert.deepEqual(
    [...new Set(watch.of(ownPort(41)).map(({ connect }) => connect))],
    [0],
    "since when is not known",
  );
  assert.deepEqual(watch.figures(ownPort(42)), { failed: 1, refused: 1 });
});

/** The kernel's own count of a connection's octets: sent and acknowledged, and received. */
function countedByKernel(namespace: string, port: number): { acked: number; received: number } {
  const text = inside(namespace, "ss", "-tinH", "dst", `:${port}`);
  const figure = (name: string) => Number(new RegExp(`${name}:(\\d+)`).exec(text)?.[1] ?? 0);
  return { acked: figure("bytes_acked"), received: figure("bytes_received") };
}

const cgroupGetsockopt = 21; // BPF_CGROUP_GETSOCKOPT

test("what programs are told by getsockopt stays as it was, also what is longer than a page", {
  skip: skip || whyNoCgroups(),
  timeout: 60_000,
}, (t) => {
  // In a cgroup of its own: agents at the root see the answer after this one.
  const cgroupRoot = join(facts.cgroupRoot, `ptl-getsockopt-${process.pid}`);
  mkdirSync(cgroupRoot);
  const ask = () =>
    JSON.parse(
      execFileSync(
        "sh",
        ["-c", `echo $$ > ${cgroupRoot}/cgroup.procs; exec "$@"`, "sh", process.execPath, longAnswer],
        { encoding: "utf8" },
      ),
    );
  const expected = { result: 0, bytes: 12_000, isWhole: true, isRestUntouched: true };
  const watch = createWatch(t, { ...facts, cgroupRoot });
  t.after(() => rmdirSync(cgroupRoot));
  assert.deepEqual(ask(), expected, "before the agent is there");
  watch.agent.start();
  assert.ok(heldBpf(process.pid).some(({ attachType }) => attachType === cgroupGetsockopt));
  assert.deepEqual(ask(), expected);
});

test("an error that a program was told is of that attempt alone, also when its socket connects again", {
  skip: skip || (!hasNft && "nft is not installed"),
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  filter(hosts, [`tcp dport ${ownPort(64)} reject`, `tcp dport ${ownPort(65)} drop`]);
  const watch = createWatch(t);
  watch.agent.start();
  const text = inside(
    hosts.client,
    process.execPath,
    toldError,
    hosts.serverAddress,
    String(ownPort(64)),
    String(ownPort(65)),
  );
  const refused = 111; // ECONNREFUSED
  assert.deepEqual(JSON.parse(text), { told: refused });
  await watch.until("the first is told", () => watch.of(ownPort(64)).some(({ closed }) => closed)); // and so would be the second
  assert.deepEqual(watch.figures(ownPort(64)), { failed: 1, refused: 1 });
  assert.deepEqual(watch.figures(ownPort(65)), {}, "given up before anybody waited");
});

test("without soft errors nothing stands at getsockopt, and connections are seen", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const hosts = createHosts(t);
  const watch = createWatch(t, facts, { softErrors: false });
  watch.agent.start();
  assert.equal(watch.agent.status().way, "eBPF");
  assert.ok(!heldBpf(process.pid).some(({ attachType }) => attachType === cgroupGetsockopt));
  run(hosts, hosts.client, "connect", hosts.serverAddress, ownPort(61)); // nobody listens there
  await watch.until("it has failed", () => watch.of(ownPort(61)).some(({ closed }) => closed));
  assert.deepEqual(watch.figures(ownPort(61)), { failed: 1, refused: 1 });
});

interface Counted {
  readonly rows: number;
  readonly opened: number;
  readonly sent: number;
  readonly received: number;
}

/** An agent of its own process; `counted` is what it said last. */
async function startAgent(t: TestContext, port: number) {
  const child = spawn(process.execPath, [agentProcess, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  let text = "";
  child.stdout.on("data", (data) => (text += data));
  while (!text.startsWith("on ")) await rest(20);
  const lines = () => text.split("\n").slice(1, -1);
  return {
    child,
    counted: (): Counted => JSON.parse(lines().at(-1) ?? '{"rows":0,"opened":0,"sent":0,"received":0}'),
    async polls(count: number) {
      const before = lines().length;
      while (lines().length < before + count) await rest(20);
    },
  };
}

test("killed in the middle of traffic it leaves nothing, and the next one counts on: no octet twice", {
  skip: skip || (spawnSync("bpftool", ["version"]).status !== 0 && "bpftool is not installed"),
  timeout: 90_000,
}, async (t) => {
  const hosts = createHosts(t);
  const port = ownPort(51);
  await said(run(hosts, hosts.server, "serve", port, "echo"), "listening");
  const client = run(hosts, hosts.client, "stream", hosts.serverAddress, port);
  await said(client, "connected");
  const now = () => countedByKernel(hosts.client, port);

  const first = await startAgent(t, port);
  await first.polls(10);
  const held = heldBpf(first.child.pid!);
  assert.ok(new Set(held.map(({ kind }) => kind)).size === 3, "programs, maps and links");
  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  const afterFirst = now();
  for (const { kind, id } of held) {
    const isThere = () => spawnSync("bpftool", [kind, "show", "id", id]).status === 0;
    for (let tries = 0; isThere(); tries++) {
      assert.ok(tries < 300, `${kind} ${id} is still there`);
      await rest(20);
    }
  }

  const beforeSecond = now();
  const second = await startAgent(t, port);
  const atSecond = now();
  await second.polls(10);
  process.kill(client.pid!, "SIGSTOP"); // no more from the application; what is under way arrives
  let [before, after] = [now(), now()];
  do {
    await rest(200);
    [before, after] = [after, now()];
  } while (before.acked !== after.acked || before.received !== after.received);
  await second.polls(3);
  const end = now();
  const { rows, opened, sent, received } = second.counted();
  assert.ok(rows > 1 && opened === 0, "known, and none that opened");
  const between = (value: number, least: number, most: number, what: string) =>
    assert.ok(value >= least && value <= most, `${what}: ${least} <= ${value} <= ${most}`);
  between(received, end.received - atSecond.received, end.received - beforeSecond.received, "received");
  // What was sent and not yet acknowledged when it started is not its own; a window of it may be.
  const inFlight = 4 * 1024 * 1024;
  between(sent, end.acked - atSecond.acked - inFlight, end.acked - beforeSecond.acked, "sent");
  assert.ok(first.counted().received <= afterFirst.received && first.counted().received > 0);
  assert.ok(first.counted().received + received <= end.received, "no octet twice");
  process.kill(client.pid!, "SIGCONT");
});
