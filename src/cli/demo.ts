import { once } from "node:events";
import { type Command, InvalidArgumentError } from "commander";
import type { DemoWorld, PlannedWorld } from "../demo/index.ts";
import type { Server } from "../server/index.ts";
import { runUntilSignal } from "./run.ts";
import { version } from "./version.ts";

interface DemoFlags {
  readonly listen: string;
  readonly seed: number;
  readonly seconds?: number;
  readonly clean?: boolean;
}

/** `portolan demo`: a small world to look at, and Portolan looking at it. */
export function addDemo(program: Command): void {
  program
    .command("demo")
    .description("a small shop of network namespaces on this machine that talks, observed live")
    .option("--listen <host:port>", "where page, API and metrics are served", "127.0.0.1:8080")
    .option("--seed <number>", "the same number gives the same names and requests", wholeNumber, 1)
    .option("--seconds <number>", "end by itself after so long", wholeNumber)
    .option("--clean", "only remove what a demo left that was killed")
    .action(async (flags: DemoFlags) => {
      process.exitCode = await (flags.clean === true ? clean() : run(flags));
    });
}

async function clean(): Promise<number> {
  const demo = await import("../demo/index.ts");
  const holding = await hold(demo, true);
  if (holding === undefined) return 1;
  const removed = await demo.removeDemoWorld();
  holding.release();
  console.log(removed.length === 0 ? "no demo left anything" : `removed:\n  ${removed.join("\n  ")}`);
  return 0;
}

async function run({ listen, seed, seconds }: DemoFlags): Promise<number> {
  // Loaded only here: other commands, and --help, need none of them.
  const [demo, { pino }, { createServer }, { readConfig }] = await Promise.all([
    import("../demo/index.ts"),
    import("pino"),
    import("../server/index.ts"),
    import("../settings/index.ts"),
  ]);
  const flows = [`udp://127.0.0.1:${await freePort()}`]; // the usual ports may be somebody else's
  const flags = {
    ...{ listen, flows, "agent.enabled": true, "agent.loopback": false },
    reverseDns: "off", // the demo's addresses are its own, whatever the machine's resolver calls them
  };
  readConfig({ environment: process.env, flags }); // what is wrong with it is said before anything is made
  const cannot = demo.whyNoDemoWorld() ?? (await whyNoAgent());
  if (cannot !== undefined) {
    console.error(`portolan: ${cannot.reason}; what to do: ${cannot.remedy}`);
    return 1;
  }
  const holding = await hold(demo);
  if (holding === undefined) return 1;
  const plan = demo.planWorld(seed);
  const world = demo.createDemoWorld(plan, { log: (message) => console.error(`portolan: ${message}`) });
  let server: Server | undefined;
  const service = {
    async start() {
      await world.start();
      const data = world.makeFolder();
      const config = readConfig({ environment: process.env, flags: { log: "warn", ...flags, data } });
      const logger = pino({ level: config.log, base: null }, pino.destination(2));
      const starting = createServer(config, { version, logger, runtimeRoot: world.runtimeRoot });
      await starting.start();
      server = starting;
      world.talk(); // only now, so that the agent sees every connection from its beginning
    },
    stop: () => stop(server, world),
  };
  try {
    await runUntilSignal(
      service,
      () => console.log(describe(server!.address, plan, demo.podRanges)),
      seconds,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof demo.DemoError)) throw error;
    console.error(`portolan: the world cannot be built here: ${error.message}`);
    return 1;
  } finally {
    holding.release();
  }
}

/** A UDP port that nobody uses now. */
async function freePort(): Promise<number> {
  const { createSocket } = await import("node:dgram");
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

/** The world goes also when the server does not stop. */
async function stop(server: Server | undefined, world: DemoWorld): Promise<void> {
  try {
    await server?.stop();
  } finally {
    await world.stop();
  }
}

type Demo = typeof import("../demo/index.ts");

/** Says so when another demo is running. */
async function hold({ holdDemo, isHolder }: Demo, isCleaning = false) {
  const holding = await holdDemo(isCleaning);
  if (!isHolder(holding)) return holding;
  const { process: id } = holding;
  console.error(
    `portolan: a demo is running already, as process ${id}: there is one at a time; kill ${id} ends it`,
  );
  return undefined;
}

async function whyNoAgent() {
  const { canRunTcp, readKernelFacts } = await import("../observe/index.ts");
  return canRunTcp(readKernelFacts());
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("A whole number is expected.");
}

/** Where the page is, and what is to be seen there, in words. */
function describe(address: string, { pods, nodes }: PlannedWorld, ranges: readonly string[]): string {
  const page = `${address}/?${new URLSearchParams({ filter: `address:${ranges.join(",")}` })}`;
  const namespace = pods.find(({ name }) => name === "frontend")!.namespace;
  return `
  Portolan ${version}   ${page}

  A web shop of ${pods.length} pods on ${nodes.length} machines: each pod a process in a network namespace and a control group of its own,
  all of them on this machine, joined to nothing else. What they say to each other is real. Look for

    frontend      asked by three visitors from the internet; asks cart in many short connections, catalog over IPv6
    checkout      two pods behind the service address 10.96.0.20; clients know the one, NAT leads to the others
    kafka         connections that stay open for as long as this runs
    prometheus    scrapes the others, every few seconds
    mailer        fails: 203.0.113.25:587 refuses, 203.0.113.26:25 never answers
    backup-cron   carries dumps out over a link of 400 kbit/s: see its round trip time

  The whole machine    ${address}   which is the world and everything else here
  Inside a pod         ip netns exec ${namespace} ss -tin

  Ctrl-C ends it and removes everything.
`;
}
