/** Connections that end before anybody looks, or just then: what the kernel half keeps apart is told once, and whole. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
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
    goneOn += report.isFirst && !report.isClosed ? 1 : 0;
    const end = ends[isClient ? "client" : "server"];
    end.opened += report.opens ? 1 : 0;
    end.closed += report.isClosed ? 1 : 0;
    end.sent += report.bytesSent;
    end.received += report.bytesReceived;
  }

  return {
    observer,
    ends,
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
      assert.deepEqual(ends, {
        client: { opened, closed: opened, sent, received },
        server: { opened, closed: opened, sent: received, received: sent },
      });
      assert.equal(open.size, 0);
      const { tableFull, overwritten, missed } = observer.losses();
      assert.deepEqual({ tableFull, overwritten, missed }, { tableFull: 0, overwritten: 0, missed: 0 });
    },
  };
}

/** Short connections by bare system calls, one pair of processes for each port; resolves with what they sent. */
async function connectShortly(
  t: TestContext,
  ports: readonly number[],
  count: number,
  { byInterrupts = false } = {},
) {
  const hosts = new TwoHosts();
  t.after(() => hosts.remove());
  // RPS hands packets to other processors, which are interrupted for them, as by a network card.
  const spread = "echo 3 > /sys/class/net/lo/queues/rx-0/rps_cpus";
  if (byInterrupts) execFileSync("ip", ["netns", "exec", hosts.client, "sh", "-c", spread]);
  const run = (...parameters: (string | number)[]) =>
    hosts.spawn(hosts.client, process.execPath, program, ...parameters.map(String));
  for (const port of ports) await said(run("serve", port), "listening");
  return async () => {
    const total = { opened: ports.length * count, sent: 0, received: 0 };
    await Promise.all(
      ports.map(async (port) => {
        const client = run("connect", port, count);
        let text = "";
        client.stdout?.on("data", (data) => (text += data));
        await once(client, "close");
        const { sent, received } = JSON.parse(text);
        total.sent += sent;
        total.received += received;
      }),
    );
    return total;
  };
}

test("connections that end while a walk takes them up are told once, with all their bytes", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const ports = [ownPort(61), ownPort(62)];
  const start = await connectShortly(t, ports, 6000);
  const watch = createWatch(t, ports);
  let truth: Awaited<ReturnType<typeof start>> | undefined;
  const done = start().then((total) => (truth = total));
  while (truth === undefined) {
    for (let i = 0; i < 20; i++) watch.look();
    await turn();
  }
  for (let i = 0; i < 3; i++) watch.look();
  assert.ok(watch.goneOn > 0, "walks met some of them");
  watch.assertWhole(await done);
});

test("ends for which neither log nor ring buffer has room wait for the next look, each once", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const ports = [ownPort(63), ownPort(64)];
  const start = await connectShortly(t, ports, 3000);
  const watch = createWatch(t, ports, { logEntries: 512, ringBufferBytes: 64 * 1024 });
  const truth = await start();
  assert.ok(watch.observer.losses().deferred > 1000, "both are full");
  for (let looks = 0; watch.ends.server.closed < truth.opened && looks < 100; looks++) watch.look();
  watch.look();
  watch.assertWhole(truth);
});

test("what the kernel leaves out, since the program is at work on that processor, is counted, and no failure", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const ports = [ownPort(66), ownPort(67)];
  const start = await connectShortly(t, ports, 8000, { byInterrupts: true });
  const watch = createWatch(t, ports);
  const { opened } = await start();
  for (let i = 0; i < 3; i++) watch.look();
  const { missed, eventsMissed } = watch.observer.losses();
  const untold = 2 * opened - watch.ends.client.opened - watch.ends.server.opened;
  assert.ok(untold <= eventsMissed, `${untold} ends were not told, and ${eventsMissed} events missed`);
  assert.ok(missed <= eventsMissed, "an end that was found out to be missed is one of the events");
  for (const end of Object.values(watch.ends))
    assert.ok(end.closed <= end.opened, "none is told as not opened");
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
