import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import koffi from "koffi";
import { type FlowBatch, formatAddress, isLoopback, ObserverTable, protocolTcp } from "../flow/index.ts";
import {
  canRunTcp,
  createTcpObserver,
  type KernelFacts,
  readKernelFacts,
  type SockDiagFacts,
} from "../observe/index.ts";
import { clientEnd, createStitcher, observedEnd, PeerTable, stitchDefaults } from "../topology/index.ts";
import { createAgent } from "./agent.ts";
import { agentDefaults } from "./agent-config.ts";

const skip = canRunTcp(readKernelFacts())?.reason ?? false;
const node = "vm";

/** What is asserted of a row. */
interface Row {
  end: "client" | "server";
  source: string;
  destination: string;
  sourcePort: number;
  port: number;
  sent: number;
  received: number;
  opened: number;
  failed: number;
  closed: boolean;
  peer: number;
  scope: number;
  start: number;
  seen: number;
}

/** As when the kernel answers no more: the programs' files are closed behind the agent's back. */
function closePrograms(name: string): void {
  const libc = koffi.load("libc.so.6");
  const close = libc.func("int close(int fd)");
  const open = libc.func("int open(const char *path, int flags)");
  for (const fd of readdirSync("/proc/self/fdinfo").map(Number)) {
    const info = readFileInfo(fd);
    if (!/^prog_type:\s*31$/m.test(info)) continue; // BPF_PROG_TYPE_SYSCALL
    close(fd);
    assert.equal(open("/dev/null", 0), fd, `${name}: the number is taken, so that nobody else gets it`);
  }
}

function readFileInfo(fd: number): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  } catch {
    return ""; // the file of the listing itself
  }
}

function rowOf({ columns }: FlowBatch, row: number): Row {
  const isClient = columns.observedEnd[row] === observedEnd.client;
  assert.equal(columns.clientEnd[row], clientEnd.source);
  assert.equal(columns.samplingInterval[row], 1);
  return {
    end: isClient ? "client" : "server",
    source: formatAddress(columns.sourceAddress, row * 16),
    destination: formatAddress(columns.destinationAddress, row * 16),
    sourcePort: columns.sourceTransportPort[row]!,
    port: columns.destinationTransportPort[row]!,
    sent: columns.octetDeltaCount[row]!,
    received: columns.reverseOctetDeltaCount[row]!,
    opened: columns.connectionCount[row]!,
    failed: columns.failedConnectionCount[row]!,
    closed: columns.flowEndReason[row] === 3,
    peer: (isClient ? columns.sourcePeer : columns.destinationPeer)[row]!,
    scope: columns.connectionScope[row]!,
    start: columns.flowStartMilliseconds[row]!,
    seen: columns.flowEndMilliseconds[row]!,
  };
}

interface Setup {
  includeLoopback?: boolean;
  connectionsMax?: number;
  datagrams?: boolean;
  ebpf?: boolean;
  kernelFacts?: KernelFacts;
  sockDiagFacts?: SockDiagFacts;
  inspect?: (batch: FlowBatch) => void;
}

