/**
 * Traffic made by bare system calls, so that what sends is not what is measured. A process of its own, run inside a network
 * namespace:
 *
 *     traffic-load.ts receive udp|tcp PORT           takes datagrams, or one stream
 *     traffic-load.ts send udp|tcp HOST PORT         sends datagrams of 64 bytes, or a stream in pieces of 128 KiB, as fast as can be
 *     traffic-load.ts serve PORT                     answers an HTTP request per connection, and closes it
 *     traffic-load.ts request HOST PORT RATE         makes such requests, RATE a second; 0 is as fast as can be
 *     traffic-load.ts both udp|tcp NAMESPACE HOST PORT   is both ends in one thread, the receiving one in another network namespace (a
 *                                                    file): datagrams of 64 bytes, or such requests; nothing ever waits
 *     traffic-load.ts both stream NAMESPACE HOST PORT    the same of one stream, in pieces of 64 KiB
 *     traffic-load.ts keep PORT                      accepts connections and keeps them
 *     traffic-load.ts hold HOST PORT COUNT [HOSTS]   opens COUNT connections and keeps them, in turn to as many addresses from HOST on; says "held"
 *
 * All but the last two tell, every 20 ms, in a line: monotonic nanoseconds, what was done so far (datagrams, bytes,
 * connections), microseconds of CPU. IPv4 only.
 */
import { writeSync } from "node:fs";
import koffi from "koffi";
import { insideNamespace } from "../src/observe/netlink/inside-namespace.ts";

const libc = koffi.load("libc.so.6");
const call = {
  socket: libc.func("int socket(int family, int type, int protocol)"),
  bind: libc.func("int bind(int fd, uintptr_t address, int length)"),
  listen: libc.func("int listen(int fd, int waiting)"),
  accept: libc.func("int accept4(int fd, uintptr_t address, uintptr_t length, int flags)"),
  connect: libc.func("int connect(int fd, uintptr_t address, int length)"),
  send: libc.func("intptr_t send(int fd, uintptr_t data, size_t length, int flags)"),
  receive: libc.func("intptr_t recv(int fd, uintptr_t data, size_t length, int flags)"),
  setOption: libc.func("int setsockopt(int fd, int level, int name, uintptr_t value, int length)"),
  close: libc.func("int close(int fd)"),
  mmap: libc.func("uintptr_t mmap(uintptr_t at, size_t length, int prot, int flags, int fd, long offset)"),
  usleep: libc.func("int usleep(unsigned int microseconds)"),
};
const [stream, datagram] = [1, 2];
const pieceBytes = 128 * 1024;
const datagramBytes = 64;

/** Memory that stays where it is: an address and a one, then what is sent and received. */
const memoryAt = Number(call.mmap(0, pieceBytes + 4096, 3, 0x22, -1, 0));
const memory = koffi.view(memoryAt, pieceBytes + 4096) as ArrayBuffer;
const [addressAt, oneAt, dataAt] = [memoryAt, memoryAt + 64, memoryAt + 4096];
const addressBytes = 16;

/** Writes a `struct sockaddr_in`. */
function address(host: string, port: number): void {
  const view = new DataView(memory);
  view.setUint16(0, 2, true);
  view.setUint16(2, port);
  for (const [i, part] of host.split(".").entries()) view.setUint8(4 + i, Number(part));
  view.setUint32(64, 1, true);
}

function checked(result: number, what: string): number {
  if (result < 0) throw new Error(`${what}: errno ${koffi.errno()}`);
  return result;
}

function open(type: number): number {
  return checked(call.socket(2, type, 0), "socket");
}

function bound(type: number, port: number): number {
  address("0.0.0.0", port);
  const fd = open(type);
  call.setOption(fd, 1, 2, oneAt, 4); // SO_REUSEADDR
  call.setOption(fd, 1, 15, oneAt, 4); // SO_REUSEPORT: several processes may serve
  checked(call.bind(fd, addressAt, addressBytes), "bind");
  if (type === stream) checked(call.listen(fd, 4096), "listen");
  writeSync(1, "listening\n");
  return fd;
}

function connected(type: number): number {
  const fd = open(type);
  checked(call.connect(fd, addressAt, addressBytes), "connect");
  return fd;
}

let done = 0;
let told = 0;
function tell(amount: number): void {
  done += amount;
  const now = performance.now();
  if (now - told < 20) return;
  told = now;
  const { user, system } = process.cpuUsage();
  writeSync(1, `${process.hrtime.bigint()} ${done} ${user + system}\n`);
}

function receive(kind: string, port: number): void {
  const listening = bound(kind === "udp" ? datagram : stream, port);
  const fd = kind === "udp" ? listening : checked(call.accept(listening, 0, 0, 0), "accept");
  for (;;) {
    let amount = 0;
    for (let i = 0; i < 16; i++) {
      const length = Number(call.receive(fd, dataAt, pieceBytes, 0));
      if (length <= 0) return;
      amount += kind === "udp" ? 1 : length;
    }
    tell(amount);
  }
}

