/**
 * Datagrams with known sizes, run inside a network namespace as a process of its own:
 *
 *     datagram-traffic.ts answer PORT REPLY             answers each datagram with REPLY bytes; 0: not at all
 *     datagram-traffic.ts ask HOST PORT COUNT BYTES     sends COUNT datagrams, each after the answer to the one before
 *     datagram-traffic.ts spread HOST PORT COUNT        sends one datagram of 10 bytes from each of COUNT sockets
 *     datagram-traffic.ts flood HOST PORT COUNT BYTES   sends COUNT datagrams, full of ones, and waits for no answer
 *     datagram-traffic.ts ping HOST COUNT BYTES         echo requests with BYTES behind ICMP's header
 *     datagram-traffic.ts resolve SERVER NAME...        asks for A and AAAA records, waits PATIENCE_MILLISECONDS for each; says how long answers took
 *
 * Lines on standard output say what has happened. The process stays until its standard input ends.
 */
import { createSocket, type Socket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import koffi from "koffi";

const [role, a = "", b = "", c = "", d = ""] = process.argv.slice(2);

function answer(port: number, replyBytes: number): void {
  const reply = Buffer.alloc(replyBytes);
  const socket = createSocket("udp6");
  socket.on("message", (_data, from) => replyBytes > 0 && socket.send(reply, from.port, from.address));
  socket.bind(port, "::", () => console.log("listening"));
}

function openSocket(host: string): Socket {
  return createSocket(isIPv6(host) ? "udp6" : "udp4");
}

async function ask(host: string, port: number, count: number, bytes: number): Promise<void> {
  const socket = openSocket(host);
  const payload = Buffer.alloc(bytes);
  for (let i = 0; i < count; i++) {
    const answered = once(socket, "message");
    socket.send(payload, port, host);
    await answered;
  }
  console.log("answered");
}

async function spread(host: string, port: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const socket = openSocket(host);
    await new Promise((sent) => socket.send(Buffer.alloc(10), port, host, sent));
    socket.close();
  }
  console.log("sent");
}

async function flood(host: string, port: number, count: number, bytes: number): Promise<void> {
  const socket = openSocket(host);
  const data = Buffer.alloc(bytes, 0xff);
  for (let i = 0; i < count; i++) await new Promise((sent) => socket.send(data, port, host, sent));
  console.log("sent");
}

/** Node has no raw sockets; the system's are a few calls away. */
function ping(host: string, count: number, bytes: number): void {
  const libc = koffi.load("libc.so.6");
  const open = libc.func("int socket(int family, int type, int protocol)");
  const convert = libc.func("int inet_pton(int family, const char *text, _Out_ uint8_t *address)");
  const send = libc.func(
    "long sendto(int fd, const uint8_t *data, size_t length, int flags, const uint8_t *address, int addressLength)",
  );
  const receive = libc.func("long recv(int fd, _Out_ uint8_t *data, size_t length, int flags)");
  const isV6 = isIPv6(host);
  const family = isV6 ? 10 : 2;
  const fd = open(family, 3, isV6 ? 58 : 1); // SOCK_RAW
  const address = new Uint8Array(isV6 ? 28 : 16);
  address[0] = family;
  convert(family, host, address.subarray(isV6 ? 8 : 4));
  const [echo, reply] = isV6 ? [128, 129] : [8, 0];
  const data = new Uint8Array(65_536);
  for (let sequence = 1; sequence <= count; sequence++) {
    const message = Buffer.alloc(8 + bytes);
    message[0] = echo;
    message.writeUInt16BE(process.pid & 0xffff, 4);
    message.writeUInt16BE(sequence, 6);
    message.writeUInt16BE(checksum(message), 2); // of ICMPv6 the kernel writes it
    if (send(fd, message, message.length, 0, address, address.length) < 0) throw new Error("not sent");
    for (;;) {
      const length = Number(receive(fd, data, data.length, 0));
      const start = isV6 ? 0 : (data[0]! & 15) * 4;
      const isOwn = Buffer.compare(data.subarray(start + 4, start + 8), message.subarray(4, 8)) === 0;
      if (length === start + message.length && data[start] === reply && isOwn) break;
    }
  }
  console.log("answered");
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

async function resolve(server: string, names: readonly string[]): Promise<void> {
  const resolver = new Resolver({ timeout: Number(process.env.PATIENCE_MILLISECONDS ?? 500), tries: 1 });
  resolver.setServers([server]);
  const waits: number[] = [];
  for (const name of names) {
    for (const type of ["A", "AAAA"] as const) {
      const begun = performance.now();
      const error = await resolver.resolve(name, type).then(
        () => "",
        ({ code }) => code as string,
      );
      if (error !== "ETIMEOUT") waits.push(performance.now() - begun);
    }
  }
  console.log(`resolved ${JSON.stringify(waits)}`);
}

process.stdin.on("end", () => process.exit(0)).resume();
if (role === "answer") answer(Number(a), Number(b));
else if (role === "ask") await ask(a, Number(b), Number(c), Number(d));
else if (role === "spread") await spread(a, Number(b), Number(c));
else if (role === "flood") await flood(a, Number(b), Number(c), Number(d));
else if (role === "ping") ping(a, Number(b), Number(c));
else if (role === "resolve") await resolve(a, process.argv.slice(4));
else throw new Error("datagram-traffic.ts answer|ask|spread|flood|ping|resolve");
