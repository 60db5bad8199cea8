import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { pino } from "pino";
import { createHttp } from "./http.ts";
import { Problem } from "./problem.ts";

const logger = pino({}, { write: () => {} });

function createApp({ isLoopbackOnly = true } = {}) {
  const app = createHttp({ logger, isLoopbackOnly });
  app.get("/answer", () => ({ answer: 42 }));
  app.get("/secret", () => {
    throw new Error("the password is 1234");
  });
  app.get("/teapot", () => {
    throw new Problem(418, "teapot", "short and stout", { spout: true });
  });
  app.post("/take", () => ({}));
  const get = (url: string, host = "127.0.0.1:8080") => app.inject({ url, headers: { host } });
  return { app, get };
}

for (const host of [
  "127.0.0.1:8080",
  "127.0.0.1",
  "localhost",
  "localhost:1234",
  "[::1]:8080",
  "[::1]",
  "127.9.9.9:1",
]) {
  test(`without credentials the server answers to ${host}`, async () => {
    const { get } = createApp();
    assert.equal((await get("/answer", host)).statusCode, 200);
  });
}

const strangers = [
  "evil.example",
  "evil.example:8080",
  "localhost.evil.example",
  "127.0.0.1.evil.example:8080",
  "192.168.1.5:8080",
  "0.0.0.0:8080",
  "[2001:db8::1]:8080",
  "[::1",
  "::1",
  "localhost@evil.example",
];
for (const host of strangers) {
  test(`without credentials the server does not answer to "${host}"`, async () => {
    const { get } = createApp();
    for (const url of ["/answer", "/", "/nothing"]) {
      const { statusCode, headers, json } = await get(url, host);
      assert.equal(statusCode, 403, url);
      assert.match(String(headers["content-type"]), /^application\/problem\+json/);
      assert.equal(json().code, "host_not_allowed");
    }
  });
}

test("what a proxy passes on is not this machine's", async () => {
  const { app } = createApp();
  for (const name of ["forwarded", "via", "x-forwarded-for", "x-real-ip"]) {
    const { statusCode, json } = await app.inject({
      url: "/answer",
      headers: { host: "127.0.0.1", [name]: "192.0.2.9" },
    });
    assert.deepEqual([statusCode, json().code], [403, "credentials_required"], name);
  }
});

test("a server at one address answers this machine at that address", async (t) => {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal)?.address;
  if (own === undefined) return t.skip("this machine has no address but loopback");
  const { app } = createApp();
  t.after(() => app.close());
  await app.listen({ host: own, port: 0 });
  const { port } = app.server.address() as AddressInfo;
  assert.equal((await fetch(`http://${own}:${port}/answer`)).status, 200);
});

test("where only agents have credentials, from other machines nothing but open paths is answered", async () => {
  const app = createHttp({ logger, isLoopbackOnly: true, areAgentsChecked: true });
  app.get("/open", { config: { scope: "open" } }, () => ({}));
  app.get("/ingest", { config: { scope: "ingest" } }, () => ({}));
  app.get("/closed", () => ({}));
  const get = async (url: string, remoteAddress: string, host: string) =>
    (await app.inject({ url, remoteAddress, headers: { host } })).statusCode;
  assert.equal(await get("/open?x", "192.168.1.5", "portolan.example"), 200);
  assert.equal(await get("/ingest", "192.168.1.5", "portolan.example"), 200);
  assert.equal(await get("/closed", "192.168.1.5", "127.0.0.1"), 403);
  assert.equal(await get("/closed?/open", "192.168.1.5", "127.0.0.1"), 403);
  assert.equal(await get("/closed", "::ffff:127.0.0.1", "127.0.0.1"), 200);
  assert.equal(await get("/closed", "127.0.0.1", "evil.example"), 403);
});

test("a server that anybody may ask answers to every name", async () => {
  const { get } = createApp({ isLoopbackOnly: false });
  for (const host of ["evil.example", "192.168.1.5:8080", ""])
    assert.equal((await get("/answer", host)).statusCode, 200);
});

test("every answer carries the headers that keep a page to itself", async () => {
  const { get } = createApp();
  for (const [url, host] of [
    ["/answer"],
    ["/"],
    ["/nothing"],
    ["/secret"],
    ["/answer", "evil.example"],
    ["/%zz"],
  ]) {
    const { headers } = await get(url!, host);
    const policy = String(headers["content-security-policy"]);
    assert.match(policy, /default-src 'none'/, url);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "same-origin");
    assert.equal(headers["cross-origin-opener-policy"], "same-origin");
    assert.equal(headers["cross-origin-resource-policy"], "same-origin");
    assert.equal(headers["access-control-allow-origin"], undefined);
  }
});

