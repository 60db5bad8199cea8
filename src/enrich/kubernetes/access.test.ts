import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AccessSettings, type ClusterAccess, findAccess, type NoAccess } from "./access.ts";

const auto: AccessSettings = { enabled: "auto", kubeconfig: "", context: "" };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "portolan-access-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function find(
  settings: Partial<AccessSettings>,
  environment: Record<string, string> = {},
  home = "/nowhere",
  accountFolder = "/nowhere",
) {
  return findAccess({ ...auto, ...settings }, { environment, home, accountFolder });
}

function found(access: ClusterAccess | NoAccess): ClusterAccess {
  assert.ok(!("reason" in access), "reason" in access ? access.reason : "");
  return access;
}

function kubeconfig(user: string, more = ""): string {
  return `apiVersion: v1
current-context: here
clusters:
- name: c
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority-data: ${btoa("AUTHORITY")}, tls-server-name: kubernetes${more}}
contexts:
- name: here
  context: {cluster: c, user: u}
- name: there
  context: {cluster: none, user: u}
users:
- name: u
  user: ${user}
`;
}

test("in a cluster: the service account, with its token read anew as it is replaced", async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "token"), "one\n");
  writeFileSync(join(folder, "ca.crt"), "AUTHORITY");
  const environment = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" };
  const access = found(find({}, environment, "/nowhere", folder));
  assert.equal(access.server, "https://[fd00::1]:6443");
  assert.deepEqual(await access.credentials(false), { token: "one", authority: "AUTHORITY" });
  writeFileSync(join(folder, "token"), "two");
  assert.equal((await access.credentials(false)).token, "two");
  rmSync(join(folder, "token"));
  await assert.rejects(access.credentials(false), /token cannot be read \(ENOENT\)/);
});

test("elsewhere auto is off, and says how to change that; false is off", () => {
  assert.deepEqual(find({}), {
    isOff: true,
    reason: "this is no pod of a cluster, and kubernetes.kubeconfig names no file",
    remedy:
      "set kubernetes.enabled to true to use KUBECONFIG or ~/.kube/config, or kubernetes.kubeconfig to a file",
  });
  assert.equal((find({ enabled: false }) as NoAccess).isOff, true);
});

test("a kubeconfig: the cluster, its authority, and a user with certificate and key", async (t) => {
  const folder = folderOf(t);
  const file = join(folder, "config");
  writeFileSync(file, kubeconfig(`{client-certificate: cert.pem, client-key-data: ${btoa("KEY")}}`));
  writeFileSync(join(folder, "cert.pem"), "CERTIFICATE");
  const access = found(find({ kubeconfig: file }));
  assert.deepEqual(
    [access.server, access.serverName, access.place],
    ["https://10.0.0.1:6443", "kubernetes", `${file}, context here`],
  );
  const { certificate, key, authority } = await access.credentials(false);
  assert.deepEqual([certificate, key, authority], ["CERTIFICATE", "KEY", "AUTHORITY"]);
});

test("enabled outright, KUBECONFIG's files or the one in the home folder are used, the first to name a thing first", async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, ".kube"));
  writeFileSync(join(folder, ".kube/config"), kubeconfig("{token: home}"));
  writeFileSync(join(folder, "second"), kubeconfig("{token: second}"));
  assert.equal((await found(find({ enabled: true }, {}, folder)).credentials(false)).token, "home");
  const environment = { KUBECONFIG: `${folder}/none:${folder}/second:${folder}/.kube/config` };
  assert.equal(
    (await found(find({ enabled: true }, environment, folder)).credentials(false)).token,
    "second",
  );
});

test("a plugin gives credentials, is asked again when they were refused or are about to end", async (t) => {
  const folder = folderOf(t);
  const plugin = join(folder, "plugin");
  writeFileSync(
    plugin,
    `#!/bin/sh
echo x >> "$COUNT"
n=$(wc -l < "$COUNT")
case "$KUBERNETES_EXEC_INFO" in *'"server":"https://10.0.0.1:6443"'*) ;; *) exit 9 ;; esac
[ "$1" = give ] || exit 8
end=2999-01-01T00:00:00Z
[ "$n" = 2 ] && end=2000-01-01T00:00:00Z
echo '{"kind":"ExecCredential","status":{"token":"t'$n'","expirationTimestamp":"'$end'"}}'
`,
  );
  chmodSync(plugin, 0o755);
  const user = `{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [give], env: [{name: COUNT, value: ${folder}/count}]}}`;
  writeFileSync(join(folder, "config"), kubeconfig(user));
  const access = found(find({ kubeconfig: join(folder, "config") }));
  const token = async (wasRefused: boolean) => (await access.credentials(wasRefused)).token?.trim();
  assert.equal(await token(false), "t1");
  assert.equal(await token(false), "t1");
  assert.equal(await token(true), "t2");
  assert.equal(await token(false), "t3", "t2 has ended");
});

const problems: [user: string, change: (text: string) => string, reason: RegExp][] = [
  ["{}", (text) => text.replace("current-context: here", "current-context: nowhere"), /no context nowhere/],
  ["{}", (text) => text.replace("current-context: here", ""), /no current context/],
  ["{}", (text) => text.replace("current-context: here", "current-context: there"), /names no cluster/],
  ["{}", (text) => text.replace("https://10.0.0.1:6443/", "10.0.0.1"), /server is no URL/],
  [
    "{}",
    (text) => text.replace("tls-server-name: kubernetes", "proxy-url: socks5://x"),
    /proxy-url is not supported/,
  ],
  ["{auth-provider: {name: gcp}}", (text) => text, /auth-provider gcp is not supported/],
  ["{username: a, password: b}", (text) => text, /user name and password are not supported/],
  ["{}", () => "a: [", /config: /],
  ["{}", () => "", /no current context/],
];
for (const [user, change, reason] of problems) {
  test(`a kubeconfig that cannot be used is told: ${reason.source}`, (t) => {
    const file = join(folderOf(t), "config");
    writeFileSync(file, change(kubeconfig(user)));
    const access = find({ kubeconfig: file });
    assert.ok("reason" in access && !access.isOff);
    assert.match(access.reason, reason);
  });
}

test("a file that is not there, and a plugin that is not", async (t) => {
  const missing = find({ kubeconfig: "/nowhere/config" }) as NoAccess;
  assert.deepEqual([missing.isOff, missing.reason], [false, "/nowhere/config: no such file"]);
  const file = join(folderOf(t), "config");
  writeFileSync(file, kubeconfig("{exec: {command: no-such-program-here, installHint: install it}}"));
  await assert.rejects(found(find({ kubeconfig: file })).credentials(false), /no such program; install it/);
});
