/**
 * Traffic with known sizes, run inside a network namespace as a process of its own:
 *
 *     traffic.ts serve PORT REPLY       accepts; answers each connection with REPLY bytes once its client has sent all
 *     traffic.ts send HOST PORT BYTES   connects, sends BYTES, reads to the end; stays open until told "close"
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
      if (received === expected) socket.write(Buffer.alloc(replyBytes));
    });
  }).listen(port, "::", () => console.log("listening"));
}

function send(host: string, port: number, bytes: number): void {
  const socket: Socket = connect(port, host, () => {
    const head = Buffer.alloc(8);
    head.writeBigUInt64BE(BigInt(bytes));
    socket.write(head);
    socket.write(Buffer.alloc(bytes));
    console.log("connected");
  });
  let received = 0;
  socket.on("data", (data) => {
    received += data.length;
    console.log(`received ${received}`);
  });
  process.stdin.on("data", () => socket.end(() => console.log("closed")));
  socket.on("close", () => process.exit(0));
}

async function sendUdp(host: string, port: number, count: number): Promise<void> {
  const socket = createSocket("udp4");
  const payload = Buffer.alloc(1000);
  for (let i = 0; i < count; i++) await new Promise((sent) => socket.send(payload, port, host, sent));
  console.log("sent");
  socket.close();
}

const [a = "", b = "", c = ""] = parameters;
if (role === "serve") serve(Number(a), Number(b));
else if (role === "send") send(a, Number(b), Number(c));
else if (role === "udp") await sendUdp(a, Number(b), Number(c));
else throw new Error("traffic.ts serve|send|udp");
