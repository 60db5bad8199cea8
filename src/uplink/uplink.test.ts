import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { zstdDecompressSync } from "node:zlib";
import { type IngestMessage, readMessage } from "../ingest/index.ts";
import { sampleBatch, samplePeer } from "../ingest/testdata/sample-message.ts";
import { type Peer, PeerTable } from "../topology/index.ts";
import { createSpool } from "./spool.ts";
import { createTransport } from "./transport.ts";
import { createUplink, type UplinkConfig, uplinkDefaults } from "./uplink.ts";

type Reply = (message: IngestMessage, response: ServerResponse, request: IncomingMessage) => void;
const report = {
  parts: [],
  sockets: 1,
  spoolBytes: 0,
  spoolMessages: 0,
  way: "",
  limits: [],
  dns: undefined,
};
const instance = "000102030405060708090a0b0c0d0e0f";

/** A server that keeps what it gets, once each, as a store does; `reply` is what goes wrong. */
class PretendServer {
  readonly stored = new Map<number, IngestMessage>();
  readonly requests: { sequence: number; authorization: string | undefined }[] = [];
  /** One start of it; undefined of a server from before there was such a thing. */
  epoch: string | undefined = "first";
  reply: Reply = (message, response) => this.store(message, response);
  readonly #server = createServer((request, response) => void this.#take(request, response));

  async start(t: TestContext): Promise<URL> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    t.after(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  store(message: IngestMessage, response: ServerResponse): void {
    this.stored.set(message.sequence, message);
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ sequence: message.sequence, serverEpoch: this.epoch }));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const message = readMessage(zstdDecompressSync(Buffer.concat(parts)));
    assert.ok(!("problem" in message));
    this.requests.push({ sequence: message.sequence, authorization: request.headers.authorization });
    this.reply(message, response, request);
  }
}

async function createSending(
  t: TestContext,
  config: Partial<UplinkConfig> = {},
  timeoutMilliseconds = 20_000,
) {
  const server = new PretendServer();
  const url = await server.start(t);
  const peers = new PeerTable(1000, () => {});
  const said: string[] = [];
  const dropped: [string, number][] = [];
  const restarts = { count: 0 };
  const spool = createSpool(
    { folder: undefined, bytesMax: 2 ** 20, memoryBytesMax: 2 ** 20 },
    { onFull: () => {}, log: () => {} },
  );
  const transport = createTransport({
    ...{ server: url, token: "secret-of-the-agent", ca: undefined, connectionsMax: 32 },
    ...{ timeoutMilliseconds, connectMilliseconds: 20_000 },
  });
  const fast = {
    retryFirstMilliseconds: 10,
    retryMaxMilliseconds: 40,
    blockedMilliseconds: 50,
    stopMilliseconds: 2000,
  };
  const uplink = createUplink(
    { ...uplinkDefaults, node: "box", agentVersion: "1", machine: "m", ...fast, ...config },
    {
      ...{ peers, spool, transport, now: Date.now },
      count: (reason, count) => dropped.push([reason, count]),
      log: (_level, message) => said.push(message),
      onServerRestart: () => restarts.count++,
    },
  );
  uplink.start(instance);
  t.after(() => uplink.stop());
  const row = (bytes: number, sourcePeer = 0) =>
    sampleBatch([
      {
        ...{ source: "10.0.0.9", sourcePort: 40000, destination: "10.0.0.1", destinationPort: 443 },
        ...{ observedEnd: 1, bytes, sourcePeer },
      },
    ]);
  const send = (bytes: number) => {
    uplink.take(row(bytes));
    uplink.seal(report);
  };
  return { server, peers, uplink, spool, said, dropped, restarts, row, send };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (isSo()) return;
    await sleep(10);
  }
  assert.fail(`never: ${what}`);
}

/** Bytes of each stored message, in the order of their sequences. */
const bytesOf = ({ stored }: PretendServer) =>
  [...stored]
    .sort(([a], [b]) => a - b)
    .map(([, { batch }]) => batch.columns.octetDeltaCount.reduce((a, b) => a + b, 0));