function createWatch(t: TestContext, { inspect, kernelFacts, sockDiagFacts, ...config }: Setup = {}) {
  const peers = new PeerTable(100_000, () => {});
  const observers = new ObserverTable();
  const drops: [string, string, number][] = [];
  const rows: Row[] = [];
  let deliveries = 0;
  let clock = Date.now();
  const agent = createAgent(
    { ...agentDefaults, datagrams: false, dns: false, ...config },
    {
      node,
      peers,
      observers,
      drop: (reason, source, count = 1) => void drops.push([reason, source, count]),
      deliver(batch) {
        deliveries++;
        const { protocolIdentifier } = batch.columns;
        for (let row = 0; row < batch.count; row++)
          if (protocolIdentifier[row] === protocolTcp) rows.push(rowOf(batch, row));
        inspect?.(batch);
      },
      now: () => clock++,
      ...(kernelFacts === undefined ? {} : { kernelFacts }),
      ...(sockDiagFacts === undefined ? {} : { sockDiagFacts }),
    },
  );
  t.after(() => agent.stop());
  const of = (port: number, end: Row["end"]) => rows.filter((row) => row.port === port && row.end === end);
  const sum = (port: number, end: Row["end"], figure: "sent" | "received" | "opened" | "failed") =>
    of(port, end).reduce((total, row) => total + row[figure], 0);
  return {
    agent,
    peers,
    observers,
    drops,
    rows,
    of,
    get deliveries() {
      return deliveries;
    },
    figures: (port: number, end: Row["end"]) => ({
      sent: sum(port, end, "sent"),
      received: sum(port, end, "received"),
      opened: sum(port, end, "opened"),
      failed: sum(port, end, "failed"),
      closed: of(port, end).filter(({ closed }) => closed).length,
    }),
    /** Polls until both ends of as many connections to the port are seen closed. */
    async untilClosed(port: number, count = 1) {
      await until(() => {
        agent.poll();
        return (["client", "server"] as const).every(
          (end) => of(port, end).filter(({ closed }) => closed).length >= count,
        );
      }, `${count} connections to port ${port} are closed`);
    },
  };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 1000, `waited in vain until ${what}`);
    await rest(5);
  }
}

