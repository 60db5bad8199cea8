import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { connectGrpc, GrpcError, messageBytesMax, writeMessage } from "./cri-call.ts";
import { PretendCri } from "./pretend-cri.ts";

const version = "/runtime.v1.RuntimeService/Version";
const nothing = new Uint8Array();

async function createCall(t: TestContext, { answerMilliseconds = 10_000, isUp = true } = {}) {
  const runtime = new PretendCri();
  if (isUp) await runtime.start();
  const connection = connectGrpc(runtime.socketPath, { answerMilliseconds });
  t.after(async () => {
    connection.close();
    await runtime.remove();
  });
  return { runtime, call: (path = version, sent = nothing) => connection.call(path, sent), connection };
}

test("a message is sent in a frame, and the one that comes back is given", async (t) => {
  const { runtime, call } = await createCall(t);
  const received: Buffer[] = [];
  let headers: IncomingHttpHeaders = {};
  runtime.instead = (_path, stream, sent) => {
    headers = sent;
    stream.on("data", (chunk: Buffer) => void received.push(chunk));
    stream.on("end", () => runtime.answer(stream, writeMessage(Buffer.from("back"))));
    return true;
  };
  assert.equal(String(await call(version, Buffer.from("there"))), "back");
  assert.equal(Buffer.concat(received).toString("latin1"), "\0\0\0\0\u0005there");
  const { ":method": method, "content-type": type, te, "grpc-timeout": timeout } = headers;
  assert.deepEqual([method, type, te, timeout], ["POST", "application/grpc", "trailers", "10000m"]);
});

test("an answer comes in pieces, and of 12 MiB", async (t) => {
  const { runtime, call } = await createCall(t);
  const long = Buffer.alloc(12 * 1024 * 1024, "shop");
  runtime.answers.set("Version", long);
  assert.ok(long.equals(await call()));
  runtime.instead = (_path, stream) => {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    const bytes = writeMessage(Buffer.from("pieces"));
    stream.write(bytes.subarray(0, 3));
    setTimeout(() => stream.end(bytes.subarray(3)), 20);
    return true;
  };
  assert.equal(String(await call()), "pieces");
});

test("a status other than OK is an error with its number and its words", async (t) => {
  const { runtime, call } = await createCall(t);
  await assert.rejects(call("/runtime.v0.RuntimeService/Version"), (error: GrpcError) => {
    assert.ok(error instanceof GrpcError);
    assert.equal(error.status, 12);
    assert.equal(error.message, "it answers gRPC status 12: unknown service runtime.v0.RuntimeService");
    return true;
  });
  runtime.instead = (_path, stream) => {
    runtime.answer(stream, nothing, { "grpc-status": "2", "grpc-message": "50% done" });
    return true;
  };
  await assert.rejects(call(), { status: 2, message: "it answers gRPC status 2: 50% done" });
  runtime.instead = (_path, stream) => {
    runtime.refuse(stream, 14, "not yet\u001b[2J \u00e9");
    return true;
  };
  await assert.rejects(call(), { status: 14, message: "it answers gRPC status 14: not yet[2J \u00e9" });
});

const strange: [string, (stream: ServerHttp2Stream, runtime: PretendCri) => void, RegExp][] = [
  [
    "is compressed",
    (stream, runtime) => runtime.answer(stream, Buffer.from([1, 0, 0, 0, 1, 7])),
    /not one uncompressed message/,
  ],
  [
    "is shorter than it says",
    (stream, runtime) => runtime.answer(stream, Buffer.from([0, 0, 0, 0, 2, 7])),
    /not one uncompressed message/,
  ],
  [
    "has two messages",
    (stream, runtime) =>
      runtime.answer(stream, Buffer.concat([writeMessage(nothing), writeMessage(nothing)])),
    /not one uncompressed message/,
  ],
  ["has no message", (stream, runtime) => runtime.answer(stream, nothing), /not one uncompressed message/],
  [
    "has no status",
    (stream, runtime) => runtime.answer(stream, writeMessage(nothing), {}),
    /before the end of its answer/,
  ],
  [
    "has a status that is none",
    (stream, runtime) => runtime.answer(stream, writeMessage(nothing), { "grpc-status": "fine" }),
    /before the end of its answer/,
  ],
  ["is of HTTP", (stream) => stream.respond({ ":status": 404 }, { endStream: true }), /HTTP status 404/],
  ["breaks off", (stream) => void stream.close(2), /before the end|ERR_HTTP2_STREAM_ERROR|Stream closed/],
  ["breaks off with the connection", (stream) => stream.session?.destroy(), /before the end|Stream closed/],
  [
    "is longer than 16 MiB",
    (stream, runtime) => runtime.answer(stream, writeMessage(Buffer.alloc(messageBytesMax + 1))),
    /longer than 16 MiB/,
  ],
];
for (const [what, answer, expected] of strange) {
  test(`an answer that ${what} is an error`, async (t) => {
    const { runtime, call } = await createCall(t);
    runtime.instead = (_path, stream) => {
      answer(stream, runtime);
      return true;
    };
    await assert.rejects(call(), expected);
  });
}

test("who takes the question and says nothing is given up, and so is who never ends", async (t) => {
  const { runtime, call } = await createCall(t, { answerMilliseconds: 60 });
  runtime.instead = () => true;
  await assert.rejects(call(), /^Error: it does not answer$/);
  runtime.instead = (_path, stream) => {
    stream.respond({ ":status": 200 });
    const timer = setInterval(() => stream.write("x"), 5);
    stream.on("close", () => clearInterval(timer));
    return true;
  };
  await assert.rejects(call(), /^Error: it does not answer$/);
});

test("no socket, nobody on it: the system's own error", async (t) => {
  const { call } = await createCall(t, { isUp: false });
  await assert.rejects(call(), { code: "ENOENT" });
  await assert.rejects(call(), /closed the connection/);
});

for (const [what, say] of [
  ["HTTP/1", (socket: Socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ["noise", (socket: Socket) => void socket.write(Buffer.alloc(100_000, 0xa5))],
  ["nothing, and hangs up", (socket: Socket) => void socket.destroy()],
] as const) {
  test(`who speaks ${what} is an error`, async (t) => {
    const { runtime } = await createCall(t, { isUp: false });
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      say(socket);
    });
    await once(server.listen(runtime.socketPath), "listening");
    const connection = connectGrpc(runtime.socketPath, { answerMilliseconds: 10_000 });
    await assert.rejects(connection.call(version, nothing), /Protocol error|speaks no gRPC/);
    connection.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}
