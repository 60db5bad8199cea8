import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildTool, findProgram, kubeApiServer, missingTool, toolFile } from "./go-tools.ts";

/** Why there is no real API server here; undefined when there is, or one can be built. */
export function missingForApiServer(): string | undefined {
  if (findProgram("etcd") === undefined) return "etcd is not installed (Debian: etcd-server)";
  return missingTool(kubeApiServer);
}

export type Json = Record<string, unknown>;

/** A real kube-apiserver with an etcd of its own, on loopback, in a folder that is removed. */
export class ApiServer {
  readonly folder = mkdtempSync(join(tmpdir(), "portolan-kube-"));
  readonly adminToken = "test-admin-token";
  #etcd: ChildProcess | undefined;
  #server: ChildProcess | undefined;
  #etcdPort = 0;
  #port = 0;

  get port(): number {
    return this.#port;
  }

  get processId(): number {
    return this.#server?.pid ?? 0;
  }

  /** PEM of what signed its certificate. */
  get authority(): string {
    return readFileSync(join(this.folder, "certificates/apiserver.crt"), "utf8");
  }

  async start(): Promise<void> {
    buildTool(kubeApiServer);
    const peerPort = await freePort();
    this.#etcdPort = await freePort();
    this.#port = await freePort();
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeFileSync(this.#file("account.key"), privateKey.export({ type: "sec1", format: "pem" }));
    writeFileSync(this.#file("tokens.csv"), `${this.adminToken},admin,admin,system:masters\n`);
    const [client, peer] = [`http://127.0.0.1:${this.#etcdPort}`, `http://127.0.0.1:${peerPort}`];
    this.#etcd = this.#run("etcd", "etcd", [
      ...[
        "--data-dir",
        this.#file("etcd"),
        "--listen-client-urls",
        client,
        "--advertise-client-urls",
        client,
      ],
      ...[
        "--listen-peer-urls",
        peer,
        "--initial-advertise-peer-urls",
        peer,
        "--initial-cluster",
        `default=${peer}`,
      ],
      "--unsafe-no-fsync",
    ]);
    await this.startServer();
  }

  /** Also after `stopServer`: at the same port, with the same objects. */
  async startServer(): Promise<void> {
    this.#server = this.#run("kube-apiserver", toolFile(kubeApiServer), [
      `--etcd-servers=http://127.0.0.1:${this.#etcdPort}`,
      ...[
        "--bind-address=127.0.0.1",
        `--secure-port=${this.#port}`,
        `--cert-dir=${this.#file("certificates")}`,
      ],
      ...["--authorization-mode=RBAC", `--token-auth-file=${this.#file("tokens.csv")}`],
      `--service-account-key-file=${this.#file("account.key")}`,
      `--service-account-signing-key-file=${this.#file("account.key")}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      "--service-cluster-ip-range=10.96.0.0/16,fd00:96::/108",
      "--disable-admission-plugins=ServiceAccount", // nobody makes the accounts that pods would need
      "--endpoint-reconciler-type=none",
      "--allow-privileged=true", // as kubeadm has it
      "--max-requests-inflight=2000",
      "--max-mutating-requests-inflight=1000",
    ]);
    const deadline = Date.now() + 120_000;
    for (;;) {
      const isReady = await this.request("GET", "/readyz").then(
        () => true,
        () => false,
      );
      if (isReady) return;
      if (this.#server.exitCode !== null || Date.now() > deadline)
        throw new Error(
          `kube-apiserver does not come up:\n${readFileSync(this.#file("kube-apiserver.log"), "utf8").slice(-3000)}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async stopServer(): Promise<void> {
    await stopProcess(this.#server);
    this.#server = undefined;
  }

  async stop(): Promise<void> {
    await this.stopServer();
    await stopProcess(this.#etcd);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** As an administrator; rejects with what the server says when it is no success. */
  request(method: string, path: string, body?: Json, token = this.adminToken): Promise<Json> {
    const isPatch = method === "PATCH";
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": isPatch ? "application/merge-patch+json" : "application/json",
    };
    return new Promise((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port: this.#port,
        path,
        method,
        headers,
        rejectUnauthorized: false,
      };
      const asked = request(options, async (response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        const text = Buffer.concat(chunks).toString("utf8");
        if ((response.statusCode ?? 500) >= 300)
          reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 500)}`));
        else resolve(text.startsWith("{") ? (JSON.parse(text) as Json) : {});
      });
      asked.on("error", reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Has etcd forget the past, so that old resource versions are gone: an API server that is started anew does not have them either. */
  async compact(): Promise<void> {
    const ask = async (path: string, body: Json) => {
      const answer = await fetch(`http://127.0.0.1:${this.#etcdPort}/v3/${path}`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(`etcd: ${path}: ${await answer.text()}`);
      return (await answer.json()) as { header: { revision: string } };
    };
    const { header } = await ask("maintenance/status", {});
    await ask("kv/compaction", { revision: header.revision, physical: true });
  }

  /** Files as a pod with this service account finds them, and its environment. */
  async accountOf(
    namespace: string,
    name: string,
  ): Promise<{ folder: string; environment: Record<string, string> }> {
    const answer = await this.request(
      "POST",
      `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: 3600 },
      },
    );
    const folder = join(this.folder, `account-${name}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "token"), (answer.status as { token: string }).token);
    writeFileSync(join(folder, "ca.crt"), this.authority);
    const environment = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(this.#port) };
    return { folder, environment };
  }

  #file(name: string): string {
    return join(this.folder, name);
  }

  #run(name: string, program: string, parameters: string[]): ChildProcess {
    const child = spawn(program, parameters, { stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(this.#file(`${name}.log`), { flags: "a" });
    child.stdout?.pipe(log);
    child.stderr?.pipe(log);
    return child;
  }
}

/** A kubeconfig file, of the API server's administrator unless another token is given. */
export function writeKubeconfig(api: ApiServer, file: string, token = api.adminToken): void {
  const cluster = {
    server: `https://127.0.0.1:${api.port}`,
    "certificate-authority-data": Buffer.from(api.authority).toString("base64"),
  };
  const config = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "test" },
    clusters: [{ name: "test", cluster }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    users: [{ name: "admin", user: { token } }],
  };
  writeFileSync(file, JSON.stringify(config));
}

async function stopProcess(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(timer);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
