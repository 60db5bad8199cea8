/**
 * TCP connections that end in a known way, run inside a network namespace as a process of its own:
 *
 *     tcp-traffic.ts serve PORT HOW       HOW: `end` after the client, `echo`, `reset` when 10 bytes have come, `cut` (resets when
 *                                         the client has ended), `hold`, `full` (takes nobody)
 *     tcp-traffic.ts connect HOST PORT    sends 10 bytes, and says the error or `end`
 *     tcp-traffic.ts abandon HOST PORT MS gives up after so many milliseconds
 *     tcp-traffic.ts reset HOST PORT      sends 10 bytes and resets
 *     tcp-traffic.ts send HOST PORT BYTES sends so many and ends
 *     tcp-traffic.ts keep HOST PORT       stays, with keepalive of a second
 *     tcp-traffic.ts stream HOST PORT     sends and receives (`serve PORT echo`) until it is ended
 *
 * Lines on standard output say what has happened.
 */
import { connect, createServer, type Socket } from "node:net";
import koffi from "koffi";

const [role, a = "", b = "", c = ""] = process.argv.slice(2);

const libc = koffi.load("libc.so.6");
const setOption = libc.func("int setsockopt(int fd, int level, int name, const uint8_t *value, int length)");

function fdOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}

/** Level SOL_TCP: TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT. */
function keepAlive(socket: Socket): void {
  socket.setKeepAlive(true, 1000);
  for (const name of [4, 5, 6]) setOption(fdOf(socket), 6, name, Uint8Array.of(1, 0, 0, 0), 4);
}

function serve(port: number, how: string): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    if (how === "echo") socket.pipe(socket);
    else if (how === "reset") socket.once("data", () => socket.resetAndDestroy());
    else if (how === "cut") socket.on("end", () => socket.resetAndDestroy()).resume();
    else if (how === "end") socket.on("end", () => socket.end()).resume();
    else socket.resume();
  });
  server.listen({ port, host: "::", backlog: how === "full" ? 1 : 511 }, () => {
    console.log("listening");
    if (how === "full") process.kill(process.pid, "SIGSTOP");
  });
}

function talk(host: string, port: number): void {
  const socket = connect({ host, port, allowHalfOpen: role === "send" });
  socket.on("error", (error: NodeJS.ErrnoException) => console.log(error.code));
  socket.on("connect", () => {
    console.log("connected");
    if (role === "keep") keepAlive(socket);
    else if (role === "stream") stream(socket);
    else if (role === "send") socket.end(Buffer.alloc(Number(c), "sent"));
    else socket.write(Buffer.alloc(10));
    if (role === "reset") setTimeout(() => socket.resetAndDestroy(), 100);
    if (role === "connect") setTimeout(() => socket.end(), 100);
  });
  socket.on("close", () => console.log("end")).resume();
  if (role === "abandon") setTimeout(() => socket.destroy(), Number(c));
}

function stream(socket: Socket): void {
  const write = () => void socket.write(Buffer.alloc(20_000));
  const timer = setInterval(write, 20);
  socket.on("close", () => clearInterval(timer));
}

if (role === "serve") serve(Number(a), b);
else talk(a, Number(b));
