import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { pino } from "pino";
import { ConfigError, hashToken } from "../settings/index.ts";
import { CredentialTable } from "./auth/credential-table.ts";
import { createHttp } from "./http.ts";
import { followTlsFiles, readTlsFiles } from "./tls-files.ts";

/** Makes certificates by name; undefined when the machine cannot. */
function certificates(t: TestContext, ...names: string[]): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "portolan-tls-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of names) {
    const { status } = spawnSync("openssl", [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...[
        "-keyout",
        join(folder, `${name}.key`),
        "-out",
        join(folder, `${name}.pem`),
        "-subj",
        `/CN=${name}`,
      ],
    ]);
    if (status !== 0) return void t.skip("openssl makes no certificate here");
  }
  return folder;
}

test("a certificate that changes is served to who comes next; who is there is not cut off, and a bad one changes nothing", async (t) => {
  const folder = certificates(t, "first", "second");
  if (folder === undefined) return;
  const paths = { certificate: join(folder, "tls.pem"), key: join(folder, "tls.key") };
  const put = (name: string) => {
    copyFileSync(join(folder, `${name}.pem`), paths.certificate);
    copyFileSync(join(folder, `${name}.key`), paths.key);
  };
  put("first");
  const app = createHttp({
    ...{ logger: pino({}, { write: () => {} }), isLoopbackOnly: true },
    tls: readTlsFiles(paths.certificate, paths.key),
  });
  app.get("/answer", (asked) => ({ protocol: asked.protocol }));
  await app.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => app.close());
  const logged: string[] = [];
  const following = followTlsFiles(app.server as never, paths, (message) => logged.push(message));
  t.after(() => following.stop());
  const { port } = app.server.address() as AddressInfo;
  const staying = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  t.after(() => staying.destroy());
  const ask = async (agent: Agent | undefined) => {
    const asked = request({
      host: "127.0.0.1",
      port,
      path: "/answer",
      agent: agent ?? false,
      rejectUnauthorized: false,
    });
    asked.end();
    const [response] = await once(asked, "response");
    const socket = response.socket as TLSSocket;
    const certificate = socket.getPeerX509Certificate(); // of a connection that was used before it is not kept
    const name = certificate && new X509Certificate(certificate.raw).subject;
    const shown = { status: response.statusCode, name, port: socket.localPort };
    response.resume();
    await once(response, "end");
    return shown;
  };
  const before = await ask(staying);
  assert.deepEqual([before.status, before.name], [200, "CN=first"]);
  put("second");
  following.reload();
  assert.equal((await ask(undefined)).name, "CN=second");
  const after = await ask(staying);
  assert.deepEqual([after.status, after.port], [200, before.port], "the same connection");
  copyFileSync(join(folder, "first.pem"), paths.certificate); // with the second's key
  following.reload();
  assert.match(logged.at(-1)!, /stays: tls: .*tls.pem and .*tls.key are no certificate and its key/);
  assert.equal((await ask(undefined)).name, "CN=second");
});

test("files are read again when they change in place, and when others take their place", {
  timeout: 60_000,
}, async (t) => {
  const folder = certificates(t, "first", "second");
  if (folder === undefined) return;
  const paths = { certificate: join(folder, "tls.pem"), key: join(folder, "tls.key") };
  copyFileSync(join(folder, "first.pem"), paths.certificate);
  copyFileSync(join(folder, "first.key"), paths.key);
  const served: string[] = [];
  const setSecureContext = ({ cert }: { cert?: unknown }) =>
    served.push(new X509Certificate(cert as Buffer).subject);
  const following = followTlsFiles({ setSecureContext } as never, paths, () => {}, 20);
  t.after(() => following.stop());
  /** Again and again: what changes before the first look is none. */
  const putUntilServed = async (name: string, put: (from: string, to: string) => void) => {
    while (served.at(-1) !== `CN=${name}`) {
      put(join(folder, `${name}.pem`), paths.certificate);
      put(join(folder, `${name}.key`), paths.key);
      await sleep(50);
    }
  };
  await putUntilServed("second", copyFileSync); // the same inode
  await putUntilServed("first", (from, to) => {
    const { mtime } = statSync(to);
    copyFileSync(from, `${to}.new`);
    utimesSync(`${to}.new`, mtime, mtime);
    renameSync(`${to}.new`, to);
  });
});

test("files that are no certificate and key are told, without what is in them", (t) => {
  const folder = certificates(t, "one", "two");
  if (folder === undefined) return;
  const [pem, key] = [join(folder, "one.pem"), join(folder, "one.key")];
  assert.ok(readTlsFiles(pem, key).cert.length > 0);
  const empty = join(folder, "empty");
  writeFileSync(empty, "");
  const inKey = readFileSync(key, "utf8").split("\n")[1]!;
  for (const [certificate, privateKey] of [
    [pem, join(folder, "two.key")],
    [pem, pem],
    [key, key],
    [empty, key],
    [pem, "/nonexistent"],
    ["/nonexistent", "/nonexistent"],
  ] as const) {
    assert.throws(
      () => readTlsFiles(certificate, privateKey),
      (error: ConfigError) => error instanceof ConfigError && !error.message.includes(inKey),
      `${certificate} ${privateKey}`,
    );
  }
});

test("who signs in over TLS has a cookie that goes over nothing else", async (t) => {
  const folder = certificates(t, "tls");
  if (folder === undefined) return;
  const token = "token-of-this-test";
  const app = createHttp({
    ...{ logger: pino({}, { write: () => {} }), isLoopbackOnly: false },
    tls: readTlsFiles(join(folder, "tls.pem"), join(folder, "tls.key")),
    credentials: new CredentialTable({ tokens: [{ name: "me", hash: hashToken(token), scopes: ["read"] }] }),
  });
  t.after(() => app.close());
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const asked = request({
    ...{ port, path: "/sign-in", method: "POST", rejectUnauthorized: false },
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  asked.end(`token=${token}`);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  answer.resume();
  assert.match(String(answer.headers["set-cookie"]), /; HttpOnly; SameSite=Strict; Secure$/);
});
