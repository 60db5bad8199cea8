/**
 * A small world of one machine to take pictures of, made and taken down again. What talks in it are processes of this very file:
 *
 *     atlas  (this machine, under that name)   nginx, prometheus, grafana, and the containers api and redis
 *     atlas/data, atlas/jobs                   network namespaces: postgres, minio; worker, mailer, backup
 *     192.168.10.0/24, 203.0.113.0/24 …        hosts without an agent
 *
 * The hosts without an agent are one more namespace. Its sockets stand on loopback addresses, which an agent told to leave
 * loopback out does not report, and nftables gives their packets the hosts' addresses on the way out. What the hosts say
 * among themselves is told by a pretend exporter. Without root or nft only the exporter speaks.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { whyNoNamespaces } from "./namespaces.ts";
import { netflow5, type PretendFlow } from "./pretend-exporter.ts";
import { freePort, liveMap, type Program, startProgram, until } from "./program.ts";

const thisFile = fileURLToPath(import.meta.url);

/** A process of the world: what it is called, answers on, and calls. */
interface Actor {
  readonly name: string;
  /** Runs in a control group named as a container engine would. */
  readonly isContainer?: boolean;
  readonly listen?: readonly number[];
  readonly calls?: readonly Call[];
}

interface Call {
  readonly to: string;
  readonly port: number;
  /** Bytes of a request and of its answer. */
  readonly send: number;
  readonly receive: number;
  readonly everyMilliseconds: number;
  /** One connection for all requests. */
  readonly isKept?: boolean;
  readonly from?: string;
  readonly fromPort?: number;
}

const [data, jobs, here, outside] = ["172.30.0.10", "172.30.0.20", "192.168.10.1", "172.30.0.99"] as const;
const outsidePort = 9000;

const actors: Readonly<Record<"atlas" | "data" | "jobs", readonly Actor[]>> = {
  atlas: [
    {
      name: "nginx",
      listen: [443, 9113],
      calls: [call(here, 3000, 900, 24_000, 120, true)],
    },
    {
      name: "api",
      isContainer: true,
      listen: [3000],
      calls: [
        call(data, 5432, 400, 9_000, 60, true),
        call(data, 6379, 120, 600, 30, true),
        call("203.0.113.40", 443, 2_000, 5_000, 900),
      ],
    },
    {
      name: "prometheus",
      listen: [9090],
      calls: [
        call(here, 9113, 200, 6_000, 1000, true),
        call(data, 9187, 200, 30_000, 1000, true),
        call(data, 9121, 200, 14_000, 1000, true),
        call(jobs, 8000, 200, 4_000, 1000, true),
      ],
    },
    { name: "grafana", listen: [3001], calls: [call(here, 9090, 700, 60_000, 800, true)] },
  ],
  data: [
    { name: "postgres", listen: [5432, 9187], calls: [call("192.168.10.40", 5432, 100, 100, 1500)] },
    { name: "redis", isContainer: true, listen: [6379, 9121] },
    { name: "minio", listen: [9000] },
  ],
  jobs: [
    {
      name: "worker",
      listen: [8000],
      calls: [
        call(data, 6379, 300, 900, 50, true),
        call(data, 5432, 2_000, 12_000, 200, true),
        call(data, 9000, 180_000, 600, 700, true),
      ],
    },
    {
      name: "mailer",
      calls: [call("198.51.100.25", 587, 18_000, 900, 900), call(data, 6379, 80, 200, 300, true)],
    },
    {
      name: "backup",
      calls: [call(data, 5432, 300, 400_000, 500, true), call("203.0.113.80", 443, 380_000, 400, 500, true)],
    },
  ],
};

const laptops = [23, 24, 31, 32, 57, 64];
const visitors = [9, 71, 118, 140, 201];