test("a message that ends in the middle of a batch leaves the other rows their peers, also when the table of peers is full", async (t) => {
  const { server, peers, uplink, spool } = await createSending(t, { rowsMax: 4 });
  const clients = Array.from({ length: peers.rowsMax - 2 }, (_, i) => `client-${i}`);
  for (const name of clients) peers.intern(samplePeer("box", name, "10.0.0.9"));
  const newest = clients.slice(-6);
  const connection = {
    ...{ source: "10.0.0.9", sourcePort: 40_000, destination: "10.0.0.1", destinationPort: 443 },
    ...({ observedEnd: 1, bytes: 1 } as const),
  };
  const rowOf = (name: string) => peers.find({ id: `process:box/${name}`, address: "10.0.0.9" });
  uplink.take(sampleBatch(newest.map((name) => ({ ...connection, sourcePeer: rowOf(name) }))));
  uplink.seal(report);
  await until("stored", () => spool.count === 0);
  const messages = [...server.stored.values()].sort((a, b) => a.sequence - b.sequence);
  assert.deepEqual(
    messages.map(({ batch, peers: named }) =>
      Array.from(batch.columns.sourcePeer.subarray(0, batch.count), (place) => named[place - 1]?.name),
    ),
    [newest.slice(0, 4), newest.slice(4)],
  );
});

test("rows arrive with their peers, once; names, renames and drops with them", async (t) => {
  const { server, peers, uplink, row, spool } = await createSending(t);
  const curl = peers.intern(samplePeer("box", "curl", "10.0.0.9"));
  const host: Peer = {
    ...samplePeer("", "", ""),
    id: "host:10.0.0.1",
    kind: "host",
    name: "www.example",
    address: "10.0.0.1",
    node: "",
  };
  const batch = row(5, curl);
  batch.columns.destinationPeer[0] = peers.intern(host);
  uplink.take(batch);
  peers.rename({ id: "process:box/curl", address: "10.0.0.9" }, "curl of Ann");
  uplink.learn(new Uint8Array(20).fill(7), 4, "seven.example");
  uplink.countDrop("connection_limit", 2);
  uplink.countDrop("connection_limit", 3);
  uplink.seal(report);
  await until("stored", () => spool.count === 0);
  const [message] = [...server.stored.values()];
  assert.deepEqual([message?.node, message?.instance, message?.sequence], ["box", instance, 1]);
  assert.deepEqual(
    message?.peers.map(({ name }) => name),
    ["curl of Ann"],
  );
  assert.deepEqual(
    [message?.batch.columns.sourcePeer[0], message?.batch.columns.destinationPeer[0]],
    [1, 0],
    "a bare address the server knows",
  );
  assert.deepEqual(
    message?.names.map(({ name }) => name),
    ["seven.example", "www.example"],
  );
  assert.deepEqual(
    message?.renamed.map(({ name }) => name),
    ["curl of Ann"],
  );
  assert.deepEqual(message?.drops, [{ reason: "connection_limit", count: 5 }]);
  assert.equal(server.requests[0]?.authorization, "Bearer secret-of-the-agent");
  uplink.seal(report);
  assert.equal(uplink.status().waitingMessages, 0, "nothing to tell, nothing sent");
});

test("a server that was started again is recognised, once, by its answers", async (t) => {
  const { server, spool, restarts, send } = await createSending(t);
  const sendAll = async () => {
    for (const bytes of [1, 2, 3]) send(bytes);
    await until("all are answered", () => spool.count === 0);
    return restarts.count;
  };
  assert.deepEqual([await sendAll(), await sendAll()], [0, 0]);
  server.epoch = "second";
  assert.deepEqual([await sendAll(), await sendAll()], [1, 1]);
  server.epoch = undefined; // an older one in its place
  assert.deepEqual([await sendAll(), await sendAll()], [2, 2]);
});

test("more rows than a message has make more messages", async (t) => {
  const { server, uplink, row, spool } = await createSending(t, { rowsMax: 2 });
  for (let i = 1; i <= 5; i++) uplink.take(row(i));
  uplink.seal(report);
  await until("stored", () => spool.count === 0);
  assert.deepEqual(bytesOf(server), [3, 7, 5]);
});

test("without anything to tell it tells that it is there", async (t) => {
  const { server, uplink, spool } = await createSending(t, { idleMilliseconds: 0 });
  uplink.seal(report);
  await until("stored", () => server.stored.size === 1 && spool.count === 0);
  assert.deepEqual([server.stored.get(1)?.batch.count, server.stored.get(1)?.report?.sockets], [0, 1]);
});

