/**
 * Short connections as fast as two processes make them, with plain system calls:
 *
 *     short-connections.ts serve PORT             takes what comes until the end, answers twice as much, closes
 *     short-connections.ts connect PORT COUNT     COUNT connections of 1 to 997 bytes; says what went both ways
 *     short-connections.ts keep PORT              takes what comes, and keeps it; says 10 bytes to each
 *     short-connections.ts hold PORT COUNT        COUNT connections of a byte, once answered kept until the end; says what went both ways
 *     short-connections.ts linger PORT COUNT      as connect, and keeps the sockets until the end
 *     short-connections.ts refused PORT COUNT     is refused COUNT times; says so
 *     short-connections.ts busy PORT PROCESSOR    listens and stops to, and connects to PORT, where nobody listens, for 0.9 s without a pause: whoever
 *                                                 is interrupted on that processor, it is this process, which has real-time priority; says `busy`
 */
import koffi from "koffi";

const [role, port = "0", count = "0"] = process.argv.slice(2);
const libc = koffi.load("libc.so.6");
const call = {
  socket: libc.func("int socket(int family, int type, int protocol)"),
  bind: libc.func("int bind(int fd, const uint8_t *address, int length)"),
  listen: libc.func("int listen(int fd, int backlog)"),
  accept: libc.func("int accept(int fd, void *address, void *length)"),
  connect: libc.func("int connect(int fd, const uint8_t *address, int length)"),
  send: libc.func("long send(int fd, const uint8_t *data, size_t length, int flags)"),
  recv: libc.func("long recv(int fd, uint8_t *data, size_t length, int flags)"),
  shutdown: libc.func("int shutdown(int fd, int how)"),
  close: libc.func("int close(int fd)"),
  pause: libc.func("int pause()"),
  setAffinity: libc.func("int sched_setaffinity(int pid, size_t length, const uint8_t *mask)"),
  setScheduler: libc.func("int sched_setscheduler(int pid, int policy, const int *priority)"),
};
const data = new Uint8Array(4096);

/** struct sockaddr_in; there are more addresses of loopback than connections in TIME_WAIT at a time have ports. */
function address(last: number): Uint8Array {
  return Uint8Array.of(2, 0, Number(port) >> 8, Number(port) & 255, 127, 0, 0, last, 0, 0, 0, 0, 0, 0, 0, 0);
}

function must(result: number | bigint, what: string): number {
  if (result < 0) throw new Error(`${what}: errno ${koffi.errno()}`);
  return Number(result);
}

function receiveAll(fd: number): number {
  let received = 0;
  for (;;) {
    const length = must(call.recv(fd, data, data.length, 0), "recv");
    if (length === 0) return received;
    received += length;
  }
}

function listen(): number {
  const listening = must(call.socket(2, 1, 0), "socket");
  const any = address(0);
  any.fill(0, 4, 8);
  must(call.bind(listening, any, 16), "bind");
  must(call.listen(listening, 1024), "listen");
  console.log("listening");
  return listening;
}

function serve(): void {
  const listening = listen();
  for (;;) {
    const fd = must(call.accept(listening, null, null), "accept");
    must(call.send(fd, data, 2 * receiveAll(fd), 0), "send");
    must(call.close(fd), "close");
  }
}

function keep(): void {
  const listening = listen();
  for (;;) must(call.send(must(call.accept(listening, null, null), "accept"), data, 10, 0), "send");
}

function hold(): void {
  let [sent, received] = [0, 0];
  for (let i = 0; i < Number(count); i++) {
    const fd = must(call.socket(2, 1, 0), "socket");
    must(call.connect(fd, address(1), 16), "connect");
    sent += must(call.send(fd, data, 1, 0), "send");
    received += must(call.recv(fd, data, data.length, 0), "recv");
  }
  console.log(JSON.stringify({ sent, received }));
  call.pause();
}

function beRefused(): void {
  for (let i = 0; i < Number(count); i++) {
    const fd = must(call.socket(2, 1, 0), "socket");
    if (call.connect(fd, address(1), 16) === 0) throw new Error("somebody listens");
    if (koffi.errno() !== koffi.os.errno.ECONNREFUSED) must(-1, "connect");
    must(call.close(fd), "close");
  }
  console.log(JSON.stringify({ sent: 0, received: 0 }));
}

function connectAll(): void {
  let [sent, received] = [0, 0];
  const addresses = Array.from({ length: 64 }, (_, i) => address(1 + i));
  for (let i = 0; i < Number(count); i++) {
    const fd = must(call.socket(2, 1, 0), "socket");
    must(call.connect(fd, addresses[i & 63]!, 16), "connect");
    sent += must(call.send(fd, data, 1 + (i % 997), 0), "send");
    must(call.shutdown(fd, 1), "shutdown");
    received += receiveAll(fd);
    if (role !== "linger") must(call.close(fd), "close");
  }
  console.log(JSON.stringify({ sent, received }));
  if (role === "linger") call.pause();
}

/** Shorter than a second, after which the kernel gives others their share. */
function beBusy(): void {
  const mask = new Uint8Array(128);
  mask[Number(count) >> 3] = 1 << (Number(count) & 7);
  must(call.setAffinity(0, mask.length, mask), "sched_setaffinity");
  must(call.setScheduler(0, 1, Int32Array.of(1)), "sched_setscheduler"); // SCHED_FIFO
  console.log("busy");
  const end = performance.now() + 900;
  const listening = must(call.socket(2, 1, 0), "socket");
  const nobody = new Uint8Array(16); // AF_UNSPEC
  while (performance.now() < end) {
    for (let i = 0; i < 10; i++) {
      must(call.listen(listening, 1), "listen");
      must(call.connect(listening, nobody, nobody.length), "connect");
    }
    const fd = must(call.socket(2, 1 | 0o4000, 0), "socket"); // SOCK_NONBLOCK
    call.connect(fd, address(1), 16);
    must(call.close(fd), "close");
  }
}

if (role === "serve") serve();
else if (role === "keep") keep();
else if (role === "hold") hold();
else if (role === "refused") beRefused();
else if (role === "busy") beBusy();
else connectAll();