function send(kind: string): void {
  const fd = connected(kind === "udp" ? datagram : stream);
  const bytes = kind === "udp" ? datagramBytes : pieceBytes;
  for (;;) {
    let amount = 0;
    // A full receiver, or a closed one, answers with an error now and then; what it did not take is not counted there.
    for (let i = 0; i < 16; i++)
      if (Number(call.send(fd, dataAt, bytes, 0)) > 0) amount += kind === "udp" ? 1 : bytes;
    if (amount === 0) return;
    tell(amount);
  }
}

const request = "GET / HTTP/1.0\r\n\r\n";
const response = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";

function serve(port: number): void {
  const fd = bound(stream, port);
  new TextEncoder().encodeInto(response, new Uint8Array(memory, 4096));
  for (;;) {
    const connection = checked(call.accept(fd, 0, 0, 0), "accept");
    call.receive(connection, dataAt + 1024, 1024, 0);
    call.send(connection, dataAt, response.length, 0);
    call.close(connection);
    tell(1);
  }
}

function ask(rate: number): void {
  new TextEncoder().encodeInto(request, new Uint8Array(memory, 4096));
  const start = performance.now();
  for (let asked = 0; ; asked++) {
    while (rate > 0 && asked > ((performance.now() - start) / 1000) * rate) call.usleep(500);
    const fd = connected(stream);
    call.send(fd, dataAt, request.length, 0);
    while (Number(call.receive(fd, dataAt + 1024, 1024, 0)) > 0);
    call.close(fd);
    tell(1);
  }
}

function beBoth(kind: string, networkNamespace: string, host: string, port: number): void {
  const type = kind === "udp" ? datagram : stream;
  const listening = insideNamespace(networkNamespace, () => bound(type, port));
  address(host, port);
  new TextEncoder().encodeInto(request, new Uint8Array(memory, 4096));
  new TextEncoder().encodeInto(response, new Uint8Array(memory, 4096 + 2048));
  if (type === datagram) sendToOneself(connected(type), listening);
  if (kind === "stream") streamToOneself(connected(type), checked(call.accept(listening, 0, 0, 0), "accept"));
  for (;;) {
    const fd = connected(stream);
    const accepted = checked(call.accept(listening, 0, 0, 0), "accept");
    call.send(fd, dataAt, request.length, 0);
    call.receive(accepted, dataAt + 1024, 1024, 0);
    call.send(accepted, dataAt + 2048, response.length, 0);
    call.close(accepted);
    while (Number(call.receive(fd, dataAt + 1024, 1024, 0)) > 0);
    call.close(fd);
    tell(1);
  }
}

function sendToOneself(sending: number, receiving: number): never {
  const atOnce = 32; // as many as its buffer holds
  const dontWait = 0x40;
  for (;;) {
    let amount = 0;
    for (let i = 0; i < atOnce; i++) call.send(sending, dataAt, datagramBytes, 0);
    for (let i = 0; i < atOnce; i++)
      if (Number(call.receive(receiving, dataAt, pieceBytes, dontWait)) > 0) amount++;
    tell(amount);
  }
}

function streamToOneself(sending: number, receiving: number): never {
  const dontWait = 0x40;
  const pieceLength = 65_536;
  for (;;) {
    let amount = 0;
    for (let i = 0; i < 16; i++) {
      call.send(sending, dataAt, pieceLength, dontWait);
      for (let length = 1; length > 0; amount += Math.max(0, length))
        length = Number(call.receive(receiving, dataAt, pieceBytes, dontWait));
    }
    tell(amount);
  }
}

function keep(port: number): void {
  const fd = bound(stream, port);
  for (;;) checked(call.accept(fd, 0, 0, 0), "accept");
}

function hold(count: number, hosts: number): void {
  const view = new DataView(memory);
  const first = view.getUint32(4);
  for (let i = 0; i < count; i++) {
    view.setUint32(4, first + (i % hosts));
    connected(stream);
  }
  writeSync(1, "held\n");
  for (;;) call.usleep(999_999);
}

const [role, a = "", b = "", c = "", d = ""] = process.argv.slice(2);
if (role === "send") address(b, Number(c));
else if (role === "request" || role === "hold") address(a, Number(b));
if (role === "receive") receive(a, Number(b));
else if (role === "send") send(a);
else if (role === "serve") serve(Number(a));
else if (role === "request") ask(Number(c));
else if (role === "both") beBoth(a, b, c, Number(d));
else if (role === "keep") keep(Number(a));
else if (role === "hold") hold(Number(c), Number(d || 1));
else throw new Error("traffic-load.ts receive|send|serve|request|both|keep|hold");
