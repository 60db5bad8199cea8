import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { canRunDatagrams, canRunTcp, readKernelFacts } from "../src/observe/index.ts";
import type { Topology } from "../src/topology/index.ts";
import { said, TwoHosts, whyNoNamespaces } from "./namespaces.ts";
import { freePort, type Program, runProgram, startProgram, temporaryFolder, until } from "./program.ts";

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const traffic = fileURLToPath(new URL("./traffic.ts", import.meta.url));
const datagramTraffic = fileURLToPath(new URL("./datagram-traffic.ts", import.meta.url));
const resolver = fileURLToPath(new URL("./pretend-resolver.ts", import.meta.url));
const skip = whyNoNamespaces() || canRunTcp(readKernelFacts())?.reason || false;
const token = "a-token-of-this-test-0123456789";

interface AgentProcess {
  readonly child: ChildProcess;
  readonly output: () => string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts `portolan agent` and waits until it has said what it does. */
async function startAgent(parameters: readonly string[]): Promise<AgentProcess> {
  const child = spawn(process.execPath, [main, "agent", ...parameters], {
    env: { ...process.env, PORTOLAN_TOKEN: token },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const ended = once(child, "exit").then(([code]) => code as number | null);
  await until("the agent says what it does", () => (output.includes("Ctrl-C") ? true : undefined));
  return {
    child,
    output: () => output,
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}

/** Two hosts that talk, a server and an agent, both of which can be killed and started again. */
async function createWorld(t: TestContext) {
  const hosts = new TwoHosts();
  t.after(() => hosts.remove());
  const folder = temporaryFolder(t);
  const config = join(folder, "portolan.yaml");
  writeFileSync(config, `auth:\n  ingestTokens:\n    - { name: nodes, token: ${token} }\n`);
  const [webPort, flowPort] = [await freePort(), await freePort()];
  const node = `remote-${process.pid}`;
  const spool = join(folder, "spool");
  let server: Program | undefined;
  let agent: AgentProcess | undefined;
  t.after(() => server?.stop("SIGKILL"));
  t.after(() => agent?.stop("SIGKILL"));
  const world = {
    ...{ hosts, spool, node },
    async startServer() {
      server = await startProgram([
        ...["server", "--config", config, "--data", join(folder, "data")],
        ...["--listen", `127.0.0.1:${webPort}`, "--flows", `udp://127.0.0.1:${flowPort}`],
      ]);
      return server;
    },
    async startAgent() {
      agent = await startAgent([
        ...["--server", `http://127.0.0.1:${webPort}`, "--spool", spool],
        ...["--node", node, "--listen", "none"],
      ]);
      return agent;
    },
    serve: (port: number, reply: number) =>
      said(
        hosts.spawn(hosts.server, process.execPath, traffic, "serve", String(port), String(reply)),
        "listening",
      ),
    /** A connection that sends so much, is answered, and closes. */
    async talk(port: number, bytes: number, reply: number): Promise<void> {
      const child = hosts.spawn(
        hosts.client,
        ...([
          process.execPath,
          traffic,
          "send",
          hosts.serverAddress,
          String(port),
          String(bytes),
          String(reply),
        ] as const),
      );
      await said(child, "received all");
      child.stdin?.write("close");
      await once(child, "exit");
    },
    /** What the store has of a port: the links from client to server, not counting duplicates. */
    async stored(port: number) {
      const { links } = await server!.get<Topology>(`/api/v1/map?from=-1h&filter=port:${port}`);
      return links.map(({ client, server: to, bytesSent, bytesReceived, connections }) => ({
        ...{ client, server: to, bytesSent, bytesReceived, connections },
      }));
    },
  };
  return world;
}

type World = Awaited<ReturnType<typeof createWorld>>;

const sumOf = (
  links: Awaited<ReturnType<World["stored"]>>,
  figure: "bytesSent" | "bytesReceived" | "connections",
) => links.reduce((sum, link) => sum + link[figure], 0);

async function exactly(
  world: World,
  port: number,
  connections: number,
  bytes: number,
  reply: number,
): Promise<void> {
  const expected = [connections, connections * (bytes + 8), connections * reply];
  const found = async () => {
    const links = await world.stored(port);
    return [sumOf(links, "connections"), sumOf(links, "bytesSent"), sumOf(links, "bytesReceived")];
  };
  await until(
    `port ${port}: ${expected}`,
    async () => (`${await found()}` === `${expected}` ? true : undefined),
    60,
  ).catch(async (error) => assert.deepEqual(await found(), expected, String(error)));
  await sleep(2500);
  assert.deepEqual(await found(), expected, "and it stays so");
}

test("an agent elsewhere: its connections are on the map, exact, with both processes; the server says who reports", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const world = await createWorld(t);
  await world.serve(7301, 500);
  const server = await world.startServer();
  const agent = await world.startAgent();
  assert.ok(!agent.output().includes(token), "no secrets in what it says");
  for (let i = 0; i < 3; i++) await world.talk(7301, 40_000, 500);
  await exactly(world, 7301, 3, 40_000, 500);
  const [link] = await world.stored(7301);
  assert.ok(link?.client.includes(world.node) && link.server.includes(world.node), JSON.stringify(link));
  const told = await (await fetch(`${server.url}/metrics`)).text();
  const sent = told
    .split("\n")
    .filter((line) => /^portolan_link_sent_bytes_total.*server_port="7301"/.test(line));
  assert.deepEqual(
    sent.map((line) => line.split(" ").at(-1)),
    [String(3 * 40_008)],
    `its bytes are told once: ${sent.join("\n")}`,
  );
  const { agents } = await server.get<{
    agents: { node: string; token: string; health: string; records: number }[];
  }>("/api/v1/agents");
  assert.deepEqual(
    agents.map(({ node, token: name, health }) => [node, name, health]),
    [[world.node, "nodes", "ok"]],
  );
  const page = await fetch(`${server.url}/api/v1/ingest`, { method: "POST", body: "x" });
  assert.equal(page.status, 401);
  agent.child.kill("SIGHUP");
  await until("it has read its settings", () =>
    agent.output().includes("nothing has changed that an agent settles") ? true : undefined,
  );
  assert.equal(await agent.stop(), 0);
});

test("the server is killed twice while connections come and go: everything is there, once", {
  skip,
  timeout: 180_000,
}, async (t) => {
  const world = await createWorld(t);
  await world.serve(7302, 300);
  let server = await world.startServer();
  await world.startAgent();
  let count = 0;
  let isOver = false;
  const talking = (async () => {
    while (!isOver) {
      await world.talk(7302, 20_000, 300);
      count++;
    }
  })();
  for (const milliseconds of [3300, 4700]) {
    await sleep(milliseconds); // in the midst of writing, or of answering
    await server.stop("SIGKILL");
    await sleep(1200);
    server = await world.startServer();
  }
  await sleep(2000);
  isOver = true;
  await talking;
  assert.ok(count > 10, `${count} connections`);
  await exactly(world, 7302, count, 20_000, 300);
});

test("the server is away for a while, and the agent is killed meanwhile: the spool has it all, once", {
  skip,
  timeout: 180_000,
}, async (t) => {
  const world = await createWorld(t);
  await world.serve(7303, 300);
  const first = await world.startServer();
  const agent = await world.startAgent();
  await world.talk(7303, 10_000, 300);
  await until("the first is stored", async () =>
    sumOf(await world.stored(7303), "connections") === 1 ? true : undefined,
  );
  await first.stop("SIGTERM");
  for (let i = 0; i < 4; i++) await world.talk(7303, 10_000, 300);
  await until("it says so", () => (/cannot be reached/.test(agent.output()) ? true : undefined));
  await sleep(2500); // two looks, so that all of it has been observed
  await agent.stop("SIGKILL");
  assert.ok(readdirSync(world.spool).some((name) => name.endsWith(".spool")));
  await world.talk(7303, 10_000, 300); // nobody looks: this one is lost
  const again = await world.startAgent();
  assert.match(again.output(), /\d+ messages from before/);
  for (let i = 0; i < 3; i++) await world.talk(7303, 10_000, 300);
  await world.startServer();
  await exactly(world, 7303, 8, 10_000, 300);
  assert.equal(await again.stop(), 0);
  assert.deepEqual(
    readdirSync(world.spool).filter((name) => name.endsWith(".spool")),
    [],
    "all was answered",
  );
});

test("names that were looked up while the server was away, or killed, are its history, once, with who asked", {
  skip: skip || canRunDatagrams(readKernelFacts())?.reason || false,
  timeout: 120_000,
}, async (t) => {
  const world = await createWorld(t);
  const { hosts } = world;
  await said(hosts.spawn(hosts.server, process.execPath, resolver, hosts.serverAddress), "listening");
  /** Twice each, for IPv4 and for IPv6. */
  const lookUp = (...names: string[]) =>
    said(
      hosts.spawn(
        ...([
          hosts.client,
          process.execPath,
          datagramTraffic,
          "resolve",
          hosts.serverAddress,
          ...names,
        ] as const),
      ),
      "resolved",
    );
  let server = await world.startServer();
  await world.startAgent();
  const found = async () => {
    const filter = encodeURIComponent(`address:${hosts.clientAddress} kind:process`);
    const { names } = await server.get<{ names: { name: string; queries: number; failures: number }[] }>(
      `/api/v1/lookups?filter=${filter}`,
    );
    return Object.fromEntries(names.map(({ name, queries, failures }) => [name, [queries, failures]]));
  };
  const exactly = async (expected: Record<string, number[]>) => {
    await until(
      JSON.stringify(expected),
      async () => isDeepStrictEqual(await found(), expected) || undefined,
    ).catch(async () => assert.deepEqual(await found(), expected));
    await sleep(2500);
    assert.deepEqual(await found(), expected, "and it stays so");
  };
  await lookUp("www.example", "no.example");
  await exactly({ "www.example": [2, 0], "no.example": [2, 2] });
  await server.stop("SIGKILL");
  await lookUp("www.example");
  await sleep(1500);
  server = await world.startServer();
  await lookUp("gone.example");
  await sleep(1800); // on its way, or just stored
  await server.stop("SIGKILL");
  server = await world.startServer();
  await exactly({ "www.example": [4, 0], "no.example": [2, 2], "gone.example": [2, 2] });
});

test("a long connection over the agent's death: what it did while nobody looked is lost, nothing is there twice", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const world = await createWorld(t);
  const { hosts } = world;
  await world.serve(7304, 2_000_000);
  await world.startServer();
  const agent = await world.startAgent();
  const parameters = ["send", hosts.serverAddress, "7304", "1500000", "2000000"];
  const child = hosts.spawn(hosts.client, process.execPath, traffic, ...parameters);
  await said(child, "connected");
  await until("it is seen", async () =>
    sumOf(await world.stored(7304), "connections") === 1 ? true : undefined,
  );
  await agent.stop("SIGKILL");
  await world.startAgent();
  child.stdin?.write("close");
  await once(child, "exit");
  await sleep(6000);
  const links = await world.stored(7304);
  assert.equal(sumOf(links, "connections"), 1, "it was opened once");
  assert.ok(
    sumOf(links, "bytesSent") <= 1_500_008 && sumOf(links, "bytesReceived") <= 2_000_000,
    JSON.stringify(links),
  );
});

test("records as lines of JSON, with the peers' names, without a server", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const world = await createWorld(t);
  await world.serve(7305, 100);
  const child = spawn(process.execPath, [main, "agent", "--json", "--listen", "none", "--node", world.node]);
  t.after(() => child.kill("SIGKILL"));
  let [lines, words] = ["", ""];
  child.stdout.on("data", (text) => (lines += text));
  child.stderr.on("data", (text) => (words += text));
  await until("it says what it does", () => (words.includes("Ctrl-C") ? true : undefined));
  await world.talk(7305, 1000, 100);
  const ended = once(child, "exit");
  const records = () =>
    lines
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown> & { sourcePeer: { name: string } })
      .filter((record) => record.destinationTransportPort === 7305 && record.observedEnd === 1);
  await until("a line tells of it", () =>
    records().some(({ flowEndReason }) => flowEndReason === 3) ? true : undefined,
  );
  const sum = records().reduce((bytes, { octetDeltaCount = 0 }) => bytes + Number(octetDeltaCount), 0);
  assert.equal(sum, 1008);
  const [record] = records();
  assert.deepEqual(
    [record?.protocolIdentifier, record?.node, record?.sourceAddress],
    ["tcp", world.node, world.hosts.clientAddress],
  );
  assert.notEqual(record?.sourcePeer.name, "");
  child.kill("SIGTERM");
  assert.equal((await ended)[0], 0);
});

