import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { hashToken, type Scope } from "../../settings/index.ts";
import { createHttp } from "../http.ts";
import { ClientLimits, type LimitsConfig } from "./client-limits.ts";
import { CredentialTable } from "./credential-table.ts";

const wide: LimitsConfig = { rate: 1000, requests: 1000, questions: 1000, streams: 1000 };
const secret = (name: string) => `${name}-0123456789abcdef`;
const token = (name: string, ...scopes: Scope[]) => ({ name, hash: hashToken(secret(name)), scopes });
const tokens = [token("reader", "read"), token("agent", "ingest"), token("boss", "admin")];

function createApp(t: TestContext, limits: Partial<LimitsConfig> = {}) {
  const logged: string[] = [];
  const logger = pino({ level: "trace" }, { write: (line) => void logged.push(line) });
  const credentials = new CredentialTable({ tokens });
  const clock = { now: 0 };
  const app = createHttp({
    ...{ logger, isLoopbackOnly: false, credentials },
    limits: new ClientLimits({ ...wide, ...limits }, () => clock.now),
  });
  app.get("/healthz", { config: { scope: "open" } }, () => ({}));
  app.get("/api/v1/answer", () => ({ answer: 42 }));
  app.get("/api/v1/broken", () => {
    throw new Error("something of ours");
  });
  app.post("/api/v1/change", { config: { scope: "admin" } }, () => ({}));
  const release: (() => void)[] = [];
  app.get(
    "/api/v1/slow",
    { config: { cost: "question" } },
    () => new Promise<object>((resolve) => release.push(() => resolve({}))),
  );
  t.after(() => app.close());
  const ask = (url: string, headers: Record<string, string> = {}, remoteAddress = "192.0.2.7") =>
    app.inject({ url, headers: { host: "portolan.example", ...headers }, remoteAddress });
  const bearer = (name: string) => ({ authorization: `Bearer ${secret(name)}` });
  const signIn = (given: string, view = "") =>
    app.inject({
      ...{
        method: "POST",
        url: "/sign-in",
        headers: { "content-type": "application/x-www-form-urlencoded" },
      },
      payload: new URLSearchParams({ token: given, view }).toString(),
    });
  return { app, ask, bearer, signIn, credentials, logged, clock, release };
}

test("without a token nothing is answered but what is open; with one, what its scope allows", async (t) => {
  const { app, ask, bearer } = createApp(t);
  const status = async (url: string, headers = {}) => (await ask(url, headers)).statusCode;
  assert.equal(await status("/healthz"), 200);
  for (const url of ["/api/v1/answer", "/metrics", "/", "/nothing", "/healthz/", "/assets/x.js"])
    assert.equal(await status(url), 401, url);
  const { headers, json } = await ask("/api/v1/answer");
  assert.equal(headers["www-authenticate"], 'Bearer realm="portolan"');
  assert.deepEqual([json().code, json().status], ["token_missing", 401]);
  assert.equal(await status("/api/v1/answer", bearer("reader")), 200);
  assert.equal(await status("/api/v1/answer", bearer("boss")), 200, "admin includes read");
  const ofAgent = await ask("/api/v1/answer", bearer("agent"));
  assert.deepEqual([ofAgent.statusCode, ofAgent.json().code], [403, "scope_missing"]);
  const change = async (name: string) =>
    (await app.inject({ method: "POST", url: "/api/v1/change", headers: bearer(name) })).statusCode;
  assert.deepEqual([await change("reader"), await change("agent"), await change("boss")], [403, 403, 200]);
});

for (const wrong of [
  "Bearer reader-0123456789abcde",
  "Bearer reader-0123456789abcdefg",
  "Bearer READER-0123456789ABCDEF",
  `Bearer ${hashToken(secret("reader"))}`,
  "Bearer",
  "Bearer  ",
  "Basic",
  `Digest ${secret("reader")}`,
  "",
]) {
  test(`"${wrong}" lets nobody in`, async (t) => {
    const { statusCode, body } = await createApp(t).ask("/api/v1/answer", { authorization: wrong });
    assert.equal(statusCode, 401);
    assert.ok(wrong.length < 20 || !body.includes(wrong.slice(7)), "what was shown is not repeated");
  });
}

