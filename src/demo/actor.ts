/**
 * A process of the demo's world: reads what it is to do from the first line of standard input, listens, says "ready", and calls
 * the others once it is told to go. It ends when standard input does, so it never outlives who started it.
 *
 * Requests look like HTTP. Their path says how long the answer shall be.
 */
import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { answerQuestion, writeQuestion } from "./dns-message.ts";

export interface ActorCall {
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly send: number;
  readonly receive: number;
  readonly everyMilliseconds: number;
  readonly isKept: boolean;
  /** A name to ask for over UDP, or "". */
  readonly asks: string;
  /** Own address, or "" for the kernel's choice. */
  readonly from: string;
}

export interface ActorPlan {
  /** Name of the process. */
  readonly title: string;
  readonly seed: number;
  readonly listen: readonly { readonly address: string; readonly port: number }[];
  /** Address to answer DNS questions on, or "". */
  readonly nameServer: string;
  readonly records: Readonly<Record<string, string>>;
  readonly calls: readonly ActorCall[];
}

const giveUpMilliseconds = 3000;
const filler = Buffer.alloc(64 * 1024, "portolan ");

if (import.meta.main) {
  const lines = createInterface({ input: process.stdin });
  lines.on("close", () => process.exit());
  lines.once("line", async (line) => {
    const plan = JSON.parse(line) as ActorPlan;
    await listen(plan);
    lines.once("line", () => start(plan));
    console.log("ready");
  });
}

async function listen(plan: ActorPlan): Promise<void> {
  process.title = plan.title;
  for (const { address, port } of plan.listen) {
    await new Promise<void>((done) => createServer(serve).listen({ host: address, port }, done));
  }
  if (plan.nameServer === "") return;
  const socket = createSocket(plan.nameServer.includes(":") ? "udp6" : "udp4");
  socket.on("message", (question, { port, address }) => {
    const answer = answerQuestion(question, plan.records);
    if (answer !== undefined) socket.send(answer, port, address);
  });
  await new Promise<void>((done) => socket.bind(53, plan.nameServer, done));
}

function serve(socket: Socket): void {
  let head = "";
  let bodyLeft = 0;
  socket.on("error", () => socket.destroy());
  socket.on("data", (data) => {
    let at = 0;
    while (at < data.length) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, data.length - at);
        bodyLeft -= taken;
        at += taken;
        if (bodyLeft === 0) answer(socket, head);
        continue;
      }
      const pieces = (head.endsWith("\r\n\r\n") ? "" : head) + data.toString("latin1", at);
      const end = pieces.indexOf("\r\n\r\n");
      if (end < 0) {
        head = pieces;
        return;
      }
      at = data.length - (pieces.length - end - 4);
      head = pieces.slice(0, end + 4);
      bodyLeft = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
      if (bodyLeft === 0) answer(socket, head);
    }
  });
}

function answer(socket: Socket, head: string): void {
  const bytes = Number(/ \/(\d+)/.exec(head)?.[1] ?? 0);
  socket.cork();
  socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes}\r\n\r\n`);
  pour(socket, bytes);
  socket.uncork();
}

function pour(socket: Socket, bytes: number): void {
  for (let left = bytes; left > 0; left -= filler.length) socket.write(filler.subarray(0, left));
}

function start({ calls, seed }: ActorPlan): void {
  for (const [index, call] of calls.entries()) repeat(call, createRandom(seed + index));
}

/** Calls, thinks, and calls again, with the first call within the first second. What is kept is open from the start. */
function repeat(call: ActorCall, random: () => number): void {
  let kept = call.isKept ? open(call) : undefined;
  const next = () => {
    if (call.asks !== "") ask(call);
    else if (!call.isKept) request(open(call), call, random);
    else {
      if (kept === undefined || kept.destroyed) kept = open(call);
      request(kept, call, random);
    }
    setTimeout(next, call.everyMilliseconds * (0.6 + 0.8 * random()));
  };
  setTimeout(next, Math.min(1000, call.everyMilliseconds) * random());
}

function open({ address, port, isKept, from }: ActorCall): Socket {
  const socket = connect({ host: address, port, ...(from === "" ? {} : { localAddress: from }) });
  const giveUp = setTimeout(() => socket.destroy(), giveUpMilliseconds);
  socket.on("connect", () => clearTimeout(giveUp));
  socket.on("close", () => clearTimeout(giveUp));
  socket.on("error", () => socket.destroy());
  if (isKept) socket.resume();
  return socket;
}

function request(socket: Socket, call: ActorCall, random: () => number): void {
  const stray = 0.7 + 0.6 * random();
  const receive = Math.round(call.receive * stray);
  const head = `POST /${receive} HTTP/1.1\r\nhost: ${call.host}\r\ncontent-length: `;
  const body = Math.max(1, Math.round(call.send * stray) - head.length);
  socket.cork();
  socket.write(`${head}${body}\r\n\r\n`);
  pour(socket, body);
  socket.uncork();
  if (call.isKept) return;
  let received = 0;
  socket.on("data", (data) => {
    received += data.length;
    if (received > receive) socket.end();
  });
}

function ask({ address, port, asks }: ActorCall): void {
  const socket = createSocket("udp4");
  const done = setTimeout(() => socket.close(), giveUpMilliseconds);
  socket.on("error", () => {});
  socket.on("message", () => {
    clearTimeout(done);
    socket.close();
  });
  socket.send(writeQuestion(asks), port, address);
}

/** mulberry32: the same numbers, from 0 to 1, for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
