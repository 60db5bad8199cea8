import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import dns from "node:dns";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createTransport } from "./transport.ts";

const body = new Uint8Array([1, 2, 3]);
const patient = { timeoutMilliseconds: 20_000, connectMilliseconds: 20_000 };

test("https: only a server that --ca vouches for is sent anything", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-tls-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...[
      "-keyout",
      key,
      "-out",
      certificate,
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost",
    ],
  ]);
  if (made.status !== 0) return t.skip(`openssl makes no certificate: ${made.error?.message ?? made.stderr}`);
  const paths: string[] = [];
  const server = createServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (request, response) => {
      paths.push(`${request.url} ${request.headers.authorization}`);
      request.resume().once("end", () => response.end('{"sequence":7}'));
    },
  ).listen(0, "localhost");
  await once(server, "listening");
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const url = new URL(`https://localhost:${(server.address() as AddressInfo).port}/below/here`);
  const common = { server: url, token: "token-of-mine", ...patient, connectionsMax: 1 };

  const trusting = createTransport({ ...common, ca: readFileSync(certificate, "utf8") });
  assert.deepEqual(await trusting.send(7, body), { kind: "durable", reason: "", serverEpoch: "" });
  assert.deepEqual(paths, ["/below/here/api/v1/ingest Bearer token-of-mine"]);
  assert.equal((await trusting.send(8, body)).kind, "blocked", "an answer to another message is none");
  trusting.close();

  const careful = createTransport({ ...common, ca: undefined });
  const outcome = await careful.send(7, body);
  assert.equal(outcome.kind, "blocked");
  assert.match(outcome.reason, /self[- ]signed/);
  careful.close();
  assert.equal(paths.length, 2, "nothing was sent to it");
});

test("nobody there: later", async () => {
  const server = new URL("http://127.0.0.1:1");
  const transport = createTransport({
    server,
    token: undefined,
    ca: undefined,
    ...patient,
    connectionsMax: 1,
  });
  const outcome = await transport.send(1, body);
  assert.equal(outcome.kind, "later");
  assert.match(outcome.reason, /ECONNREFUSED/);
  transport.close();
});

test("who does not take the connection is not waited for as long as for an answer", async (t) => {
  const program = `const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 },
    () => console.log(server.address().port))`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [text] = await once(child.stdout, "data");
  const port = Number(text);
  // Nobody accepts now: the kernel takes two connections (listen(2), backlog), and leaves the next ones without an answer.
  child.kill("SIGSTOP");
  const taken = Array.from({ length: 8 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  t.after(() => {
    for (const socket of taken) socket.destroy();
  });
  await Promise.all(taken.slice(0, 2).map((socket) => once(socket, "connect")));
  t.mock.method(dns, "lookup", answerAfter(0));
  for (const host of ["127.0.0.1", "portolan.example"]) {
    const transport = createTransport({
      ...{ server: new URL(`http://${host}:${port}`), token: undefined, ca: undefined, connectionsMax: 1 },
      ...{ ...patient, connectMilliseconds: 100 },
    });
    assert.deepEqual(await transport.send(1, body), { kind: "later", reason: "no connection within 0.1 s" });
    transport.close();
  }
});

test("a name server that is asked second is waited for: the time to connect begins with the address", async (t) => {
  const http = createHttpServer((_request, response) => response.end('{"sequence":1}'));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => http.close());
  t.mock.method(dns, "lookup", answerAfter(1500));
  const { port } = http.address() as AddressInfo;
  const transport = createTransport({
    ...{ server: new URL(`http://portolan.example:${port}`), token: undefined, ca: undefined },
    ...{ ...patient, connectMilliseconds: 1000, connectionsMax: 1 },
  });
  assert.equal((await transport.send(1, body)).kind, "durable");
  transport.close();
});

/** In place of `dns.lookup`: 127.0.0.1 is every name's address, known after some milliseconds. */
function answerAfter(milliseconds: number) {
  return (_name: string, options: dns.LookupOptions, done: (...found: unknown[]) => void) => {
    const [address, family] = ["127.0.0.1", 4];
    const answer = options.all === true ? [[{ address, family }]] : [address, family];
    setTimeout(() => done(null, ...answer), milliseconds);
  };
}

test("not let in, the token is asked for anew; one that cannot be had leaves the old", async (t) => {
  const shown: (string | undefined)[] = [];
  const http = createHttpServer((request, response) => {
    shown.push(request.headers.authorization);
    const isLetIn = request.headers.authorization === "Bearer new";
    request.resume();
    response.writeHead(isLetIn ? 200 : 401, { "content-type": "application/json" });
    response.end(JSON.stringify({ sequence: 1 }));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => http.close());
  const tokens = [undefined, "old", "new"];
  const transport = createTransport({
    server: new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}`),
    ...{ token: "old", renewToken: () => tokens.shift(), ca: undefined },
    ...{ ...patient, connectionsMax: 1 },
  });
  const kinds = [];
  for (let i = 0; i < 4; i++) kinds.push((await transport.send(1, body)).kind);
  transport.close();
  assert.deepEqual(kinds, ["blocked", "blocked", "later", "durable"]);
  assert.deepEqual(shown, ["Bearer old", "Bearer old", "Bearer old", "Bearer new"]);
});
