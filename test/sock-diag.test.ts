import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { formatAddress } from "../src/flow/index.ts";
import {
  canRunSockDiag,
  canRunTcp,
  createSockDiagObserver,
  createTcpObserver,
  readKernelFacts,
  readSockDiagFacts,
  type SockDiagObserverConfig,
  type TcpObserver,
  type TcpReport,
  tcpRole,
} from "../src/observe/index.ts";
import { said, TwoHosts, whyNoNamespaces } from "./namespaces.ts";

const skip = canRunSockDiag(readSockDiagFacts())?.reason ?? whyNoNamespaces();
const skipBeside = canRunTcp(readKernelFacts())?.reason ?? skip;
const traffic = new URL("traffic.ts", import.meta.url).pathname;

/** What all reports of one socket add up to. */
interface Seen {
  role: "client" | "server";
  local: string;
  remote: string;
  sent: number;
  received: number;
  segmentsSent: number;
  segmentsReceived: number;
  retransmits: number;
  opened: number;
  closed: number;
  failed: number;
  isOlder: boolean;
  error: number;
  networkNamespace: number;
  process: number;
  processName: string;
  cgroupId: number;
  reports: number;
}

class Watch {
  readonly sockets = new Map<string, Seen>();
  readonly observer: TcpObserver;

  constructor(t: TestContext, observer: TcpObserver) {
    this.observer = observer;
    observer.start();
    t.after(() => observer.stop());
  }

  poll(): void {
    this.observer.walk();
    this.observer.drain((report) => this.#add(report));
  }

  #add(report: TcpReport): void {
    const end = (address: number, port: number) => `${formatAddress(report.bytes, address)} ${port}`;
    const local = end(report.localAddress, report.localPort);
    const remote = end(report.remoteAddress, report.remotePort);
    const role = report.role === tcpRole.client ? "client" : "server";
    const key = `${role} ${local} ${remote} ${report.networkNamespace}`;
    const seen = this.sockets.get(key) ?? {
      ...{ role, local, remote, sent: 0, received: 0, segmentsSent: 0, segmentsReceived: 0 },
      ...{ retransmits: 0, opened: 0, closed: 0, failed: 0, error: 0, isOlder: report.isOlder },
      ...{ networkNamespace: report.networkNamespace, process: 0, processName: "", cgroupId: 0, reports: 0 },
    };
    seen.sent += report.bytesSent;
    seen.received += report.bytesReceived;
    seen.segmentsSent += report.segmentsSent;
    seen.segmentsReceived += report.segmentsReceived;
    seen.retransmits += report.retransmits;
    if (report.isFirst) seen.opened++;
    if (report.isClosed) seen.closed++;
    if (report.isUnopened) seen.failed++;
    seen.error = report.error;
    seen.process = report.process;
    seen.processName = report.processName;
    seen.cgroupId = report.cgroupId;
    seen.reports++;
    this.sockets.set(key, seen as Seen);
  }

  /** The ends of the connections to a server port. */
  of(port: number, role: Seen["role"]): Seen[] {
    return [...this.sockets.values()].filter(
      (seen) => seen.role === role && (role === "client" ? seen.remote : seen.local).endsWith(` ${port}`),
    );
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    for (let tries = 0; ; tries++) {
      this.poll();
      if (condition()) return;
      assert.ok(tries < 300, `waited in vain until ${what}: ${JSON.stringify([...this.sockets.values()])}`);
      await rest(10);
    }
  }

  untilClosed(port: number, count: number): Promise<void> {
    const closed = (role: Seen["role"]) => this.of(port, role).filter((seen) => seen.closed === 1).length;
    return this.until(
      () => closed("client") >= count && closed("server") >= count,
      `${count} connections to ${port} end`,
    );
  }
}

const watchSockDiag = (t: TestContext, config: Partial<SockDiagObserverConfig> = {}) =>
  new Watch(t, createSockDiagObserver({ connectionsMax: 50_000, dumpShareMax: 1, ...config }));

