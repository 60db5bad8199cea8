import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { limitConnections } from "./connection-limits.ts";

/** A server whose `/slow` is answered when `release` is called; `said` is its log. */
async function createLimited(t: TestContext, connectionsMax: number) {
  const said: string[] = [];
  const clock = { now: 0 };
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const server = createServer(async (request, response) => {
    if (request.url === "/slow") await released;
    response.end("ok");
  });
  limitConnections(server, connectionsMax, { log: (message) => said.push(message), now: () => clock.now });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    server.closeAllConnections();
  });
  /** Connects and says nothing. Resolves to how many of the connections are still open when the server has seen them all. */
  async function connectSilently(count: number, localAddress = "127.0.0.1"): Promise<Socket[]> {
    const added: Socket[] = [];
    for (let i = 0; i < count; i++) {
      const seen = once(server, "connection");
      const socket = connect({ port, host: "127.0.0.1", localAddress });
      socket.on("error", () => {});
      added.push(socket);
      sockets.push(socket);
      await seen;
    }
    return added;
  }
  function ask(path: string, localAddress = "127.0.0.1"): Promise<number> {
    return new Promise((resolve, reject) => {
      const options = { port, host: "127.0.0.1", localAddress, path, agent: false };
      get(options, (response) => {
        response.resume().once("end", () => resolve(response.statusCode!));
      }).once("error", reject);
    });
  }
  const openCount = () =>
    new Promise<number>((resolve, reject) =>
      server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );
  return { server, said, clock, connectSilently, ask, openCount, release: () => release() };
}

test("3,000 silent connections take no more than a client's share; it and others are still answered; said once a minute", async (t) => {
  const { said, clock, connectSilently, ask, openCount } = await createLimited(t, 200);
  await connectSilently(3000);
  assert.ok((await openCount()) <= 101, String(await openCount()));
  assert.equal(await ask("/healthz"), 200, "its own");
  assert.equal(await ask("/healthz", "127.0.0.2"), 200);
  assert.equal(said.length, 1);
  assert.match(said[0]!, /of at most 200; .* now for 127\.0\.0\.1.*limits\.connections/);
  clock.now += 60_000;
  await connectSilently(2);
  assert.equal(said.length, 2);
});

test("one that is being answered is not closed for another; with nothing quiet the newcomer is", async (t) => {
  const { server, connectSilently, ask, release } = await createLimited(t, 8);
  const answers: Promise<number>[] = [];
  for (let i = 0; i < 4; i++) {
    const begun = once(server, "request");
    answers.push(ask("/slow"));
    await begun;
  }
  const [late] = await connectSilently(1);
  if (!late!.destroyed) await once(late!, "close");
  assert.equal(await ask("/healthz", "127.0.0.2"), 200, "another address finds room");
  release();
  assert.deepEqual(await Promise.all(answers), [200, 200, 200, 200]);
  assert.equal(await ask("/healthz"), 200);
});

test("many addresses that together leave nothing free: the longest quiet connection makes room", async (t) => {
  const { connectSilently, ask, openCount } = await createLimited(t, 8);
  for (let host = 1; host <= 20; host++) await connectSilently(2, `127.0.1.${host}`);
  assert.ok((await openCount()) <= 8);
  assert.equal(await ask("/healthz", "127.0.2.1"), 200);
});
