/** Connections that end before anybody looks, or just then: what the kernel half keeps apart is told once, and whole. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { availableParallelism } from "node:os";
import { type TestContext, test } from "node:test";
import { setTimeout as rest, setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { errorName } from "../src/native/index.ts";
import {
  canRunTcp,
  createTcpObserver,
  readKernelFacts,
  type TcpReport,
  tcpRole,
} from "../src/observe/index.ts";
import { ownPort, said, TwoHosts, whyNoNamespaces } from "./namespaces.ts";

const skip = canRunTcp(readKernelFacts())?.reason ?? whyNoNamespaces();
const program = fileURLToPath(new URL("./short-connections.ts", import.meta.url));

type Config = Partial<Parameters<typeof createTcpObserver>[0]>;

/** What was said of the connections to some ports, at both ends. */
function createWatch(t: TestContext, ports: readonly number[], config: Config = {}) {
  const observer = createTcpObserver({ connectionsMax: 20_000, ...config });
  observer.start();
  t.after(() => observer.stop());
  const none = () => ({ opened: 0, closed: 0, sent: 0, received: 0 });
  const ends = { client: none(), server: none() };
  const open = new Set<string>();
  const mistakes: string[] = [];
  let goneOn = 0;
  /** Of attempts that failed: how often each. */
  const errors: Record<string, number> = {};
  const startNanoseconds = Number(process.hrtime.bigint());

  function visit(report: TcpReport): void {
    const isClient = report.role === tcpRole.client;
    const [own, other] = [report.localPort, report.remotePort];
    if (!ports.includes(isClient ? other : own)) return;
    const address = report.bytes.subarray(report.remoteAddress, report.remoteAddress + 16).join(".");
    const key = `${report.role} ${own} ${other} ${address} ${report.openedNanoseconds}`;
    if (report.isFirst === open.has(key))
      mistakes.push(`${key}: ${report.isFirst ? "begins twice" : "was not begun"}`);
    if (report.isClosed) open.delete(key);
    else open.add(key);
    const opened = report.openedNanoseconds;
    if (opened < startNanoseconds || opened > Number(process.hrtime.bigint()))
      mistakes.push(`${key}: at another time`);
    goneOn += report.isFirst && !report.isClosed ? 1 : 0;
    const end = ends[isClient ? "client" : "server"];
    end.opened += report.opens ? 1 : 0;
    end.closed += report.isClosed ? 1 : 0;
    if (report.isUnopened && report.isClosed)
      errors[errorName(report.error)] = (errors[errorName(report.error)] ?? 0) + 1;
    end.sent += report.bytesSent;
    end.received += report.bytesReceived;
  }

  return {
    observer,
    ends,
    errors,
    mistakes,
    drain: () => observer.drain(visit),
    look() {
      observer.walk();
      observer.drain(visit);
    },
    /** Connections that were told of before their end. */
    get goneOn() {
      return goneOn;
    },
    /** `expected`: at the client's end. */
    assertWhole(expected: { opened: number; sent: number; received: number }) {
      assert.deepEqual(mistakes, []);
      const { opened, sent, received } = expected;
      const { tableFull, overwritten, missed } = observer.losses();
      // At once, so that where something is amiss it is seen what was counted for it.
      assert.deepEqual(
        { ...ends, stillOpen: open.size, tableFull, overwritten, missed },
        {
          client: { opened, closed: opened, sent, received },
          server: { opened, closed: opened, sent: received, received: sent },
          ...{ stillOpen: 0, tableFull: 0, overwritten: 0, missed: 0 },
        },
      );
    },
  };
}

type Served = "shortly" | "held" | "lingering" | "refused";

/** The parts of `short-connections.ts`: the server's, if there is one, and the client's. */
const partsOf: Readonly<Record<Served, readonly [server: string | undefined, client: string]>> = {
  shortly: ["serve", "connect"],
  held: ["keep", "hold"],
  lingering: ["serve", "linger"],
  refused: [undefined, "refused"],
};

/** Servers of short connections by bare system calls, one for each port, in a namespace. */
async function serve(t: TestContext, ports: readonly number[], how: Served = "shortly") {
  const [server, client] = partsOf[how];
  const hosts = new TwoHosts();
  t.after(() => hosts.remove());
  // In one thread: who waits for V8's others leaves the processor, and others are interrupted on it.
  const run = (...parameters: (string | number)[]) =>
    hosts.spawn(hosts.client, process.execPath, "--single-threaded", program, ...parameters.map(String));
  if (server !== undefined) for (const port of ports) await said(run(server, port), "listening");

  /** Makes so many to each port, by processes that are added to `clients`; resolves with what was sent. */
  async function connectAll(count: number, clients: ChildProcess[] = []) {
    const total = { opened: ports.length * count, sent: 0, received: 0 };
    await Promise.all(
      ports.map(async (port) => {
        const child = run(client, port, count);
        clients.push(child);
        const { sent, received } = JSON.parse(await said(child, "}"));
        total.sent += sent;
        total.received += received;
      }),
    );
    return total;
  }

  return { hosts, run, connectAll };
}

