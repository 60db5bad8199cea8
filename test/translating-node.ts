import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { formatAddress, parseAddress } from "../src/flow/index.ts";
import { messageFlag, writeMessage } from "../src/observe/netlink/netlink-message.ts";
import { netlinkProtocol, openNetlinkSocket } from "../src/observe/netlink/netlink-socket.ts";
import { ReceiveRoom } from "../src/observe/netlink/receive-room.ts";

const ip = (...parameters: string[]) => execFileSync("ip", parameters, { stdio: ["ignore", "pipe", "pipe"] });

/**
 * A client, a node that translates, and a server, as network namespaces on two wires. The node gives the server a service address and
 * hides the client behind its own:
 *
 *     client 10.91.0.2 ── 10.91.0.1 node 10.92.0.1 ── 10.92.0.2 server
 *            fd91::2      fd91::1        fd92::1      fd92::2
 *                         10.96.0.10:80 and [fd96::10]:80 are the server's :8080,
 *                         10.96.0.10:81 its :8081, which sees the client's own address
 */
export class TranslatingNode {
  readonly node: string;
  readonly client: string;
  readonly server: string;
  readonly service = { 4: "10.96.0.10", 6: "fd96::10" } as const;
  readonly nodeAddress = "10.91.0.1";
  readonly #children: ChildProcess[] = [];