/** What hosts without an agent ask of nginx and grafana; loopback 127.0.10.N goes out as 192.168.10.N, 127.0.113.N as 203.0.113.N. */
const strangers: Actor = {
  name: "outside",
  listen: [outsidePort],
  calls: [
    ...laptops.map((host, i) => ({
      ...call(here, 443, 700, 9_000 * (i + 1), 350 + 90 * i, true),
      from: `127.0.10.${host}`,
      fromPort: 43_000 + host,
    })),
    ...visitors.map((host, i) => ({
      ...call(here, 443, 900, 30_000, 500 + 230 * i, true),
      from: `127.0.113.${host}`,
      fromPort: 44_000 + host,
    })),
    { ...call(here, 3001, 500, 42_000, 900, true), from: "127.0.10.23" },
  ],
};

function call(to: string, port: number, send: number, receive: number, every: number, isKept = false): Call {
  return { to, port, send, receive, everyMilliseconds: every, isKept };
}

/** What the exporter, this machine as the network's gateway, tells in each second. */
export function exportedFlows(): PretendFlow[] {
  const flows: PretendFlow[] = [];
  const add = (source: string, destination: string, port: number, bytes: number, back: number, from = 0) => {
    const sourcePort = from || 50_000 + (flows.length % 200);
    const packets = (count: number) => Math.max(1, Math.round(count / 900));
    const ends = { source, destination, sourcePort, destinationPort: port };
    flows.push({ ...ends, bytes, packets: packets(bytes) });
    if (back === 0) return;
    const backwards = {
      source: destination,
      destination: source,
      sourcePort: port,
      destinationPort: sourcePort,
    };
    flows.push({ ...backwards, bytes: back, packets: packets(back) });
  };
  for (const [i, host] of laptops.entries()) {
    // What this laptop really asks of nginx, and the headers of its packets, which the agent does not count.
    const perSecond = 1000 / (350 + 90 * i);
    const [asked, answered] = [700 * 1.22 * perSecond, 9_000 * (i + 1) * 1.04 * perSecond].map(Math.round);
    add(`192.168.10.${host}`, here, 443, asked!, answered!, 43_000 + host);
    add(`192.168.10.${host}`, "192.168.10.20", 445, 3_000 * (i + 1), 52_000 * (laptops.length - i));
    add(`192.168.10.${host}`, `203.0.113.${[10, 40, 66][i % 3]}`, 443, 4_000, 36_000 * (1 + (i % 4)));
    if (i % 2 === 0) add(`192.168.10.${host}`, "192.168.10.9", 631, 9_000, 400);
  }
  add("192.168.10.20", "203.0.113.80", 443, 420_000, 5_000);
  add("192.168.10.57", "198.51.100.25", 993, 1_200, 22_000);
  for (let camera = 11; camera <= 16; camera++) add("10.20.0.2", `10.20.0.${camera}`, 554, 900, 160_000);
  add("192.168.10.31", "10.20.0.2", 8443, 1_500, 240_000);
  add("10.20.0.2", "192.168.10.20", 2049, 310_000, 4_000);
  return flows;
}

/** Sends what the exporter tells, once a second, until it is stopped. */
function startExporter(port: number, from: string): () => void {
  const socket = createSocket("udp4").bind({ address: from });
  let sequence = 0;
  const tell = () => {
    const flows = exportedFlows();
    for (let at = 0; at < flows.length; at += 30) {
      const some = flows.slice(at, at + 30);
      socket.send(netflow5(some, sequence), port, "127.0.0.1");
      sequence += some.length;
    }
  };
  const timer = setInterval(tell, 1000);
  return () => {
    clearInterval(timer);
    socket.close();
  };
}

/** Bridge, namespaces and processes. */
class World {
  readonly #children: ChildProcess[] = [];
  readonly #namespaces = ["data", "jobs", "outside"];
  readonly #controlGroups: string[] = [];