async function listen(t: TestContext, host: string, serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    serve(socket);
  }).listen(0, host);
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Reads all, then answers with so many bytes and closes. */
const answer = (bytes: number) => (socket: Socket) =>
  socket.resume().on("end", () => socket.end(Buffer.alloc(bytes)));

async function talk(host: string, port: number, bytes: number): Promise<void> {
  const socket = connect({ host, port, allowHalfOpen: true });
  socket.resume();
  socket.end(Buffer.alloc(bytes));
  await once(socket, "close");
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`connections shorter than a poll, over ${host}: both ends, exact`, { skip }, async (t) => {
    const watch = watchSockDiag(t);
    const port = await listen(t, host, answer(70_000));
    watch.poll();
    for (let i = 0; i < 20; i++) await talk(host, port, 1000 + i);
    await watch.untilClosed(port, 20);
    const clients = watch.of(port, "client");
    const servers = watch.of(port, "server");
    assert.deepEqual(
      clients.map(({ sent }) => sent).sort(),
      Array.from({ length: 20 }, (_, i) => 1000 + i),
    );
    for (const { sent, received, opened, closed, failed, isOlder, local, remote } of clients) {
      const other = servers.find((server) => server.remote === local && server.local === remote);
      assert.deepEqual(
        [received, opened, closed, failed, isOlder, other?.sent, other?.received],
        [70_000, 1, 1, 0, false, 70_000, sent],
      );
      assert.equal(other?.process, process.pid, "who listens");
    }
    assert.deepEqual([clients.length, servers.length], [20, 20]);
  });
}

test("whoever closes, and however, payload is what was sent", { skip }, async (t) => {
  const watch = watchSockDiag(t);
  // What the server does, and what the client does, once both have sent 500 and read 500.
  const ways: Record<string, (first: Socket, second: Socket) => void> = {
    "one closes, the other when it sees that": (first, second) => {
      second.on("end", () => second.destroy());
      first.destroy();
    },
    "one closes, the other long after": (first, second) => {
      second.on("end", () => setTimeout(() => second.destroy(), 150));
      first.destroy();
    },
    "one ends, the other ends, both close": (first, second) => {
      first.on("end", () => first.destroy());
      second.on("end", () => second.end(() => second.destroy()));
      first.end();
    },
    "both at once": (first, second) => {
      first.destroy();
      second.destroy();
    },
    "a reset": (first) => void first.resetAndDestroy(),
    "a reset after the other's end": (first, second) => {
      second.end();
      first.on("end", () => first.resetAndDestroy());
    },
  };
  for (const [name, close] of Object.entries(ways)) {
    for (const isServerFirst of [false, true]) {
      await t.test(`${name}, ${isServerFirst ? "server" : "client"} first`, async (t) => {
        const accepted: Socket[] = [];
        const port = await listen(t, "127.0.0.1", (socket) => accepted.push(socket));
        watch.poll();
        const client = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
        client.on("error", () => {});
        await once(client, "connect");
        while (accepted.length === 0) await rest(2);
        const [server] = accepted as [Socket];
        client.write(Buffer.alloc(500));
        server.write(Buffer.alloc(500));
        const readAll = async (socket: Socket) => {
          for (let left = 500; left > 0; ) left -= ((await once(socket, "data")) as [Buffer])[0].length;
        };
        await Promise.all([readAll(client), readAll(server)]);
        // Who resets is forgotten by the kernel at once: it counts with what was last read.
        if (name.includes("reset")) watch.poll();
        close(...((isServerFirst ? [server, client] : [client, server]) as [Socket, Socket]));
        await Promise.all(
          [client, server].map(
            (socket) => socket.closed || new Promise((closed) => socket.once("close", closed)),
          ),
        );
        await watch.untilClosed(port, 1);
        const figures = (seen?: Seen) => [seen?.sent, seen?.received, seen?.opened, seen?.closed];
        assert.deepEqual(figures(watch.of(port, "client")[0]), [500, 500, 1, 1]);
        assert.deepEqual(figures(watch.of(port, "server")[0]), [500, 500, 1, 1]);
      });
    }
  }
});