test("what is not there is a problem of status 404", async () => {
  const { get } = createApp();
  const { statusCode, headers, json } = await get("/nothing/here?token=1");
  assert.equal(statusCode, 404);
  assert.match(String(headers["content-type"]), /^application\/problem\+json/);
  assert.deepEqual(json(), {
    type: "about:blank",
    title: "Not found",
    status: 404,
    detail: "nothing is served at GET /nothing/here",
    code: "not_found",
  });
});

test("a problem that a route foresaw is told with what belongs to it", async () => {
  const { get } = createApp();
  const { statusCode, json } = await get("/teapot");
  assert.equal(statusCode, 418);
  assert.deepEqual(json(), {
    type: "about:blank",
    title: "Error",
    status: 418,
    detail: "short and stout",
    code: "teapot",
    spout: true,
  });
});

test("an error that nobody foresaw does not say what it was", async () => {
  const { get } = createApp();
  const { statusCode, headers, body, json } = await get("/secret");
  assert.equal(statusCode, 500);
  assert.match(String(headers["content-type"]), /^application\/problem\+json/);
  assert.equal(json().code, "internal_error");
  assert.doesNotMatch(body, /1234/);
});

test("a request that cannot be read is a problem of its own status", async () => {
  const { app, get } = createApp();
  const send = (payload: string, type = "application/json") =>
    app.inject({
      url: "/take",
      method: "POST",
      headers: { host: "localhost", "content-type": type },
      payload,
    });
  for (const [answer, status] of [
    [await send("{"), 400],
    [await send(`"${"x".repeat(1024 * 1024)}"`), 413],
    [await send("<a/>", "text/xml"), 415],
    [await get("/%zz"), 400],
  ] as const) {
    assert.equal(answer.statusCode, status);
    assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/);
    const code = status === 413 ? "message_too_large" : "request_invalid";
    assert.deepEqual([answer.json().status, answer.json().code], [status, code]);
  }
});

test("a URL of a megabyte, and what is no HTTP, are problems too", async (t) => {
  const { app } = createApp();
  t.after(() => app.close());
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const send = async (text: string) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {}); // the server need not read all of it
    socket.write(text);
    let answer = "";
    for await (const piece of socket) answer += piece;
    const [head = "", body = ""] = answer.split("\r\n\r\n");
    assert.match(head, /content-type: application\/problem\+json/);
    return [Number(head.split(" ")[1]), JSON.parse(body).code];
  };
  const long = `GET /answer?filter=${"x".repeat(1024 * 1024)} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  assert.deepEqual(await send(long), [431, "head_too_large"]);
  assert.deepEqual(await send("hello\r\n\r\n"), [400, "request_invalid"]);
  assert.equal((await fetch(`http://127.0.0.1:${port}/answer`)).status, 200);
});

test("the page is served, or how to build it is said", async () => {
  const { get } = createApp();
  const { statusCode, headers, body } = await get("/");
  assert.equal(statusCode, 200);
  if (!existsSync(new URL("../../web/dist/index.html", import.meta.url))) {
    assert.match(body, /npm run build/);
    return;
  }
  assert.match(String(headers["content-type"]), /^text\/html/);
  assert.equal(headers["cache-control"], "no-cache");
  const script = /src="\.?(\/assets\/[^"]+)"/.exec(body)?.[1];
  assert.ok(script, "the page names its script");
  assert.equal((await get(script)).headers["cache-control"], "public, max-age=31536000, immutable");
});

test("nothing outside the page's folder is served", async () => {
  const { get } = createApp();
  for (const url of [
    "/../package.json",
    "/..%2fpackage.json",
    "/assets/../../package.json",
    "/%2e%2e/package.json",
  ]) {
    const { statusCode, body } = await get(url);
    assert.ok(statusCode === 404 || statusCode === 403, `${url}: ${statusCode}`);
    assert.doesNotMatch(body, /"dependencies"/);
  }
});

test("a page of another site may not ask the API, whatever it could read of the answer", async () => {
  const { app } = createApp();
  app.get("/api/v1/answer", () => ({ answer: 42 }));
  const ask = async (url: string, site: string) =>
    (await app.inject({ url, headers: { host: "localhost", "sec-fetch-site": site } })).statusCode;
  for (const site of ["cross-site", "same-site"]) assert.equal(await ask("/api/v1/answer", site), 403, site);
  for (const site of ["same-origin", "none"]) assert.equal(await ask("/api/v1/answer", site), 200, site);
  assert.equal(await ask("/answer", "cross-site"), 200, "a link to the page itself may be followed");
});