async function listen(t: TestContext, host: string): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, host);
  await once(server, "listening");
  t.after(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

/** A connection to the server: the client's socket and the server's. */
async function open(
  t: TestContext,
  server: Server,
  host: string,
): Promise<{ client: Socket; served: Socket }> {
  const accepted = once(server, "connection");
  const client = connect({ host, port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  await once(client, "connect");
  const [served] = (await accepted) as [Socket];
  t.after(() => {
    client.destroy();
    served.destroy();
  });
  return { client, served };
}

/** Sends and resolves when the other end has read everything. */
async function pass(from: Socket, to: Socket, bytes: number): Promise<void> {
  const before = to.bytesRead;
  to.resume();
  from.write(Buffer.alloc(bytes, 7));
  await until(() => to.bytesRead - before === bytes, `${bytes} bytes have arrived`);
}

async function finish(first: Socket, second: Socket): Promise<void> {
  first.resume();
  second.resume();
  const closed = Promise.all([once(first, "close"), once(second, "close")]);
  const heard = once(second, "end");
  first.end();
  await heard;
  second.end();
  await closed;
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`both ends of a connection over ${host} are reported with its exact bytes`, { skip }, async (t) => {
    const watch = createWatch(t);
    watch.agent.start();
    assert.equal(watch.agent.status().state, "on", watch.agent.status().reason);
    const { server, port } = await listen(t, host);
    const { client, served } = await open(t, server, host);
    await pass(client, served, 1234);
    await pass(served, client, 56_789);
    watch.agent.poll();
    const expected = { sent: 1234, received: 56_789, opened: 1, failed: 0, closed: 0 };
    assert.deepEqual(watch.figures(port, "client"), expected);
    assert.deepEqual(watch.figures(port, "server"), expected);
    for (const end of ["client", "server"] as const) {
      const [row] = watch.of(port, end);
      assert.deepEqual([row?.source, row?.destination, row?.sourcePort], [host, host, client.localPort]);
      assert.equal(watch.peers.get(row!.peer).process, "portolan", "this process is known by its own name");
      assert.ok(row!.scope > 0, "loopback addresses mean something in one network namespace only");
      assert.ok(row!.start <= row!.seen);
    }
    assert.equal(watch.observers.get(1).id, "agent:vm");
    await finish(client, served);
    await watch.untilClosed(port);
    assert.deepEqual(watch.figures(port, "client"), { ...expected, closed: 1 });
    assert.deepEqual(watch.figures(port, "server"), { ...expected, closed: 1 });
  });
}

test("each poll reports what is new; a silent connection is not reported again", { skip }, async (t) => {
  const watch = createWatch(t);
  watch.agent.start();
  const { server, port } = await listen(t, "127.0.0.1");
  const { client, served } = await open(t, server, "127.0.0.1");
  for (const bytes of [10, 200, 3000]) {
    await pass(client, served, bytes);
    watch.agent.poll();
    assert.equal(watch.of(port, "client").at(-1)?.sent, bytes);
    assert.equal(watch.of(port, "server").at(-1)?.sent, bytes);
  }
  assert.deepEqual(
    watch.of(port, "client").map(({ opened }) => opened),
    [1, 0, 0],
  );
  watch.agent.poll(); // an acknowledgement may have moved the segment counters
  watch.agent.poll();
  const before = watch.of(port, "client").length;
  watch.agent.poll();
  assert.equal(watch.of(port, "client").length, before);
});

for (const firstToFinish of ["client", "server"] as const) {
  test(`bytes are exact when the ${firstToFinish} is done first and the other goes on`, {
    skip,
  }, async (t) => {
    const watch = createWatch(t);
    watch.agent.start();
    const { server, port } = await listen(t, "127.0.0.1");
    const { client, served } = await open(t, server, "127.0.0.1");
    const [first, second] = firstToFinish === "client" ? [client, served] : [served, client];
    await pass(first, second, 1000);
    const heard = once(second, "end");
    first.end();
    await heard;
    watch.agent.poll();
    await pass(second, first, 20_000);
    watch.agent.poll();
    await pass(second, first, 5);
    const closed = Promise.all([once(first, "close"), once(second, "close")]);
    second.end();
    await closed;
    await watch.untilClosed(port);
    const [sent, received] = firstToFinish === "client" ? [1000, 20_005] : [20_005, 1000];
    const expected = { sent, received, opened: 1, failed: 0, closed: 1 };
    assert.deepEqual(watch.figures(port, "client"), expected);
    assert.deepEqual(watch.figures(port, "server"), expected);
  });
}

test("a connection that carries nothing is a connection of no bytes", { skip }, async (t) => {
  const watch = createWatch(t);
  watch.agent.start();
  const { server, port } = await listen(t, "127.0.0.1");
  const { client, served } = await open(t, server, "127.0.0.1");
  await finish(client, served);
  await watch.untilClosed(port);
  const expected = { sent: 0, received: 0, opened: 1, failed: 0, closed: 1 };
  assert.deepEqual(watch.figures(port, "client"), expected);
  assert.deepEqual(watch.figures(port, "server"), expected);
});

test("a reset ends a connection like any other end", { skip }, async (t) => {
  const watch = createWatch(t);
  watch.agent.start();
  const { server, port } = await listen(t, "127.0.0.1");
  const { client, served } = await open(t, server, "127.0.0.1");
  served.on("error", () => {});
  await pass(client, served, 77);
  client.resetAndDestroy();
  await watch.untilClosed(port);
  const expected = { sent: 77, received: 0, opened: 1, failed: 0, closed: 1 };
  assert.deepEqual(watch.figures(port, "client"), expected);
  assert.deepEqual(watch.figures(port, "server"), expected);
});

test("a refused connection is one that failed, and none that opened", { skip }, async (t) => {
  const watch = createWatch(t);
  watch.agent.start();
  const { server, port } = await listen(t, "127.0.0.1");
  await new Promise((closed) => server.close(closed));
  const client = connect(port, "127.0.0.1");
  const [error] = (await once(client, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNREFUSED");
  await until(() => {
    watch.agent.poll();
    return watch.of(port, "client").length > 0;
  }, "the refused connection is reported");
  assert.deepEqual(watch.figures(port, "client"), { sent: 0, received: 0, opened: 0, failed: 1, closed: 1 });
  assert.deepEqual(watch.of(port, "server"), []);
});

test("a connection that was there before is known from then on, and is none that opened", {
  skip,
}, async (t) => {
  const { server, port } = await listen(t, "127.0.0.1");
  const { client, served } = await open(t, server, "127.0.0.1");
  await pass(client, served, 5000);
  await pass(served, client, 6000);
  const watch = createWatch(t);
  watch.agent.start();
  watch.agent.poll();
  const quiet = { sent: 0, received: 0, opened: 0, failed: 0, closed: 0 };
  assert.deepEqual(watch.figures(port, "client"), quiet);
  assert.deepEqual(watch.figures(port, "server"), quiet);
  assert.equal(watch.of(port, "client")[0]?.sourcePort, client.localPort, "who is client is known");
  await pass(client, served, 11);
  await pass(served, client, 22);
  await finish(served, client);
  await watch.untilClosed(port);
  const expected = { sent: 11, received: 22, opened: 0, failed: 0, closed: 1 };
  assert.deepEqual(watch.figures(port, "client"), expected);
  assert.deepEqual(watch.figures(port, "server"), expected);
});

test("a port that two sockets listen on keeps its owner when one of them closes", { skip }, async (t) => {
  const { port } = await listen(t, "127.0.0.1");
  const host = "127.0.0.3"; // of this test's own: the port is free there
  const listenAlso = async () => {
    const server = createServer({ allowHalfOpen: true }).listen({ host, port, reusePort: true });
    await once(server, "listening");
    t.after(() => server.close());
    return server;
  };
  const before = await listenAlso();
  const watch = createWatch(t);
  watch.agent.start();
  const [first, second] = [await listenAlso(), await listenAlso()];
  for (const server of [first, before]) await new Promise((closed) => server.close(closed));
  const { client, served } = await open(t, second, host);
  await finish(client, served);
  await watch.untilClosed(port);
  assert.equal(watch.peers.get(watch.of(port, "server")[0]!.peer).process, "portolan");
});

/** Sockets as Node does not make them, on 127.0.0.1; each is closed with the test. */
function createSystemSockets(t: TestContext) {
  const libc = koffi.load("libc.so.6");
  const socket = libc.func("int socket(int family, int type, int protocol)");
  const setOption = libc.func(
    "int setsockopt(int fd, int level, int name, const uint8_t *value, int length)",
  );
  const bind = libc.func("int bind(int fd, const uint8_t *address, int length)");
  const nameOf = libc.func("int getsockname(int fd, _Out_ uint8_t *address, _Inout_ int *length)");
  const listenOn = libc.func("int listen(int fd, int backlog)");
  const connectTo = libc.func("int connect(int fd, const uint8_t *address, int length)");
  const accept = libc.func("int accept(int fd, void *address, void *length)");
  const send = libc.func("long send(int fd, const uint8_t *data, size_t length, int flags)");
  const receive = libc.func("long recv(int fd, _Out_ uint8_t *data, size_t length, int flags)");
  const close = libc.func("int close(int fd)");
  const address = (port: number) =>
    Uint8Array.of(2, 0, port >> 8, port & 255, 127, 0, 0, 1, ...new Array<number>(8).fill(0));
  const open = new Set<number>();
  const keep = (fd: number) => {
    assert.ok(fd >= 0);
    open.add(fd);
    return fd;
  };
  const end = (fd: number) => {
    if (open.delete(fd)) close(fd);
  };
  t.after(() => open.forEach(end));
  const make = (protocol: number, port: number) => {
    const fd = keep(socket(2, 1, protocol));
    const [solSocket, one] = [1, Uint8Array.of(1, 0, 0, 0)];
    for (const name of [2, 15]) setOption(fd, solSocket, name, one, 4); // SO_REUSEADDR, SO_REUSEPORT
    assert.equal(bind(fd, address(port), 16), 0);
    return fd;
  };
  return {
    end,
    /** Returns false when the kernel has no such sockets. */
    has(protocol: number): boolean {
      const fd = socket(2, 1, protocol);
      if (fd >= 0) close(fd);
      return fd >= 0;
    },
    listen(protocol: number, backlog: number): { fd: number; port: number } {
      const fd = make(protocol, 0);
      const name = new Uint8Array(16);
      assert.equal(nameOf(fd, name, [16]), 0);
      assert.equal(listenOn(fd, backlog), 0);
      return { fd, port: (name[2]! << 8) | name[3]! };
    },
    connect(protocol: number, port: number, localPort = 0): number {
      const fd = make(protocol, localPort);
      assert.equal(connectTo(fd, address(port), 16), 0);
      return fd;
    },
    accept: (fd: number): number => keep(accept(fd, null, null)),
    pass(from: number, to: number, bytes: number): void {
      assert.equal(Number(send(from, new Uint8Array(bytes), bytes, 0)), bytes);
      for (let left = bytes; left > 0; ) {
        const came = Number(receive(to, new Uint8Array(left), left, 0));
        assert.ok(came > 0);
        left -= came;
      }
    },
  };
}

const [tcp, mptcp] = [6, 262];

test("an MPTCP connection that was there before is known, and so is who listens", { skip }, async (t) => {
  const sockets = createSystemSockets(t);
  if (!sockets.has(mptcp)) return t.skip("the kernel has no MPTCP");
  const { fd: listener, port } = sockets.listen(mptcp, 8);
  const client = sockets.connect(mptcp, port);
  const served = sockets.accept(listener);
  sockets.pass(client, served, 5000);
  const watch = createWatch(t);
  watch.agent.start();
  watch.agent.poll();
  const quiet = { sent: 0, received: 0, opened: 0, failed: 0, closed: 0 };
  assert.deepEqual(watch.figures(port, "client"), quiet);
  assert.deepEqual(watch.figures(port, "server"), quiet);
  sockets.pass(client, served, 11);
  sockets.pass(served, client, 22);
  watch.agent.poll();
  sockets.pass(client, served, 33);
  sockets.end(client);
  sockets.end(served);
  await watch.untilClosed(port);
  const expected = { sent: 44, received: 22, opened: 0, failed: 0, closed: 1 };
  assert.deepEqual(watch.figures(port, "client"), expected);
  assert.deepEqual(watch.figures(port, "server"), expected);
  watch.rows.length = 0;
  const later = sockets.connect(tcp, port);
  const servedLater = sockets.accept(listener);
  sockets.pass(later, servedLater, 7);
  watch.agent.poll();
  assert.deepEqual(
    (["client", "server"] as const).map((end) => [
      watch.of(port, end).length,
      watch.peers.get(watch.of(port, end)[0]!.peer).process,
    ]),
    [
      [1, "portolan"],
      [1, "portolan"],
    ],
  );
});

test("of connections from before, one accepted by listen(fd, 0) is a server's, and one made from a port that listens a client's", {
  skip,
}, (t) => {
  const sockets = createSystemSockets(t);
  const withoutBacklog = sockets.listen(tcp, 0);
  sockets.connect(tcp, withoutBacklog.port);
  sockets.accept(withoutBacklog.fd);
  const [peer, other] = [sockets.listen(tcp, 8), sockets.listen(tcp, 8)];
  sockets.connect(tcp, other.port, peer.port);
  sockets.accept(other.fd);
  const watch = createWatch(t);
  watch.agent.start();
  watch.agent.poll();
  const ends = (port: number) => (["client", "server"] as const).map((end) => watch.of(port, end).length);
  assert.deepEqual(ends(withoutBacklog.port), [1, 1]);
  assert.deepEqual(ends(other.port), [1, 1]);
  assert.equal(watch.of(other.port, "client")[0]?.sourcePort, peer.port);
});

test("listening sockets beyond the bound are counted", { skip }, (t) => {
  const sockets = createSystemSockets(t);
  const observer = createTcpObserver({ connectionsMax: 1000, listenersMax: 1 });
  t.after(() => observer.stop());
  observer.start();
  const before = observer.losses().tableFull;
  for (let i = 0; i < 5; i++) sockets.listen(tcp, 8);
  assert.ok(observer.losses().tableFull >= before + 4);
});

test("without cgroups of version 2 TCP is seen all the same", { skip }, async (t) => {
  const watch = createWatch(t, { kernelFacts: { ...readKernelFacts(), cgroupRoot: "" } });
  watch.agent.start();
  assert.equal(watch.agent.status().state, "on", watch.agent.status().reason);
  const { server, port } = await listen(t, "127.0.0.1");
  const { client, served } = await open(t, server, "127.0.0.1");
  await finish(client, served);
  await watch.untilClosed(port);
  assert.equal(watch.figures(port, "client").opened, 1);
});

test("a socket that connects again after a refusal is another connection, and both are told", {
  skip,
}, async (t) => {
  const libc = koffi.load("libc.so.6");
  const socket = libc.func("int socket(int family, int type, int protocol)");
  const connectTo = libc.func("int connect(int fd, const uint8_t *address, int length)");
  const close = libc.func("int close(int fd)");
  const address = (port: number) =>
    Uint8Array.of(2, 0, port >> 8, port & 255, 127, 0, 0, 1, ...new Array<number>(8).fill(0));
  const watch = createWatch(t);
  watch.agent.start();
  const { server, port } = await listen(t, "127.0.0.1");
  const gone = await listen(t, "127.0.0.1");
  await new Promise((closed) => gone.server.close(closed));
  const fd = socket(2, 1, 0);
  assert.equal(connectTo(fd, address(gone.port), 16), -1);
  assert.equal(connectTo(fd, address(port), 16), 0, "with the same cookie");
  close(fd);
  server.on("connection", (served) => served.resume().end());
  await watch.untilClosed(port);
  assert.deepEqual(
    [watch.figures(gone.port, "client").failed, watch.figures(gone.port, "client").opened],
    [1, 0],
  );
  assert.deepEqual([watch.figures(port, "client").failed, watch.figures(port, "client").opened], [0, 1]);
});

test("a machine's connections with itself are left out when that is asked for", { skip }, async (t) => {
  let loopbackRows = 0;
  const watch = createWatch(t, {
    includeLoopback: false,
    inspect({ columns, count }) {
      for (let row = 0; row < count; row++) if (isLoopback(columns.sourceAddress, row * 16)) loopbackRows++;
    },
  });
  watch.agent.start();
  for (const host of ["127.0.0.1", "::1"]) {
    const { server } = await listen(t, host);
    const { client, served } = await open(t, server, host);
    await pass(client, served, 100);
    watch.agent.poll();
    assert.ok(watch.agent.status().sockets >= 2, "though they are looked at");
    await finish(client, served);
    watch.agent.poll();
  }
  assert.equal(loopbackRows, 0);
});

test("2,000 short connections add up to what was sent, once, and none stays open", { skip }, async (t) => {
  const connections = 2000;
  const stitcher = createStitcher(stitchDefaults, () => {});
  const counted = { sent: 0, received: 0, opened: 0 };
  let port = 0;
  const watch = createWatch(t, {
    inspect(batch) {
      stitcher.stitch(batch, 1000);
      count(batch);
      count(stitcher.takeWaited(1_000_000));
    },
  });
  function count({ columns, count }: FlowBatch): void {
    for (let row = 0; row < count; row++) {
      if (columns.destinationTransportPort[row] !== port || columns.isDuplicate[row] === 1) continue;
      counted.sent += columns.octetDeltaCount[row]!;
      counted.received += columns.reverseOctetDeltaCount[row]!;
      counted.opened += columns.connectionCount[row]!;
    }
  }
  watch.agent.start();
  const listening = await listen(t, "127.0.0.1");
  port = listening.port;
  listening.server.on("connection", (socket) => {
    socket
      .on("error", assert.fail)
      .on("end", () => socket.end(Buffer.alloc(socket.bytesRead * 2)))
      .resume();
  });
  let sent = 0;
  const talk = async (i: number) => {
    const bytes = 1 + (i % 997);
    sent += bytes;
    const client = connect({ port, host: "127.0.0.1" });
    client.resume().end(Buffer.alloc(bytes));
    await once(client, "close");
    assert.equal(client.bytesRead, bytes * 2);
  };
  let next = 0;
  const work = async () => {
    while (next < connections) {
      const i = next++;
      await talk(i);
      if (i % 150 === 0) watch.agent.poll();
    }
  };
  await Promise.all(Array.from({ length: 20 }, work));
  await watch.untilClosed(port, connections);
  for (let poll = 0; poll < 2; poll++) watch.agent.poll(); // ends that wait for their other end
  const expected = { sent, received: sent * 2, opened: connections, failed: 0, closed: connections };
  assert.deepEqual(watch.figures(port, "client"), expected);
  assert.deepEqual(watch.figures(port, "server"), expected);
  assert.deepEqual(counted, { sent, received: sent * 2, opened: connections }, "two ends, counted once");
  stitcher.forEachOpen((_client, _server, serverPort) => assert.notEqual(serverPort, port, "still open"));
  assert.deepEqual(
    watch.drops.filter(([reason]) => reason === "report_lost"),
    [],
  );
});

test("sockets beyond the bound are counted drops", { skip }, async (t) => {
  const watch = createWatch(t, { connectionsMax: 1 });
  watch.agent.start();
  const { server } = await listen(t, "127.0.0.1");
  for (let i = 0; i < 50; i++) await open(t, server, "127.0.0.1");
  const dropped = () => watch.drops.reduce((sum, [, , count]) => sum + count, 0);
  watch.agent.poll();
  assert.ok(dropped() >= 99, `a hundred ends and room for one: ${dropped()} drops`);
  assert.deepEqual(
    [...new Set(watch.drops.map(([reason, source]) => `${reason} ${source}`))],
    ["connection_limit vm"],
  );
  watch.drops.length = 0;
  watch.agent.poll();
  assert.ok(dropped() < 50, "each is counted once; others of this machine may come meanwhile");
});

/** Ids of the kernel's BPF objects that this process holds by a file, and BPF memory it has mapped. */
function heldByThisProcess(): { programs: number[]; others: number; mappings: number } {
  const programs: number[] = [];
  let others = 0;
  for (const fd of readdirSync("/proc/self/fdinfo")) {
    let info = "";
    try {
      info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    } catch {
      continue; // the file of the listing itself
    }
    const program = /^prog_id:\s*(\d+)/m.exec(info)?.[1];
    if (/^prog_type:/m.test(info) && program !== undefined) programs.push(Number(program));
    else if (/^(link_id|map_id):/m.test(info)) others++;
  }
  const mappings = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => /bpf[-_]map|anon_inode:bpf/.test(line));
  return { programs, others, mappings: mappings.length };
}

test("after it was stopped nothing of it is left in the kernel", { skip }, async (t) => {
  const watch = createWatch(t, { datagrams: true });
  watch.agent.start();
  watch.agent.poll();
  const held = heldByThisProcess();
  assert.ok(held.programs.length > 0 && held.others > 0, "while it runs there is something");
  watch.agent.stop();
  assert.deepEqual(heldByThisProcess(), { programs: [], others: 0, mappings: 0 });
  if (spawnSync("bpftool", ["version"]).status !== 0)
    return t.diagnostic("bpftool is not installed: ids not looked up");
  for (const id of held.programs)
    await until(
      () => spawnSync("bpftool", ["prog", "show", "id", String(id)]).status !== 0,
      `the kernel has freed program ${id}`,
    );
});

test("stopped, it says so, reports nothing, and can be started again", { skip }, async (t) => {
  const watch = createWatch(t);
  watch.agent.start();
  watch.agent.poll();
  watch.agent.stop();
  const { deliveries } = watch;
  watch.agent.poll();
  assert.equal(watch.deliveries, deliveries);
  const { state, reason, remedy, sockets, names } = watch.agent.status();
  assert.deepEqual(
    [state, reason, remedy, sockets, names],
    ["off", "the agent was stopped", "start it", 0, []],
  );
  watch.agent.stop();
  watch.agent.start();
  assert.equal(watch.agent.status().state, "on");
  const { server, port } = await listen(t, "127.0.0.1");
  await open(t, server, "127.0.0.1");
  watch.agent.poll();
  assert.equal(watch.figures(port, "client").opened, 1);
});

test("a kernel that stops answering switches the parts off with a reason, and a poll does not throw", {
  skip,
}, (t) => {
  const watch = createWatch(t, { datagrams: true });
  watch.agent.start();
  assert.deepEqual([watch.agent.status().state, watch.agent.status().datagrams.state], ["on", "on"]);
  closePrograms("walk");
  for (let poll = 0; poll < 2; poll++) watch.agent.poll();
  const { state, reason, remedy, sockets, datagrams } = watch.agent.status();
  assert.deepEqual([state, sockets, datagrams.state, datagrams.flows], ["off", 0, "off", 0]);
  for (const text of [reason, datagrams.reason])
    assert.match(text ?? "", /stopped answering the agent \(program walk_/);
  assert.match(remedy ?? "", /start Portolan again/);
  assert.deepEqual(heldByThisProcess(), { programs: [], others: 0, mappings: 0 }, "nothing stays attached");
  watch.agent.start();
  assert.equal(watch.agent.status().state, "on");
});

test("one part that cannot run leaves the other", { skip }, (t) => {
  const watch = createWatch(t, { datagrams: true, kernelFacts: { ...readKernelFacts(), cgroupRoot: "" } });
  watch.agent.start();
  const { state, datagrams, dns } = watch.agent.status();
  assert.deepEqual([state, datagrams.state, dns.state], ["on", "off", "off"]);
  assert.match(datagrams.reason ?? "", /cgroup v2, which is not mounted/);
  assert.equal(dns.remedy, "set agent.dns to true");
  watch.agent.poll();
  assert.ok(watch.deliveries > 0); // several where the machine has more connections than a batch has rows
});

const able: KernelFacts = {
  platform: "linux",
  release: "6.1.0-18-amd64",
  hasBtf: true,
  isPrivileged: true,
  hasLibbpf: true,
  cgroupRoot: "/sys/fs/cgroup",
};
const lacking: [string, Partial<KernelFacts>, RegExp, RegExp][] = [
  ["another system", { platform: "darwin" }, /darwin/, /Linux machine/],
  ["an old kernel", { release: "5.10.0" }, /5\.10\.0/, /5\.14 or newer/],
  ["no privileges", { isPrivileged: false }, /root/, /sudo/],
  ["no kernel types", { hasBtf: false }, /btf\/vmlinux/, /CONFIG_DEBUG_INFO_BTF/],
  ["no libbpf", { hasLibbpf: false }, /libbpf\.so\.1/, /apt-get install libbpf1/],
];
for (const [name, facts, reason, remedy] of lacking) {
  test(`with ${name} it is off, says why and what would help, and does nothing`, (t) => {
    const sockDiagFacts = { platform: "linux", sockDiagError: "ENOENT" };
    const watch = createWatch(t, { kernelFacts: { ...able, ...facts }, sockDiagFacts });
    watch.agent.start();
    const status = watch.agent.status();
    assert.deepEqual([status.state, status.sockets], ["off", 0]);
    assert.match(status.reason ?? "", reason);
    assert.match(status.remedy ?? "", remedy);
    watch.agent.poll();
    assert.equal(watch.deliveries, 0);
  });
}

test("without eBPF it sees TCP all the same, says how, and what it lacks", { skip }, async (t) => {
  for (const [config, why] of [
    [{ ebpf: false }, /switched off/],
    [{ kernelFacts: { ...able, release: "5.10.0" } }, /5\.10\.0/],
  ] as const) {
    const watch = createWatch(t, config);
    watch.agent.start();
    const { state, way, limits = [], datagrams } = watch.agent.status();
    assert.deepEqual([state, way, datagrams.state], ["on", "sock_diag", "off"]);
    assert.match(limits[0]!.reason, why);
    assert.match(limits[1]!.reason, /no process name/);
    const { server, port } = await listen(t, "127.0.0.1");
    const { client, served } = await open(t, server, "127.0.0.1");
    await pass(client, served, 1000);
    await pass(served, client, 2000);
    await until(() => {
      watch.agent.poll();
      return watch.of(port, "client").length > 0;
    }, "the open connection is reported");
    assert.equal(watch.figures(port, "client").opened, 1);
    await finish(served, client);
    await watch.untilClosed(port);
    assert.deepEqual(watch.figures(port, "client"), {
      ...{ sent: 1000, received: 2000, opened: 1, failed: 0, closed: 1 },
    });
    watch.agent.stop();
  }
});

test("before it was started it is off, and a poll does nothing", (t) => {
  const watch = createWatch(t);
  assert.equal(watch.agent.status().state, "off");
  watch.agent.poll();
  watch.agent.stop();
  assert.equal(watch.deliveries, 0);
});