test("an open connection is reported as it goes, one that was there before from the start on", {
  skip,
}, async (t) => {
  const port = await listen(t, "127.0.0.1", (socket) => socket.pipe(socket));
  const open = async () => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    t.after(() => socket.destroy());
    return socket;
  };
  const echo = async (socket: Socket, bytes: number) => {
    socket.write(Buffer.alloc(bytes));
    for (let left = bytes; left > 0; ) left -= ((await once(socket, "data")) as [Buffer])[0].length;
  };
  const older = await open();
  await echo(older, 5000);
  const watch = watchSockDiag(t);
  const newer = await open();
  await echo(newer, 300);
  watch.poll();
  await echo(older, 7);
  await echo(newer, 20);
  watch.poll();
  const localPorts = new Map([older, newer].map((socket) => [socket, socket.localPort]));
  const end = (socket: Socket) =>
    watch.of(port, "client").find(({ local }) => local === `127.0.0.1 ${localPorts.get(socket)}`)!;
  const figures = ({ sent, received, opened, closed, isOlder, reports }: Seen) => ({
    ...{ sent, received, opened, closed, isOlder, reports },
  });
  assert.deepEqual(figures(end(older)), {
    ...{ sent: 7, received: 7, opened: 1, closed: 0, isOlder: true, reports: 2 },
  });
  assert.deepEqual(figures(end(newer)), {
    ...{ sent: 320, received: 320, opened: 1, closed: 0, isOlder: false, reports: 2 },
  });
  watch.poll();
  assert.equal(end(newer).reports, 2, "nothing moved");
  assert.equal(end(newer).process, process.pid);
  assert.equal(end(newer).processName.length > 0, true);
  assert.equal(watch.observer.losses().walked >= 4, true);
  for (const { process: owner } of watch.of(port, "server")) assert.equal(owner, process.pid);
  newer.destroy();
  older.destroy();
  await watch.untilClosed(port, 2);
  assert.deepEqual([end(newer).sent, end(newer).received, end(older).sent], [320, 320, 7]);
});

test("connects that are refused, or not answered", { skip }, async (t) => {
  const watch = watchSockDiag(t);
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  await assert.rejects(once(connect(port, "127.0.0.1"), "connect"));
  await watch.until(() => watch.of(port, "client").length === 1, "the refused connect is told");
  const [refused] = watch.of(port, "client");
  assert.deepEqual(
    [refused?.failed, refused?.closed, refused?.error, refused?.sent, refused?.segmentsSent],
    [1, 1, 111, 0, 1],
  );
});

test("the namespaces of others: both ends, bytes as sent, who owns them, and a namespace that comes and goes", {
  skip,
}, async (t) => {
  const watch = watchSockDiag(t);
  watch.poll();
  const hosts = new TwoHosts();
  t.after(() => hosts.remove());
  const server = hosts.spawn(hosts.server, process.execPath, traffic, "serve", "7000", "30000");
  await said(server, "listening");
  const long = hosts.spawn(
    ...[hosts.client, process.execPath, traffic, "send"],
    ...[hosts.serverAddress, "7000", "100000", "30000"],
  );
  await said(long, "received all");
  watch.poll();
  const client = () =>
    watch.of(7000, "client").find(({ remote }) => remote === `${hosts.serverAddress} 7000`)!;
  assert.deepEqual([client().sent, client().received, client().closed], [100_008, 30_000, 0]);
  assert.equal(client().process, long.pid);
  assert.equal(client().networkNamespace, statSync(`/run/netns/${hosts.client}`).ino);
  assert.notEqual(client().cgroupId, 0);
  const oracle = execFileSync(
    "ip",
    ["netns", "exec", hosts.client, "ss", "-tinH", "dst", hosts.serverAddress],
    { encoding: "utf8" },
  );
  const ssFigure = (name: string) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(oracle)?.[1] ?? 0);
  assert.equal(client().sent, ssFigure("bytes_sent") - ssFigure("bytes_retrans"));
  assert.equal(client().received, ssFigure("bytes_received"));
  assert.equal(client().segmentsSent, ssFigure("segs_out"));
  assert.equal(client().segmentsReceived, ssFigure("segs_in"));
  long.stdin!.write("close");
  await once(long, "exit");
  const six = hosts.spawn(
    ...[hosts.client, process.execPath, traffic, "send"],
    ...[hosts.serverAddress6, "7000", "5000", "30000"],
  );
  await said(six, "received all");
  six.stdin!.write("close");
  await once(six, "exit");
  server.kill("SIGKILL"); // its sockets end with it
  await watch.untilClosed(7000, 2);
  for (const { sent, received, opened, closed, remote } of watch.of(7000, "client")) {
    const bytes = remote.startsWith("fd77") ? 5008 : 100_008;
    assert.deepEqual([sent, received, opened, closed], [bytes, 30_000, 1, 1], remote);
  }
  for (const { sent, received, process: owner, remote } of watch.of(7000, "server")) {
    const bytes = remote.startsWith("fd77") ? 5008 : 100_008;
    assert.deepEqual([sent, received, owner], [30_000, bytes, server.pid], remote);
  }
  const before = observerReach(watch).networkNamespaces;
  hosts.remove();
  await watch.until(() => observerReach(watch).networkNamespaces === before - 2, "the namespaces are let go");
});