  /** Wires and addresses. */
  connect(): void {
    ip("link", "add", "ptl-world", "type", "bridge");
    ip("addr", "add", "172.30.0.1/24", "dev", "ptl-world");
    ip("addr", "add", `${here}/24`, "dev", "ptl-world");
    ip("link", "set", "ptl-world", "up");
    for (const [name, address] of [
      ["data", data],
      ["jobs", jobs],
      ["outside", outside],
    ] as const) {
      this.#join(name, address);
    }
    for (const network of ["203.0.113.0/24", "198.51.100.0/24"]) ip("route", "add", network, "via", outside);
    this.#setUpOutside();
  }

  populate(): void {
    for (const actor of actors.atlas) this.#run([], actor);
    for (const name of ["data", "jobs"] as const) {
      for (const actor of actors[name]) this.#run(["ip", "netns", "exec", name], actor);
    }
    this.#run(["ip", "netns", "exec", "outside"], strangers);
  }

  #join(name: string, address: string): void {
    ip("netns", "add", name);
    ip("link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", `ptl-${name}`);
    ip("link", "set", `ptl-${name}`, "master", "ptl-world", "up");
    ip("-n", name, "addr", "add", `${address}/24`, "dev", "eth0");
    ip("-n", name, "link", "set", "lo", "up");
    ip("-n", name, "link", "set", "eth0", "up");
    const gateway = name === "outside" ? "172.30.0.1" : outside;
    ip("-n", name, "route", "add", "default", "via", gateway);
  }

  #setUpOutside(): void {
    const inside = (...command: string[]) => execFileSync("ip", ["netns", "exec", "outside", ...command]);
    for (const setting of ["net.ipv4.conf.all.route_localnet=1", "net.ipv4.ip_forward=1"]) {
      inside("sysctl", "-qw", setting);
    }
    const addresses = [
      ...[40, ...laptops].map((host) => `192.168.10.${host}/24`),
      ...[40, 80, ...visitors].map((host) => `203.0.113.${host}/32`),
      "198.51.100.25/32",
    ];
    for (const address of addresses) ip("-n", "outside", "addr", "add", address, "dev", "eth0");
    const names = [
      ...laptops.map((host) => `127.0.10.${host} : 192.168.10.${host}`),
      ...visitors.map((host) => `127.0.113.${host} : 203.0.113.${host}`),
    ];
    const rules = `table ip world {
      chain arrive {
        type nat hook prerouting priority dstnat;
        ip daddr { 203.0.113.0/24, 198.51.100.0/24 } tcp dport { 443, 587 } dnat to 127.0.0.1:${outsidePort};
      }
      chain leave {
        type nat hook postrouting priority srcnat;
        ip saddr 127.0.0.0/8 oifname "eth0" snat to ip saddr map { ${names.join(", ")} };
      }
    }`;
    execFileSync("ip", ["netns", "exec", "outside", "nft", "-f", "-"], { input: rules });
  }

  #run(through: readonly string[], actor: Actor): void {
    const inside = actor.isContainer ? this.#container(actor.name) : [];
    const command = [...inside, ...through, process.execPath, "--max-old-space-size=64", thisFile];
    const child = spawn(command[0]!, [...command.slice(1), "actor", JSON.stringify(actor)], {
      stdio: ["pipe", "inherit", "inherit"],
    });
    this.#children.push(child);
  }

  /** The command that runs another inside a control group of its own. */
  #container(name: string): string[] {
    const root = existsSync("/sys/fs/cgroup/cgroup.procs") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
    const folder = `${root}/docker-${createHash("sha256").update(name).digest("hex")}.scope`;
    mkdirSync(folder, { recursive: true });
    this.#controlGroups.push(folder);
    return ["sh", "-c", `echo $$ > ${folder}/cgroup.procs && exec "$@"`, "sh"];
  }

  async remove(): Promise<void> {
    const ended = this.#children.map((child) => child.exitCode ?? once(child, "exit"));
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(ended);
    for (const folder of this.#controlGroups) rmdirSync(folder);
    for (const name of this.#namespaces) spawnSync("ip", ["netns", "del", name]);
    spawnSync("ip", ["link", "del", "ptl-world"]);
  }
}

function ip(...parameters: string[]): void {
  execFileSync("ip", parameters, { stdio: ["ignore", "ignore", "inherit"] });
}

/** Runs in a process of its own, under the actor's name. */
function act({ name, listen = [], calls = [] }: Actor): void {
  process.title = name;
  process.stdin.resume().on("end", () => process.exit());
  for (const port of listen) createServer(answer).listen(port, name === "outside" ? "127.0.0.1" : "0.0.0.0");
  // Everybody listens before anybody calls.
  setTimeout(() => calls.forEach((planned) => void repeat(planned)), 3000);
}

/** A request says in its first 8 bytes how long it is and how long its answer shall be. */
function answer(socket: Socket): void {
  let waiting = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (piece) => {
    waiting = Buffer.concat([waiting, piece]);
    while (waiting.length >= 8 && waiting.length >= waiting.readUInt32BE(0)) {
      socket.write(Buffer.alloc(waiting.readUInt32BE(4)));
      waiting = waiting.subarray(waiting.readUInt32BE(0));
    }
  });
}

