/**
 * Traffic with known sizes, run inside a network namespace as a process of its own:
 *
 *     traffic.ts serve PORT REPLY       accepts; answers each connection with REPLY bytes once its client has sent all
 *     traffic.ts send HOST PORT BYTES REPLY   connects, sends BYTES, reads REPLY; stays open until told "close"
 *     traffic.ts udp HOST PORT COUNT    sends COUNT datagrams of 1,000 bytes
 *
 * A client first sends 8 bytes with how many follow. Lines on standard output say what has happened.
 */
import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";

const [role, ...parameters] = process.argv.slice(2);

function serve(port: number, replyBytes: number): void {
  createServer((socket) => {
    let expected = -1;
    let received = 0;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      if (expected < 0) expected = Number(data.readBigUInt64BE(0)) + 8;
      received += data.length;
      if (received === expected) void pour(socket, replyBytes);
    });
  }).listen(port, "::", () => console.log("listening"));
}

function send(host: string, port: number, bytes: number, replyBytes: number): void {
  const socket: Socket = connect(port, host, () => {
    const head = Buffer.alloc(8);
    head.writeBigUInt64BE(BigInt(bytes));
    socket.write(head);
    void pour(socket, bytes);
    console.log("connected");
  });
  let received = 0;
  socket.on("data", (data) => {
    received += data.length;
    if (received === replyBytes) console.log("received all");
  });
  process.stdin.on("data", () => socket.end(() => console.log("closed")));
  socket.on("close", () => process.exit(0));
}

/** Writes at a pace that a capture on the way can follow. */
async function pour(socket: Socket, bytes: number): Promise<void> {
  const piece = Buffer.alloc(20_000);
  for (let left = bytes; left > 0; left -= piece.length) {
    await new Promise((written) =>
      socket.write(left < piece.length ? piece.subarray(0, left) : piece, written),
    );
    await new Promise((rested) => setTimeout(rested, 2));
  }
}

async function sendUdp(host: string, port: number, count: number): Promise<void> {
  const socket = createSocket("udp4");
  const payload = Buffer.alloc(1000);
  for (let i = 0; i < count; i++) await new Promise((sent) => socket.send(payload, port, host, sent));
  console.log("sent");
  setTimeout(() => socket.close(), 2000); // while the agent looks once: a process that has gone is known by its first thread's name
}

const [a = "", b = "", c = "", d = ""] = parameters;
if (role === "serve") serve(Number(a), Number(b));
else if (role === "send") send(a, Number(b), Number(c), Number(d));
else if (role === "udp") await sendUdp(a, Number(b), Number(c));
else throw new Error("traffic.ts serve|send|udp");