  constructor(tag: string) {
    [this.client, this.node, this.server] = [`ptl-ct-c${tag}`, `ptl-ct-n${tag}`, `ptl-ct-s${tag}`];
    try {
      for (const name of [this.client, this.node, this.server]) {
        ip("netns", "add", name);
        ip("-n", name, "link", "set", "lo", "up");
      }
      this.#wire(this.client, 91);
      this.#wire(this.server, 92);
      this.inside(this.node, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
      this.inside(
        this.node,
        "nft",
        `table inet ptl {
           chain in { type nat hook prerouting priority dstnat;
             ip daddr 10.96.0.10 meta l4proto { tcp, udp } th dport 80 dnat ip to 10.92.0.2:8080
             ip daddr 10.96.0.10 tcp dport 81 dnat ip to 10.92.0.2:8081
             ip6 daddr fd96::10 meta l4proto { tcp, udp } th dport 80 dnat ip6 to [fd92::2]:8080
           }
           chain out { type nat hook postrouting priority srcnat; oifname "right" th dport != 8081 masquerade; }
         }`,
      );
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  #wire(end: string, net: number): void {
    const device = net === 91 ? "left" : "right";
    ip("-n", this.node, "link", "add", device, "type", "veth", "peer", "name", "wire", "netns", end);
    for (const [namespace, name, host] of [[this.node, device, 1] as const, [end, "wire", 2] as const]) {
      ip("-n", namespace, "addr", "add", `10.${net}.0.${host}/24`, "dev", name);
      ip("-n", namespace, "addr", "add", `fd${net}::${host}/64`, "dev", name, "nodad");
      ip("-n", namespace, "link", "set", name, "up");
    }
    ip("-n", end, "route", "add", "default", "via", `10.${net}.0.1`);
    ip("-n", end, "-6", "route", "add", "default", "via", `fd${net}::1`);
  }

  inside(namespace: string, ...command: string[]): string {
    return execFileSync("ip", ["netns", "exec", namespace, ...command], { encoding: "utf8" });
  }

  /** Every connection the node's kernel tracks, as it writes them itself. Protocol, then source > destination of both tuples. */
  tracked(): string[] {
    const lines = this.inside(this.node, "cat", "/proc/net/nf_conntrack").trim().split("\n");
    return lines.filter((line) => line !== "").map(parseTracked);
  }

  /** Has the node's kernel forget every connection that it tracks. */
  forgetTracked(): void {
    const networkNamespace = `/run/netns/${this.node}`;
    const socket = openNetlinkSocket({ protocol: netlinkProtocol.netfilter, networkNamespace });
    const payload = [new Uint8Array(4)]; // struct nfgenmsg, and no tuple
    socket.ask(
      writeMessage({
        type: 0x102,
        flags: messageFlag.request | messageFlag.acknowledge,
        sequence: 1,
        payload,
      }),
      new ReceiveRoom(1),
      () => {},
    );
    socket.close();
  }

  /** Runs a module in a namespace; what it prints are lines of JSON. */
  async run(namespace: string, source: string): Promise<Talk> {
    const child = spawn(
      "ip",
      ["netns", "exec", namespace, process.execPath, "--input-type=module", "-e", source],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    this.#children.push(child);
    const talk = new Talk(child);
    await talk.next();
    return talk;
  }

  remove(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    for (const name of [this.client, this.node, this.server]) spawnSync("ip", ["netns", "del", name]);
  }
}

/** A program that reads and answers lines of JSON. */
export class Talk {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface(child.stdout!)[Symbol.asyncIterator]();
  }

  async next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the program ended");
    return JSON.parse(value) as string;
  }

  ask(question: unknown): Promise<string> {
    this.#child.stdin!.write(`${JSON.stringify(question)}\n`);
    return this.next();
  }

  async end(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}

/** Answers every connection and datagram on a port; prints the address of each caller as it sees it. */
export const serverProgram = (port: number) => `
  import net from "node:net";
  import dgram from "node:dgram";
  const say = (text) => console.log(JSON.stringify(text));
  const end = (address, port) => address.replace("::ffff:", "") + " " + port;
  net.createServer((socket) => {
    say("tcp " + end(socket.remoteAddress, socket.remotePort));
    socket.on("error", () => {});
    socket.resume();
  }).listen({ port: ${port}, host: "::" }, () => {
    const udp = dgram.createSocket("udp6", (bytes, from) => {
      say("udp " + end(from.address, from.port));
      udp.send(bytes, from.port, from.address);
    });
    udp.bind(${port}, "::", () => say("ready"));
  });`;

/** Opens what it is asked to, { protocol, host, port }, keeps it, and answers with its own end. { many } opens that number, one after another. */
export const clientProgram = `
  import net from "node:net";
  import dgram from "node:dgram";
  import { once } from "node:events";
  import { createInterface } from "node:readline";
  const say = (text) => console.log(JSON.stringify(text));
  const kept = [];
  async function open({ protocol, host, port }) {
    if (protocol === "tcp") {
      const socket = net.connect(port, host);
      kept.push(socket);
      await once(socket, "connect");
      return socket.localAddress + " " + socket.localPort;
    }
    const socket = dgram.createSocket(host.includes(":") ? "udp6" : "udp4");
    kept.push(socket);
    socket.connect(port, host);
    await once(socket, "connect");
    socket.send("hello");
    await once(socket, "message");
    return socket.address().address + " " + socket.address().port;
  }
  say("ready");
  for await (const line of createInterface(process.stdin)) {
    const question = JSON.parse(line);
    let answer = "";
    for (let i = 0; i < (question.many ?? 1); i++) answer = await open(question);
    say(answer);
  }`;

/** One line of /proc/net/nf_conntrack. */
function parseTracked(line: string): string {
  const protocol = Number(line.split(/\s+/)[3]);
  const all = (key: string) =>
    [...line.matchAll(new RegExp(`\\b${key}=(\\S+)`, "g"))].map((found) => found[1]!);
  const [source, destination, sourcePort, destinationPort] = ["src", "dst", "sport", "dport"].map(all);
  const tuple = (i: number) => {
    const end = (address: string[], port: string[]) =>
      `${formatAddress(parseAddress(address[i]!)!)} ${port[i] ?? 0}`;
    return `${end(source!, sourcePort!)} > ${end(destination!, destinationPort!)}`;
  };
  return `${protocol} ${tuple(0)} | ${tuple(1)}`;
}