/** Looks, again and again, until something is done. */
async function meanwhile<T>(done: Promise<T>, look: () => void): Promise<T> {
  let isOn = true;
  const result = done.finally(() => (isOn = false));
  while (isOn) {
    look();
    await turn();
  }
  return result;
}

const busyProcessor = 1;

/**
 * The same, where every packet interrupts one processor, as by a network card (RPS), and with it a process that connects all the time: many of the
 * events come in the middle of another. It is always the same process: of what interrupts one that a sandbox shields, programs like ours are not told.
 */
async function serveByInterrupts(t: TestContext, ports: readonly number[], how: Served = "shortly") {
  const { hosts, run, connectAll } = await serve(t, ports, how);
  const steer = `echo ${(1 << busyProcessor).toString(16)} > /sys/class/net/lo/queues/rx-0/rps_cpus`;
  execFileSync("ip", ["netns", "exec", hosts.client, "sh", "-c", steer]);
  const makeAll = async (count: number) => {
    const clients: ChildProcess[] = [];
    let done: ReturnType<typeof connectAll> | undefined;
    for (let isOn = true; isOn; ) {
      const busy = run("busy", ownPort(68), busyProcessor);
      await said(busy, "busy");
      const ended = once(busy, "exit");
      for (const client of clients) client.kill("SIGCONT");
      done ??= connectAll(count, clients);
      isOn = await Promise.race([done.then(() => false), rest(500, true)]);
      for (const client of clients) client.kill("SIGSTOP");
      await rest(50); // what is on its way arrives
      busy.kill("SIGKILL");
      await ended;
    }
    return done!;
  };
  return { hosts, connectAll: makeAll };
}

test("connections that end while a walk takes them up are told once, with all their bytes", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const ports = [ownPort(61), ownPort(62)];
  const { connectAll } = await serve(t, ports);
  const watch = createWatch(t, ports);
  const truth = await meanwhile(connectAll(6000), () => {
    for (let i = 0; i < 20; i++) watch.look();
  });
  for (let i = 0; i < 3; i++) watch.look();
  assert.ok(watch.goneOn > 0, "walks met some of them");
  watch.assertWhole(truth);
});

test("ends for which neither log nor ring buffer has room wait for the next look, each once", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const ports = [ownPort(63), ownPort(64)];
  const { connectAll } = await serve(t, ports);
  const watch = createWatch(t, ports, { logEntries: 512, ringBufferBytes: 64 * 1024 });
  const truth = await connectAll(3000);
  assert.ok(watch.observer.losses().deferred > 1000, "both are full");
  for (let looks = 0; watch.ends.server.closed < truth.opened && looks < 100; looks++) watch.look();
  watch.look();
  watch.assertWhole(truth);
});

const noInterrupts = skip || (availableParallelism() < 2 && "one processor is interrupted by no other");

interface NestedCase {
  readonly withWalks: boolean;
  readonly config?: Config;
}

const nestedCases: Readonly<Record<string, NestedCase>> = {
  "": { withWalks: false },
  ", also with walks back to back, looks for them all the time, and little room in log and ring buffer": {
    withWalks: true,
    config: { logEntries: 512, ringBufferBytes: 256 * 1024, lookAgainMilliseconds: 1 },
  },
};

for (const [how, { withWalks, config }] of Object.entries(nestedCases)) {
  test(`events that come in the middle of another, by an interrupt, are followed as all are${how}`, {
    skip: noInterrupts,
    timeout: 180_000,
  }, async (t) => {
    const ports = [ownPort(66), ownPort(67)];
    const { connectAll } = await serveByInterrupts(t, ports);
    const watch = createWatch(t, ports, config);
    const truth = await meanwhile(connectAll(8000), withWalks ? watch.look : watch.drain);
    for (let i = 0; i < 3; i++) watch.look();
    watch.assertWhole(truth);
    const nested = watch.observer.nestedCount();
    t.diagnostic(`${nested} events came in the middle of another`);
    assert.ok(nested > 100, "there were many");
  });
}