async function repeat(planned: Call): Promise<void> {
  let socket: Socket | undefined;
  for (;;) {
    if (socket === undefined || socket.destroyed) socket = open(planned);
    const request = Buffer.alloc(planned.send);
    request.writeUInt32BE(planned.send, 0);
    request.writeUInt32BE(planned.receive, 4);
    if (planned.isKept) socket.write(request);
    else {
      socket.end(request);
      socket = undefined;
    }
    await sleep(planned.everyMilliseconds);
  }
}

function open({ to, port, from, fromPort }: Call): Socket {
  const socket = connect({
    host: to,
    port,
    ...(from === undefined ? {} : { localAddress: from }),
    ...(fromPort === undefined ? {} : { localPort: fromPort }),
  });
  socket.on("error", () => socket.destroy());
  socket.resume();
  return socket;
}

/** The program watching the world, once everything in it has been seen. */
export async function startWorld(): Promise<{ program: Program; stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "portolan-world-"));
  const flowPort = await freePort();
  const isWhole = whyNoNamespaces() === false && spawnSync("nft", ["-v"]).status === 0;
  const world = new World();
  const ends: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of ends.reverse()) await end();
  };
  try {
    if (isWhole) {
      ends.push(() => world.remove());
      world.connect();
    }
    const config = join(folder, "portolan.yaml");
    // nat: the agent would undo what gives the hosts their addresses, and find one process behind all of them.
    writeFileSync(config, `agent:\n  enabled: ${isWhole}\n  loopback: false\n  nat: false\n`);
    const parameters = [
      "up",
      ...["--config", config],
      ...["--data", join(folder, "data")],
      ...["--listen", "127.0.0.1:0"],
      ...["--flows", `udp://127.0.0.1:${flowPort}`],
    ];
    const program = await startProgram(parameters, isWhole ? underItsName : []);
    ends.push(() => program.stop());
    if (isWhole) {
      world.populate();
      // An exporter's record of a connection is told from a new one when the agent has seen the connection before.
      const asked = [
        ...laptops.map((host) => `192.168.10.${host}`),
        ...visitors.map((host) => `203.0.113.${host}`),
      ];
      await until("nginx is asked by everybody", async () => {
        const { links } = await liveMap(program);
        const isSeen = (host: string) => links.some(({ id }) => id === `host:${host}>process:atlas/nginx`);
        return asked.every(isSeen) ? true : undefined;
      });
    }
    ends.push(startExporter(flowPort, isWhole ? here : "127.0.0.1"));
    return { program, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A command that runs another on a machine of this name. */
export const underItsName = ["unshare", "--uts", "sh", "-c", 'hostname atlas && exec "$@"', "sh"];

const [role, text] = process.argv.slice(2);
if (process.argv[1] === thisFile && role === "actor") act(JSON.parse(text!) as Actor);