const troubles: readonly [what: string, reply: Reply, said: RegExp][] = [
  ["500", (_message, response) => response.writeHead(500).end(), /cannot be reached.*: it answered 500/],
  [
    "503 with Retry-After",
    (_message, response) => response.writeHead(503, { "retry-after": "0" }).end('{"detail":"busy\\u0007"}'),
    /503: busy $/,
  ],
  [
    "a connection that is reset",
    (_message, _response, request) => request.socket.resetAndDestroy(),
    /cannot be reached.*(ECONNRESET|hang up)/,
  ],
  ["no answer", () => {}, /no answer within 1 s/],
  [
    "half an answer",
    (_message, response, request) =>
      response.writeHead(200, { "content-length": "100" }).write("{", () => request.socket.destroy()),
    /cannot be reached/,
  ],
  [
    "401",
    (_message, response) => response.writeHead(401).end('{"detail":"a token is expected"}'),
    /does not let this agent in.*401: a token is expected/,
  ],
  [
    "a web server's 400",
    (_message, response) =>
      response
        .writeHead(400, { "content-type": "text/html" })
        .end("The plain HTTP request was sent to HTTPS port"),
    /it answered 400, but not as a Portolan server does: .*--server/,
  ],
  [
    "somebody else's 404",
    (_message, response) => response.writeHead(404, { "content-type": "text/html" }).end("<html>"),
    /it answered 404, but not as a Portolan server does: is --server its address/,
  ],
  [
    "a proxy's 413",
    (_message, response) => response.writeHead(413).end("<html>"),
    /it answered 413, but not as a Portolan server does: .*client_max_body_size/,
  ],
  [
    "somebody else's code",
    (_message, response) =>
      response.writeHead(400, { "content-type": "application/json" }).end('{"code":"message_invalid"}'),
    /it answered 400, but not as/,
  ],
  [
    "400 of ours that is not about the message",
    (_message, response) =>
      response
        .writeHead(400, { "content-type": "application/problem+json" })
        .end('{"code":"request_invalid","detail":"odd"}'),
    /it answered 400: odd, but not as/,
  ],
  [
    "409",
    (_message, response) => response.writeHead(409).end('{"detail":"another agent reports box"}'),
    /does not let this agent in.*409: another agent/,
  ],
  [
    "somebody else's page",
    (_message, response) => response.writeHead(200).end("<html>"),
    /not as a Portolan server does/,
  ],
  [
    "a redirect",
    (_message, response) => response.writeHead(302, { location: "/login" }).end(),
    /it answered 302/,
  ],
];