const observerReach = (watch: Watch) => (watch.observer as ReturnType<typeof createSockDiagObserver>).reach();

test("a socket that is dead though its program keeps it ends with what was last read, once", {
  skip,
}, async (t) => {
  const accepted: Socket[] = [];
  const port = await listen(t, "127.0.0.1", (socket) => accepted.push(socket.resume()));
  const watch = watchSockDiag(t);
  const script = `require("node:net").connect(${port}, "127.0.0.1", function () { this.write("12345", () => console.log("sent")); })`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  t.after(() => child.kill("SIGKILL"));
  await said(child, "sent");
  await watch.until(() => watch.of(port, "client")[0]?.process === child.pid, "the client is seen");
  child.kill("SIGSTOP");
  accepted[0]!.resetAndDestroy();
  await watch.until(() => watch.of(port, "client")[0]?.closed === 1, "the client is dead");
  const figures = () => watch.of(port, "client").map(({ sent, closed, opened }) => [sent, closed, opened]);
  assert.deepEqual(figures(), [[5, 1, 1]]);
  child.kill("SIGKILL");
  await once(child, "exit");
  for (let i = 0; i < 10; i++) {
    await rest(10);
    watch.poll();
  }
  assert.deepEqual(figures(), [[5, 1, 1]], "the kernel frees it later: no second end");
});

test("short connections out of a namespace with one process are that one's", { skip }, async (t) => {
  const hosts = new TwoHosts();
  t.after(() => hosts.remove());
  const watch = watchSockDiag(t);
  const port = 7001;
  const server = hosts.spawn(hosts.server, process.execPath, traffic, "serve", String(port), "10");
  await said(server, "listening");
  const script = `
    const talk = (left) => {
      if (left === 0) return console.log("done");
      const socket = require("node:net").connect(${port}, "${hosts.serverAddress}", () => socket.write(Buffer.alloc(8)));
      socket.on("data", () => socket.end()).on("close", () => talk(left - 1));
    };
    talk(5);
    setInterval(() => {}, 1000);`;
  const child = hosts.spawn(hosts.client, process.execPath, "-e", script);
  await said(child, "done");
  await watch.untilClosed(port, 5);
  for (const client of watch.of(port, "client"))
    assert.deepEqual([client.process, client.sent, client.received], [child.pid, 8, 10]);
});