test("programs that know only user and password show the token as the password", async (t) => {
  const { ask } = createApp(t);
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
  assert.equal((await ask("/api/v1/answer", basic(`anybody:${secret("reader")}`))).statusCode, 200);
  assert.equal((await ask("/api/v1/answer", basic(`${secret("reader")}:`))).statusCode, 401);
});

test("a person is sent to the form, signs in by token, and comes back to the view", async (t) => {
  const { app, ask, signIn } = createApp(t);
  const sent = await ask("/?pane=links&filter=port%3A443", { accept: "text/html" });
  assert.deepEqual(
    [sent.statusCode, sent.headers.location],
    [303, "sign-in?view=pane%3Dlinks%26filter%3Dport%253A443"],
  );
  const form = await ask(`/${sent.headers.location}`);
  assert.equal(form.statusCode, 200);
  assert.match(form.body, /name="view" value="pane=links&#38;filter=port%3A443"/);
  assert.match(String(form.headers["content-security-policy"]), /default-src 'none'.*form-action 'self'/);
  const answer = await signIn(secret("reader"), "pane=links&filter=port%3A443");
  assert.deepEqual([answer.statusCode, answer.headers.location], [303, "./?pane=links&filter=port%3A443"]);
  const cookie = String(answer.headers["set-cookie"]);
  assert.match(cookie, /^portolan_session=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/);
  assert.ok(!cookie.includes(secret("reader")));
  const signedIn = { cookie: `other=1; ${cookie.split(";")[0]}` };
  assert.equal((await ask("/api/v1/answer", signedIn)).statusCode, 200);
  assert.equal((await ask("/api/v1/answer", { ...signedIn, authorization: "Bearer wrong" })).statusCode, 401);
  await app.inject({ method: "POST", url: "/sign-out", headers: signedIn });
  assert.equal((await ask("/api/v1/answer", signedIn)).statusCode, 401);
});

test("a link on another site's page is asked for once more, from here: then the cookie comes too", async (t) => {
  const { ask } = createApp(t);
  const { statusCode, body } = await ask("/?pane=links", {
    accept: "text/html",
    "sec-fetch-site": "cross-site",
  });
  assert.equal(statusCode, 200);
  assert.match(body, /http-equiv="refresh" content="0"/);
});