for (const [what, reply, expected] of troubles) {
  test(`${what}: it is said once, everything is kept, and arrives once when it is over`, async (t) => {
    const timeout = what === "no answer" ? 1000 : 20_000;
    const { server, send, spool, said, dropped, uplink } = await createSending(t, {}, timeout);
    let isBroken = true;
    server.reply = (message, response, request) =>
      isBroken ? reply(message, response, request) : server.store(message, response);
    for (let i = 1; i <= 40; i++) send(i);
    await until(
      "tried again",
      () => said.length > 0 && server.requests.filter(({ sequence }) => sequence === 1).length >= 2,
    );
    assert.equal(spool.count, 40);
    assert.equal(said.filter((line) => expected.test(line)).length, 1, said.join("\n"));
    assert.ok(!said.join().includes("secret"), "no secrets in what is said");
    assert.notEqual(uplink.status().state, "connected");
    isBroken = false;
    await until("all stored", () => spool.count === 0);
    assert.deepEqual(
      bytesOf(server),
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    assert.deepEqual(dropped, []);
    assert.match(said.at(-1)!, /takes what is sent/);
  });
}

test("an answer that was on its way when another was not let in changes nothing", async (t) => {
  const { server, uplink, said, spool, send } = await createSending(t, { blockedMilliseconds: 60_000 });
  let answerLate = () => {};
  server.reply = (message, response) => {
    if (message.sequence === 1) answerLate = () => server.store(message, response);
    else response.writeHead(401).end();
  };
  send(1);
  await until("the first is on its way", () => server.requests.length === 1);
  send(2);
  await until("not let in", () => uplink.status().state === "refused");
  answerLate();
  await until("the first is stored", () => spool.count === 1);
  assert.deepEqual([uplink.status().state, uplink.status().sentMessages], ["refused", 1]);
  assert.ok(!said.includes("the server takes what is sent"), said.join("\n"));
});

test("409 with Retry-After: asked again when the server says, not a minute later", async (t) => {
  const { server, send, spool, said } = await createSending(t, { blockedMilliseconds: 1e9 });
  server.reply = (message, response) =>
    server.requests.length === 1
      ? response.writeHead(409, { "retry-after": "1" }).end('{"detail":"another agent"}')
      : server.store(message, response);
  send(1);
  await until("stored", () => spool.count === 0);
  assert.match(said[0]!, /asked again every 1 s: it answered 409: another agent/);
});

test("stored, and the answer lost: the same message comes again under its number", async (t) => {
  const { server, send, spool } = await createSending(t);
  const lost = new Set<number>();
  server.reply = (message, response, request) => {
    if (lost.has(message.sequence)) return server.store(message, response);
    lost.add(message.sequence);
    server.stored.set(message.sequence, message);
    request.socket.resetAndDestroy();
  };
  for (let i = 1; i <= 5; i++) send(i);
  await until("all answered", () => spool.count === 0);
  assert.deepEqual(bytesOf(server), [1, 2, 3, 4, 5]);
});

for (const [status, code] of [
  [400, "message_invalid"],
  [413, "message_too_large"],
  [415, "encoding_unknown"],
] as const) {
  test(`${code}: that message is given up and counted, the others go on`, async (t) => {
    const { server, send, spool, said, dropped } = await createSending(t);
    server.reply = (message, response) =>
      message.sequence === 2
        ? response
            .writeHead(status, { "content-type": "application/problem+json" })
            .end(JSON.stringify({ detail: "no", code }))
        : server.store(message, response);
    for (let i = 1; i <= 3; i++) send(i);
    await until("the rest is stored", () => spool.count === 0);
    assert.deepEqual(dropped, [["batch_refused", 1]]);
    assert.match(
      said.join("\n"),
      new RegExp(`given up: 1 with 1 records; the last is 2: it answered ${status}: no$`, "m"),
    );
    send(4);
    await until("told", () => server.stored.has(4));
    assert.deepEqual(server.stored.get(4)?.drops, [{ reason: "batch_refused", count: 1 }]);
  });
}

test("refused one after the other: told once, the rest together", async (t) => {
  const { server, send, spool, said, dropped, uplink } = await createSending(t);
  server.reply = (_message, response) =>
    response.writeHead(400, { "content-type": "application/problem+json" }).end('{"code":"message_invalid"}');
  for (let i = 1; i <= 20; i++) send(i);
  await until("all are given up", () => spool.count === 0);
  assert.equal(dropped.length, 20);
  const lines = () => said.filter((line) => /given up/.test(line));
  assert.equal(lines().length, 1, lines().join("\n"));
  await uplink.stop();
  assert.equal(lines().length, 2);
  assert.match(lines()[1]!, /given up: \d\d with \d\d records/);
});

test("what is not answered never lies further apart than the format's window", async (t) => {
  const { server, send, spool } = await createSending(t, { inFlightMax: 200 });
  const held: (() => void)[] = [];
  server.reply = (message, response) => {
    if (message.sequence === 1) held.push(() => server.store(message, response));
    else server.store(message, response);
  };
  for (let i = 1; i <= 150; i++) send(i);
  await until("sent what may be", () => server.stored.size === 63);
  await sleep(50);
  assert.equal(Math.max(...server.requests.map(({ sequence }) => sequence)), 64);
  held[0]!();
  server.reply = (message, response) => server.store(message, response);
  await until("all stored", () => spool.count === 0);
  assert.equal(server.stored.size, 150);
});

test("at the end it waits for the answers of a server that is there, and not for one that is not", async (t) => {
  const { server, uplink, row } = await createSending(t);
  server.reply = (message, response) => void setTimeout(() => server.store(message, response), 100);
  uplink.take(row(9));
  await uplink.stop();
  assert.deepEqual(bytesOf(server), [9]);
  assert.deepEqual(
    [...server.stored.values()].map(({ isLast }) => isLast),
    [true],
    "and says goodbye",
  );
});

test("with nothing to tell it says goodbye all the same, once, to a server that is there", async (t) => {
  const { server, uplink, send, spool } = await createSending(t);
  send(1);
  await until("stored", () => spool.count === 0);
  await Promise.all([uplink.stop(), uplink.stop()]);
  assert.deepEqual(
    [...server.stored.values()].map(({ sequence, isLast }) => [sequence, isLast]),
    [
      [1, false],
      [2, true],
    ],
  );
});
