import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { canRunConntrack, canRunTcp, readConntrackFacts, readKernelFacts } from "../src/observe/index.ts";
import { peerIdHere } from "./cgroups.ts";
import { whyNoNamespaces } from "./namespaces.ts";
import { netflow5 } from "./pretend-exporter.ts";
import { sendFrom } from "./pretend-v9.ts";
import { freePort, liveMap, startProgram, temporaryFolder, until } from "./program.ts";
import { clientProgram, serverProgram, TranslatingNode } from "./translating-node.ts";

const skip =
  whyNoNamespaces() ||
  canRunTcp(readKernelFacts())?.reason ||
  canRunConntrack(readConntrackFacts())?.reason ||
  false;

test("address translation is undone: client, Service, node, backend and router are one link", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const world = new TranslatingNode(String(process.pid));
  t.after(() => world.remove());
  const flowPort = await freePort();
  const server = await world.run(world.server, serverProgram(8080));
  const client = await world.run(world.client, clientProgram);
  const early = await client.ask({ protocol: "tcp", host: world.service[4], port: 80 });
  await server.next();
  const program = await startProgram([
    ...[
      "up",
      "--data",
      temporaryFolder(t),
      "--listen",
      "127.0.0.1:0",
      "--flows",
      `udp://127.0.0.1:${flowPort}`,
    ],
  ]);
  t.after(() => program.stop("SIGKILL"));

  const [clientPeer, serverPeer] = [world.client, world.server].map((name) =>
    peerIdHere(`${hostname()}/${name}`, "node"),
  );
  /** What concerns the world, by who the ends are. */
  async function linksOfWorld() {
    const { links, peers } = await liveMap(program);
    const inWorld = new Set(
      peers
        .filter(({ addresses }) => addresses.some((address) => /^(10\.9[126]\.|fd9[126]:)/.test(address)))
        .map(({ id }) => id),
    );
    return links.filter((link) => inWorld.has(link.client) || inWorld.has(link.server));
  }
  const figures = async () =>
    (await linksOfWorld()).flatMap(({ client: from, server: to, ports }) =>
      ports.map(({ port, protocol, connections }) => ({ from, to, port, protocol, connections })),
    );

  await t.test("by TCP and UDP, IPv4 and IPv6, also one that was open before", async () => {
    assert.match(early, /^10\.91\.0\.2 /);
    for (const protocol of ["tcp", "udp"])
      for (const host of [world.service[4], world.service[6]])
        for (let time = 0; time < 3; time++) {
          await client.ask({ protocol, host, port: 80 });
          await server.next();
        }
    const expected = [
      { from: clientPeer, to: serverPeer, port: 8080, protocol: "tcp", connections: 6 },
      { from: clientPeer, to: serverPeer, port: 8080, protocol: "udp", connections: 6 },
    ];
    await until("all of it is on one link", async () => {
      const seen = await figures();
      return JSON.stringify(seen.toSorted((a, b) => (a.protocol < b.protocol ? -1 : 1))) ===
        JSON.stringify(expected)
        ? true
        : undefined;
    }).catch(async (error) => assert.fail(`${error.message}\n${JSON.stringify(await figures(), null, 1)}`));
  });

  await t.test("connections that are open are counted once", async () => {
    const [link] = await linksOfWorld();
    assert.equal(link!.active, 7);
  });

  await t.test("what a router behind the node reports is the same connection's", async () => {
    const clientEnd = await client.ask({ protocol: "tcp", host: world.service[4], port: 80 });
    const [, address = "", port = ""] = (await server.next()).split(" ");
    assert.equal(address, "10.92.0.1", "the node stands for the client");
    await until("the agent has seen the connection", async () =>
      (await linksOfWorld())[0]!.active === 8 ? true : undefined,
    );
    const ends = {
      source: address,
      destination: "10.92.0.2",
      sourcePort: Number(port),
      destinationPort: 8080,
    };
    await sendFrom("127.0.0.1", flowPort, [netflow5([{ ...ends, bytes: 5000, packets: 10 }], 0)]);
    await until("the record is stored", async () => {
      const { records } = await program.get<{ records: { isDuplicate: boolean; sourceAddress: string }[] }>(
        "/api/v1/flows?limit=1000&filter=exporter:127.0.0.1",
      );
      if (records.length === 0) return undefined;
      const seen = records.map(({ isDuplicate, sourceAddress }) => [isDuplicate, sourceAddress]);
      assert.deepEqual(seen, [[true, clientEnd.split(" ")[0]]]);
      return true;
    });
    assert.equal((await figures()).length, 2, "no link of the node's address");
    const [link] = await linksOfWorld();
    assert.ok(link!.observers.length === 2, "the router is among those who saw it");
  });

  interface Record {
    readonly sourceAddress: string;
    readonly destinationAddress: string;
    readonly isDuplicate: boolean;
    readonly connectionCount: number;
  }
  /** Connections told of a port, by their ends: of the records that count, and of the others. */
  async function connectionsOf(port: number) {
    const { records } = await program.get<{ records: Record[] }>(
      `/api/v1/flows?limit=1000&filter=port:${port}`,
    );
    const counts: { [ends: string]: { counted: number; duplicate: number } } = {};
    for (const { sourceAddress, destinationAddress, isDuplicate, connectionCount } of records) {
      counts[`${sourceAddress} > ${destinationAddress}`] ??= { counted: 0, duplicate: 0 };
      counts[`${sourceAddress} > ${destinationAddress}`]![isDuplicate ? "duplicate" : "counted"] +=
        connectionCount;
    }
    return counts;
  }
  /** Waits until both ends' records are stored. */
  const whole = (port: number, endsCount: number) =>
    until(`both ends of port ${port}`, async () => {
      const counts = await connectionsOf(port);
      const ends = Object.values(counts);
      const isWhole = ends.length >= endsCount && ends.every((end) => end.counted > 0 && end.duplicate > 0);
      return isWhole ? counts : undefined;
    }).catch(async (error) =>
      assert.fail(`${error.message}: ${JSON.stringify(await connectionsOf(port), null, 1)}`),
    );

  await t.test(
    "a call redirected to a proxy beside its client is one connection, the proxy's own another",
    async () => {
      world.inside(
        world.client,
        "nft",
        `table ip side {
           chain out { type nat hook output priority -100; tcp dport 8999 redirect to :15001; }
         }`,
      );
      await world.run(world.client, proxyProgram(15001, world.service[4], 80));
      const activeBefore = (await linksOfWorld()).find(({ server: to }) => to === serverPeer)!.active;
      await client.ask({ protocol: "tcp", host: "10.96.0.77", port: 8999 });
      await server.next();
      assert.deepEqual(await whole(15001, 1), { "10.91.0.2 > 127.0.0.1": { counted: 1, duplicate: 1 } });
      assert.deepEqual(await connectionsOf(8999), {}, "what the client called is nobody's link");
      await until("the proxy's own connection goes on to the server", async () =>
        (await linksOfWorld()).find(({ server: to }) => to === serverPeer)!.active === activeBefore + 1
          ? true
          : undefined,
      );
    },
  );

  await t.test(
    "a translation that is over is not applied to what comes from the same port later",
    async () => {
      const port = 40_404;
      const fromClient = await world.run(world.client, datagramProgram(port, "10.92.0.2", 8080));
      assert.equal(await server.next(), `udp 10.92.0.1 ${port}`);
      await fromClient.end();
      const first = { "10.91.0.2 > 10.92.0.2": { counted: 1, duplicate: 1 } };
      assert.deepEqual(await whole(port, 1), first);
      world.forgetTracked();
      await world.run(world.node, datagramProgram(port, "10.92.0.2", 8080));
      assert.equal(await server.next(), `udp 10.92.0.1 ${port}`);
      const counts = await until("the node's own flow is stored", async () => {
        const seen = await connectionsOf(port);
        const { counted = 0 } = seen["10.92.0.1 > 10.92.0.2"] ?? {};
        return counted > 0 ? seen : undefined;
      }).catch(async (error) =>
        assert.fail(`${error.message}: ${JSON.stringify(await connectionsOf(port))}`),
      );
      assert.deepEqual(counts["10.91.0.2 > 10.92.0.2"], first["10.91.0.2 > 10.92.0.2"]);
      assert.equal(Object.keys(counts).length, 2);
    },
  );

  await t.test("the status says that it is on", async () => {
    const { agent } = await program.get<{ agent: { nat: { state: string; namespaces: number } } }>(
      "/api/v1/status",
    );
    assert.equal(agent.nat.state, "on");
    assert.ok(agent.nat.namespaces >= 3);
  });
});

/** Hands every connection on. */
const proxyProgram = (port: number, host: string, onPort: number) => `
  import net from "node:net";
  net.createServer((from) => {
    const to = net.connect(${onPort}, "${host}");
    for (const socket of [from, to]) socket.on("error", () => {});
    from.pipe(to).pipe(from);
  }).listen(${port}, "127.0.0.1", () => console.log('"ready"'));`;

/** Sends one datagram from a port, and is ready when it is answered. */
const datagramProgram = (from: number, host: string, port: number) => `
  import dgram from "node:dgram";
  const socket = dgram.createSocket("udp4");
  socket.on("message", () => console.log('"answered"'));
  socket.bind(${from}, () => socket.send("hello", ${port}, "${host}"));`;