for (const others of [false, true]) {
  const besides = others ? ", also where somebody else has asked for its cookie" : "";
  test(`a connection whose begin came in the middle of another event is told while it is open${besides}`, {
    skip: noInterrupts,
    timeout: 180_000,
  }, async (t) => {
    const ports = [ownPort(66), ownPort(67)];
    const { hosts, connectAll } = await serveByInterrupts(t, ports, "held");
    const watch = createWatch(t, ports, { lookAgainMilliseconds: 100 });
    const { opened, sent, received } = await meanwhile(connectAll(450), watch.drain);
    if (others) execFileSync("ip", ["netns", "exec", hosts.client, "ss", "-Htan"]); // inet_diag tells cookies, and so gives them
    watch.look();
    assert.ok(watch.ends.server.opened < opened - 20, "there were many");
    for (let i = 0; i < 50 && watch.ends.server.opened < opened; i++) {
      await rest(50);
      watch.look();
    }
    watch.look();
    assert.deepEqual(watch.mistakes, []);
    assert.deepEqual(watch.ends, {
      client: { opened, closed: 0, sent, received },
      server: { opened, closed: 0, sent: received, received: sent },
    });
  });
}

test("connections from before the start for which there was no room are not told as new when they end", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const port = ownPort(69);
  const served: Socket[] = [];
  let received = 0;
  const server = createServer((socket) => {
    served.push(socket.on("data", (data) => (received += data.length)));
  }).listen(port, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const clients = Array.from({ length: 4 }, () => connect(port, "127.0.0.1"));
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  const data = new Uint8Array(50_000);
  /** So that TCP measures how much is received in a round trip, as it does while much is. */
  async function write(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      for (const client of clients) client.write(data);
      const all = received + clients.length * data.length;
      while (received < all) await rest(1);
    }
  }
  await Promise.all(clients.map((client) => once(client, "connect")));
  await write(5);
  const observer = createTcpObserver({ connectionsMax: 1 });
  t.after(() => observer.stop());
  observer.start();
  assert.ok(observer.losses().tableFull > 0);
  await write(5);
  await Promise.all(clients.map((client) => once(client.end(), "close")));
  const news: number[] = [];
  for (let i = 0; i < 3; i++) {
    await rest(20);
    observer.walk();
    observer.drain((report) => {
      const isOwn = report.localPort === port || report.remotePort === port;
      if (isOwn && !report.isOlder) news.push(report.bytesReceived);
    });
  }
  assert.deepEqual(news, []);
});

test("an end that came in the middle of another event is told while a program holds the socket", {
  skip: noInterrupts,
  timeout: 180_000,
}, async (t) => {
  const ports = [ownPort(66), ownPort(67)];
  const { connectAll } = await serveByInterrupts(t, ports, "lingering");
  const watch = createWatch(t, ports);
  const truth = await meanwhile(connectAll(450), watch.drain);
  assert.ok(watch.ends.client.closed < truth.opened - 20, "there were many");
  await rest(1100); // a socket may say that it is closed when it has not begun yet
  for (let i = 0; i < 5; i++) watch.look();
  watch.assertWhole(truth);
  assert.deepEqual(watch.errors, {});
});

test("an attempt that is refused in the middle of another event failed, and for its reason", {
  skip: noInterrupts,
  timeout: 180_000,
}, async (t) => {
  const ports = [ownPort(66), ownPort(67)];
  const { connectAll } = await serveByInterrupts(t, ports, "refused");
  const watch = createWatch(t, ports);
  await meanwhile(connectAll(4000), watch.drain);
  watch.look();
  t.diagnostic(`${watch.observer.nestedCount()} events came in the middle of another`);
  assert.ok(watch.observer.nestedCount() > 100, "there were many");
  assert.deepEqual(watch.errors, { ECONNREFUSED: 8000 });
});

test("more connections at once than the table of the young holds are followed among the others", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const connections = 2600; // twice as many sockets, and 4096 places
  const served: Socket[] = [];
  const server = createServer((socket) => void served.push(socket.resume())).listen(
    ownPort(65),
    "127.0.0.1",
    4096,
  );
  await once(server, "listening");
  const watch = createWatch(t, [ownPort(65)]);
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = connect(ownPort(65), "127.0.0.1").resume();
      await once(client, "connect");
      client.write("hello");
      return client;
    }),
  );
  async function end(some: readonly Socket[]): Promise<void> {
    await Promise.all(some.map((client) => once(client.end(), "close")));
  }
  await end(clients.slice(0, connections / 2));
  while (watch.ends.server.closed < connections / 2) {
    watch.drain();
    await turn();
  }
  assert.equal(watch.goneOn, 0, "no walk was there");
  watch.look();
  watch.look();
  assert.equal(watch.goneOn, connections, "the other half, at both ends");
  await end(clients.slice(connections / 2));
  server.close();
  while (watch.ends.server.closed < connections) {
    watch.look();
    await turn();
  }
  watch.assertWhole({ opened: connections, sent: 5 * connections, received: 0 });
});