const wrong: readonly [what: string, parameters: string[], said: RegExp][] = [
  ["nothing to do", [], /--server: URL is expected.*--json/],
  ["no URL", ["--server", "10.0.0.1:8080"], /--server: a URL with http or https/],
  ["a password in the URL", ["--server", "http://a:verysecret@x"], /--server: .*--token-file/],
  ["two tokens", ["--server", "http://x", "--token", "verysecret", "--token-file", "x"], /one of the two/],
  [
    "no such file",
    ["--server", "http://x", "--token-file", "/nonexistent"],
    /--token-file: \/nonexistent: ENOENT/,
  ],
  ["a token with blanks", ["--server", "http://x", "--token", "very secret"], /without blanks/],
  ["a size without a unit", ["--json", "--spool-size", "7"], /--spool-size: "7"/],
  ["an odd name", ["--json", "--node", "a/b"], /--node/],
  ["an odd place to listen", ["--json", "--listen", "7117"], /--listen: "7117" is not HOST:PORT/],
];

for (const [what, parameters, expected] of wrong) {
  test(`wrong flags end it at once with 2, in words: ${what}`, async () => {
    const { code, output } = await runProgram(["agent", ...parameters]);
    assert.equal(code, 2, output);
    assert.match(output, expected);
    assert.doesNotMatch(output, /verysecret|very secret/);
  });
}