test("the same traffic, seen by both ways at once, has the same figures", { skip: skipBeside }, async (t) => {
  const watch = watchSockDiag(t);
  const beside = new Watch(t, createTcpObserver({ connectionsMax: 50_000 }));
  const ports = [await listen(t, "127.0.0.1", answer(3000)), await listen(t, "::", answer(123_456))] as const;
  const clients: Promise<void>[] = [];
  for (let i = 0; i < 300; i++) {
    clients.push(talk(i % 3 === 0 ? "::1" : "127.0.0.1", i % 3 === 0 ? ports[1] : ports[i % 2]!, i * 37));
    if (i % 20 === 0) {
      await rest(5);
      watch.poll();
      beside.poll();
    }
  }
  await Promise.all(clients);
  for (const port of ports) {
    for (const each of [watch, beside]) {
      await each.until(
        () =>
          each.of(port, "client").every(({ closed }) => closed === 1) &&
          each.of(port, "server").every(({ closed }) => closed === 1),
        "all are closed",
      );
    }
  }
  await rest(50);
  watch.poll();
  beside.poll();
  const figures = (each: Watch) =>
    ports
      .flatMap((port) => [...each.of(port, "client"), ...each.of(port, "server")])
      .map(({ role, local, remote, sent, received, segmentsSent, segmentsReceived, opened, closed }) =>
        [role, local, remote, sent, received, segmentsSent, segmentsReceived, opened, closed].join(" "),
      )
      .sort();
  assert.equal(figures(beside).length, 600);
  assert.deepEqual(figures(watch), figures(beside));
});

/** Runs a module's text with the observer at hand; `wrap` is the command it runs under. */
function runScript(t: TestContext, wrap: readonly string[], script: string) {
  const room = JSON.stringify(new URL("../src/observe/index.ts", import.meta.url).href);
  const text = `import { createSockDiagObserver } from ${room};\n${script}`;
  const [command = "", ...parameters] = [
    ...wrap,
    ...[process.execPath, "--input-type=module-typescript", "-e", text],
  ];
  const child = spawn(command, parameters, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

test("more sockets than the table holds are counted once", { skip }, async (t) => {
  // In a namespace of its own, which alone is looked into: there are no others' sockets.
  const child = runScript(
    t,
    ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"],
    `
    import { once } from "node:events";
    import { connect, createServer } from "node:net";
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    await once(server, "listening");
    const observer = createSockDiagObserver({ connectionsMax: 10, networkNamespacesMax: 1, dumpShareMax: 1 });
    observer.start();
    for (let i = 0; i < 30; i++) await once(connect(server.address().port, "127.0.0.1"), "connect");
    const figures = [];
    for (let i = 0; i < 3; i++) {
      observer.walk();
      figures.push(observer.drain(() => {}), observer.losses().tableFull, observer.losses().walked);
    }
    console.log(JSON.stringify(figures));
    process.exit(0);`,
  );
  const [data] = (await once(child.stdout, "data")) as [Buffer];
  assert.deepEqual(JSON.parse(String(data)), [10, 50, 60, 0, 50, 60, 0, 50, 60]);
});

test("without privileges: this namespace's sockets, ends included", { skip }, async (t) => {
  const port = await listen(t, "127.0.0.1", answer(2000));
  const child = runScript(
    t,
    ["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
    `
    const observer = createSockDiagObserver({ connectionsMax: 100000, dumpShareMax: 1 });
    observer.start();
    let sent = 0, received = 0, closed = 0;
    const poll = () => {
      observer.walk();
      observer.drain((report) => {
        if (report.role !== 1 || report.remotePort !== ${port}) return;
        sent += report.bytesSent; received += report.bytesReceived;
        if (report.isClosed) closed++;
      });
      if (closed === 5) { console.log(JSON.stringify({ sent, received, ...observer.reach() })); process.exit(0); }
    };
    setInterval(poll, 20);
    console.log("watching");`,
  );
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  const until = async (text: string) => {
    for (let tries = 0; !output.includes(text); tries++) {
      assert.ok(tries < 1000 && child.exitCode === null, `waited for ${text}: ${output}`);
      await rest(10);
    }
  };
  await until("watching");
  for (let i = 0; i < 5; i++) await talk("127.0.0.1", port, 100);
  await until("sent");
  const result = JSON.parse(output.split("\n")[1]!);
  assert.deepEqual([result.sent, result.received], [500, 10_000]);
  assert.equal(result.networkNamespaces, 1);
  assert.equal(result.canReadProcesses, false);
  assert.ok(result.processesMissed > 0);
});