test("whoever signs in with what is no token, or an agent's, is told; the form leads nowhere else", async (t) => {
  const { signIn } = createApp(t);
  const wrong = await signIn("<b>nothing</b>");
  assert.equal(wrong.statusCode, 401);
  assert.equal(wrong.headers["set-cookie"], undefined);
  assert.match(wrong.body, /This is no token of this server/);
  assert.doesNotMatch(wrong.body, /nothing/);
  assert.equal((await signIn(secret("agent"))).statusCode, 403);
  for (const view of ["//evil.example", "https://evil.example", "x\r\nset-cookie: a=b", '"><script>', "%"]) {
    const { headers, body } = await signIn(secret("reader"), view);
    assert.match(String(headers.location), /^\.\/(\?[^<>"\r\n]*)?$/, view);
    assert.doesNotMatch(body, /<script/);
  }
});

test("a page of another site may not sign anybody in, nor change anything", async (t) => {
  const { app, bearer } = createApp(t);
  const post = async (url: string, headers: Record<string, string>) =>
    (
      await app.inject({
        method: "POST",
        url,
        headers: { ...bearer("boss"), host: "portolan.example", ...headers },
      })
    ).statusCode;
  for (const url of ["/sign-in", "/sign-out", "/api/v1/change"]) {
    assert.equal(await post(url, { "sec-fetch-site": "cross-site" }), 403, url);
    assert.equal(await post(url, { "sec-fetch-site": "same-site" }), 403, url);
    assert.equal(await post(url, { origin: "https://evil.example" }), 403, url);
  }
  assert.equal(await post("/api/v1/change", { origin: "http://portolan.example" }), 200);
  assert.equal(
    await post("/api/v1/change", { "sec-fetch-site": "same-origin", origin: "https://proxy.example" }),
    200,
  );
});

test("a path that is written otherwise is bound by the same rules", async (t) => {
  const { app, ask, bearer } = createApp(t, { rate: 10 });
  for (const url of ["/api/v1/answer", "/%61pi/v1/answer", "/api/v1/%61nswer", "http://x/api/v1/answer"]) {
    assert.equal((await ask(url)).statusCode, 401, url);
    const ofAnother = await ask(url, { ...bearer("reader"), "sec-fetch-site": "cross-site" });
    assert.deepEqual([ofAnother.statusCode, ofAnother.json().code], [403, "cross_site"], url);
  }
  const codes: number[] = [];
  for (const url of ["/sign-in", "/sign%2Din", "/sign-%69n", "/sign-in#x"]) {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    codes.push((await app.inject({ method: "POST", url, headers, payload: "token=guess" })).statusCode);
  }
  assert.deepEqual(codes, [401, 401, 429, 429]);
});

test("other origins are never let in by CORS", async (t) => {
  const { app, ask, bearer } = createApp(t);
  const { headers } = await ask("/api/v1/answer", { ...bearer("reader"), origin: "https://grafana.example" });
  assert.ok(!Object.keys(headers).some((name) => name.startsWith("access-control-")));
  const preflight = await app.inject({
    ...{ method: "OPTIONS", url: "/api/v1/answer" },
    headers: { origin: "https://grafana.example", "access-control-request-method": "GET" },
  });
  assert.ok(preflight.statusCode >= 400);
  assert.ok(!Object.keys(preflight.headers).some((name) => name.startsWith("access-control-")));
});

test("a token that the configuration has no more lets nobody in, nor do those who signed in with it", async (t) => {
  const { ask, bearer, signIn, credentials } = createApp(t);
  const cookie = String((await signIn(secret("reader"))).headers["set-cookie"]).split(";")[0]!;
  assert.equal((await ask("/api/v1/answer", { cookie })).statusCode, 200);
  credentials.replace({ tokens: [token("boss", "admin")] });
  assert.equal((await ask("/api/v1/answer", { cookie })).statusCode, 401);
  assert.equal((await ask("/api/v1/answer", bearer("reader"))).statusCode, 401);
  assert.equal((await ask("/api/v1/answer", bearer("boss"))).statusCode, 200);
});

test("a stream ends with the token that it was opened with, and only then", {
  timeout: 20_000,
}, async (t) => {
  const { app, bearer, credentials } = createApp(t);
  app.get("/api/v1/endless", { config: { cost: "stream" } }, (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200).write("first");
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const open = async (name: string) => {
    const { body } = await fetch(`http://127.0.0.1:${port}/api/v1/endless`, { headers: bearer(name) });
    const reader = body!.getReader();
    await reader.read();
    return reader;
  };
  const [reader, boss] = [await open("reader"), await open("boss")];
  const next = reader.read();
  credentials.replace({ tokens: [token("reader", "read"), token("boss", "ingest")] });
  await assert.rejects(boss.read(), "it reads no more");
  assert.equal(await Promise.race([next.catch(() => "ended"), Promise.resolve("open")]), "open");
  credentials.replace({ tokens: [token("other", "read")] });
  await assert.rejects(next);
});

test("a hash of nothing lets nobody in who shows nothing", async (t) => {
  const { ask, credentials } = createApp(t);
  const nothing = { name: "nothing", hash: hashToken("") };
  credentials.replace({ tokens: [{ ...nothing, scopes: ["read"] }], ingestTokens: [nothing] });
  for (const authorization of ["Bearer ", "Basic Og==", ""])
    assert.equal((await ask("/api/v1/answer", { authorization })).statusCode, 401, authorization);
  assert.equal(credentials.ingestBearerOf(undefined), undefined);
});

test("agents come with tokens of theirs, or with one that has the scope", () => {
  const credentials = new CredentialTable({
    tokens,
    ingestTokens: [{ name: "node", hash: hashToken(secret("node")), nodes: ["db"] }],
  });
  const bearerOf = (name: string) => credentials.ingestBearerOf(`Bearer ${secret(name)}`);
  assert.deepEqual(bearerOf("node")?.nodes, ["db"]);
  assert.equal(bearerOf("agent")?.name, "agent");
  assert.deepEqual([bearerOf("reader"), bearerOf("boss")], [undefined, undefined]);
  assert.equal(credentials.bearerOf(`Bearer ${secret("node")}`), undefined, "nor do agents read");
});

test("no token is in a log or an answer, whatever happens", async (t) => {
  const { ask, bearer, signIn, logged } = createApp(t);
  const cookie = String((await signIn(secret("reader"))).headers["set-cookie"]).split(";")[0]!;
  const answers = [
    await ask("/api/v1/broken", bearer("reader")),
    await ask("/api/v1/broken", { cookie }),
    await ask(`/api/v1/answer?token=${secret("reader")}`, { authorization: `Bearer ${secret("wrong")}` }),
    await ask("/%zz", bearer("reader")),
    await ask("/nothing", bearer("reader")),
  ];
  assert.ok(
    logged.some((line) => line.includes("request not answered")),
    "the error was logged",
  );
  const told = [...logged, ...answers.map(({ body, headers }) => body + JSON.stringify(headers))].join("\n");
  for (const hidden of [
    secret("reader"),
    secret("wrong"),
    cookie.split("=")[1]!,
    hashToken(secret("reader")),
  ])
    assert.ok(!told.includes(hidden));
});

test("a client that asks too much is told when to ask again; others are answered", async (t) => {
  const { ask, bearer, clock } = createApp(t, { rate: 2 });
  const status = async (headers: Record<string, string>, address?: string) =>
    (await ask("/api/v1/answer", headers, address)).statusCode;
  for (let i = 0; i < 8; i++) assert.equal(await status(bearer("reader")), 200, String(i));
  const { statusCode, headers, json } = await ask("/api/v1/answer", bearer("reader"));
  assert.deepEqual([statusCode, headers["retry-after"], json().code], [429, "1", "too_many_requests"]);
  assert.equal(await status(bearer("boss")), 200, "another token at the same address");
  assert.equal(await status(bearer("reader"), "192.0.2.8"), 200, "another address");
  assert.equal((await ask("/healthz")).statusCode, 200);
  clock.now += 500;
  assert.equal(await status(bearer("reader")), 200);
  assert.equal(await status(bearer("reader")), 429);
});

test("who tries tokens is soon told to wait, and who has one is not kept out by it", async (t) => {
  const { ask, bearer, signIn } = createApp(t, { rate: 10 });
  const tried: number[] = [];
  for (let i = 0; i < 4; i++)
    tried.push((await ask("/api/v1/answer", { authorization: "Bearer guess" })).statusCode);
  assert.deepEqual(tried, [401, 401, 429, 429]);
  assert.equal((await ask("/api/v1/answer", bearer("reader"))).statusCode, 200);
  const signed: number[] = [];
  for (let i = 0; i < 4; i++) signed.push((await signIn("guess")).statusCode);
  assert.deepEqual(signed, [401, 401, 429, 429]);
});

test("questions at once are bounded per client, and counted until they are answered or given up", async (t) => {
  const { app, bearer, release } = createApp(t, { questions: 2 });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const ask = (signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${port}/api/v1/slow`, { headers: bearer("reader"), ...(signal && { signal }) });
  const given = new AbortController();
  const [first, second] = [ask(), ask(given.signal)];
  while (release.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  const refused = await ask();
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "1"]);
  release[0]!();
  assert.equal((await first).status, 200);
  given.abort();
  await assert.rejects(second);
  // Both have left: there is room for two again.
  for (let i = 2; i < 4; i++) {
    const one = ask();
    while (release.length <= i) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if ((await Promise.race([one, undefined]))?.status === 429) assert.fail("room is given back");
    }
    release[i]!();
    assert.equal((await one).status, 200);
  }
});
