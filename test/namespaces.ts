import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

const ip = (...parameters: string[]) => execFileSync("ip", parameters, { stdio: ["ignore", "pipe", "pipe"] });

/** A hundred ports each, below those that the kernel gives away. */
const [firstPort, blockPorts, blocks] = [10_000, 100, 220] as const;

/**
 * The block of ports that is this process's own as long as it lives. A bind in a namespace disturbs nobody, but an agent sees the
 * connections of the whole machine, and tells another test's by their ports alone.
 */
async function claimBlock(): Promise<number> {
  const start = process.pid % blocks;
  for (let i = 0; i < blocks; i++) {
    const block = (start + i) % blocks;
    const server = createServer().unref();
    server.listen(firstPort + block * blockPorts, "127.0.0.1");
    const isOurs = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (isOurs) return block;
  }
  throw new Error("every block of ports is another test's");
}

const block = await claimBlock();
const network6 = `fd77:${block.toString(16)}`;

/** Waits until no other process holds this turn, and holds it to its end: for tests that count what the whole machine does. */
export async function takeTurn(name: string): Promise<void> {
  for (;;) {
    const server = createServer().unref();
    server.listen(`\0portolan-test-${name}`);
    const isOurs = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (isOurs) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** One of this process's own ports, from 1 to 99. */
export function ownPort(number: number): number {
  return firstPort + block * blockPorts + number;
}

/** Why network namespaces cannot be made here, or false when they can. */
export function whyNoNamespaces(): string | false {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  const name = `ptl-probe-${process.pid}`;
  const made = spawnSync("ip", ["netns", "add", name]);
  if (made.status !== 0) return `ip netns add: ${made.error?.message ?? made.stderr}`;
  ip("netns", "del", name);
  return false;
}

/**
 * Two network namespaces joined by a veth pair, as two hosts on one wire; the first also reaches the test's own namespace.
 *
 *     client 10.77.N.1 fd77:N::1 ── left ── right ── 10.77.N.2 fd77:N::2 server
 *        └ 10.78.N.2 ── up ── 10.78.N.1 here
 */
export class TwoHosts {
  readonly client: string;
  readonly server: string;
  readonly left: string;
  readonly right: string;
  readonly clientAddress = `10.77.${block}.1`;
  readonly serverAddress = `10.77.${block}.2`;
  readonly serverAddress6 = `${network6}::2`;
  /** This namespace, seen from the client. */
  readonly hereAddress = `10.78.${block}.1`;
  /** The client, seen from this namespace. */
  readonly upAddress = `10.78.${block}.2`;
  readonly #here: string;
  readonly #children: ChildProcess[] = [];

  constructor() {
    const tag = (process.pid % 46_656).toString(36);
    this.client = `ptl-client-${tag}`;
    this.server = `ptl-server-${tag}`;
    this.left = `ptll${tag}`;
    this.right = `ptlr${tag}`;
    const [up, here] = [`ptlu${tag}`, `ptlh${tag}`];
    this.#here = here;
    try {
      ip("netns", "add", this.client);
      ip("netns", "add", this.server);
      ip(
        "link",
        "add",
        this.left,
        "netns",
        this.client,
        "type",
        "veth",
        "peer",
        "name",
        this.right,
        "netns",
        this.server,
      );
      ip("link", "add", up, "netns", this.client, "type", "veth", "peer", "name", here);
      this.#setUp(this.client, this.left, `${this.clientAddress}/24`, `${network6}::1/64`);
      this.#setUp(this.server, this.right, `${this.serverAddress}/24`, `${this.serverAddress6}/64`);
      this.#setUp(this.client, up, `${this.upAddress}/24`);
      ip("addr", "add", `${this.hereAddress}/24`, "dev", here);
      ip("link", "set", here, "up");
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  #setUp(namespace: string, device: string, ...addresses: string[]): void {
    for (const address of addresses) {
      const noDad = address.includes(":") ? ["nodad"] : [];
      ip("-n", namespace, "addr", "add", address, "dev", device, ...noDad);
    }
    // As on a wire: packets of at most the MTU, not what the sender's offloading makes of them.
    ip("-n", namespace, "link", "set", device, "gso_max_segs", "1");
    ip("-n", namespace, "link", "set", device, "up");
    ip("-n", namespace, "link", "set", "lo", "up");
  }

  /** Starts a program inside a namespace; it is ended with the namespaces. */
  spawn(namespace: string, command: string, ...parameters: string[]): ChildProcess {
    const child = spawn("ip", ["netns", "exec", namespace, command, ...parameters], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#children.push(child);
    return child;
  }

  remove(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    spawnSync("ip", ["link", "del", this.#here]); // with its namespace it would go a moment later
    for (const namespace of [this.client, this.server]) spawnSync("ip", ["netns", "del", namespace]);
  }
}

/** Resolves when the child's output has held a text. */
export async function said(child: ChildProcess, text: string): Promise<string> {
  let output = "";
  for await (const [chunk] of onData(child)) {
    output += chunk;
    if (output.includes(text)) return output;
  }
  throw new Error(`the child ended without saying "${text}": ${output}`);
}

async function* onData(child: ChildProcess): AsyncGenerator<[Buffer]> {
  const ended = once(child, "exit").then(() => undefined);
  for (;;) {
    const data = await Promise.race([once(child.stdout!, "data") as Promise<[Buffer]>, ended]);
    if (data === undefined) return;
    yield data;
  }
}
