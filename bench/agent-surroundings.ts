/**
 * What an agent talks with in a cluster, for benches, in a process of its own: an API server over TLS with 200 pods on the node, one of which
 * changes each second, and a Portolan server that says at once that it has stored what it is sent. Its first argument is a folder for the
 * account's files; the ports are told in a line: `API_PORT INGEST_PORT`.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { zstdDecompressSync } from "node:zlib";
import { readMessage } from "../src/ingest/index.ts";

const folder = process.argv[2]!;
const podsCount = 200;
let version = 1000;

function pod(index: number) {
  const owner = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    name: `web-${index % 20}-5d4f8`,
    uid: randomBytes(16).toString("hex"),
    controller: true,
  };
  return {
    apiVersion: "meta.k8s.io/v1",
    kind: "PartialObjectMetadata",
    metadata: {
      ...{
        name: `web-${index % 20}-5d4f8-${index}`,
        namespace: `shop-${index % 10}`,
        uid: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
      },
      ...{
        resourceVersion: String(version),
        creationTimestamp: "2026-01-01T00:00:00Z",
        generateName: `web-${index % 20}-5d4f8-`,
      },
      labels: { "pod-template-hash": "5d4f8", app: `web-${index % 20}`, "app.kubernetes.io/part-of": "shop" },
      annotations: {
        "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z",
        "prometheus.io/scrape": "true",
      },
      ownerReferences: [owner],
      managedFields: [
        {
          manager: "kube-controller-manager",
          operation: "Update",
          apiVersion: "v1",
          fieldsType: "FieldsV1",
          fieldsV1: manager(),
        },
        {
          manager: "kubelet",
          operation: "Update",
          apiVersion: "v1",
          fieldsType: "FieldsV1",
          fieldsV1: manager(),
          subresource: "status",
        },
      ],
    },
  };
}

/** Some 1.5 kB, as a pod has. */
function manager() {
  return Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [
      `f:field-number-${i}`,
      { "f:name": {}, "f:value": { ".": {}, "f:of": {} } },
    ]),
  );
}

function serveApi(request: IncomingMessage, response: ServerResponse): void {
  const { searchParams } = new URL(request.url ?? "/", "https://api");
  response.writeHead(200, { "content-type": "application/json" });
  if (!searchParams.has("watch")) {
    const items = Array.from({ length: podsCount }, (_, i) => pod(i));
    response.end(
      JSON.stringify({
        kind: "PartialObjectMetadataList",
        metadata: { resourceVersion: String(version) },
        items,
      }),
    );
    return;
  }
  response.flushHeaders();
  const timer = setInterval(() => {
    version++;
    response.write(`${JSON.stringify({ type: "MODIFIED", object: pod(version % podsCount) })}\n`);
  }, 1000);
  response.on("close", () => clearInterval(timer));
}

const serverEpoch = randomBytes(16).toString("hex");
async function serveIngest(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const message = readMessage(zstdDecompressSync(await buffer(request)));
  if ("problem" in message) throw new Error(message.problem);
  const body = JSON.stringify({ sequence: message.sequence, serverEpoch });
  // A server commits a few times a minute.
  setTimeout(
    () => response.writeHead(200, { "content-type": "application/json" }).end(body),
    Number(process.argv[3] ?? 2000),
  );
}

const [key, certificate] = [`${folder}/key`, `${folder}/ca.crt`];
execFileSync(
  "openssl",
  [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2"],
    ...["-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1"],
  ],
  { stdio: "ignore" },
);
writeFileSync(`${folder}/token`, randomBytes(32).toString("hex"));

const api = createSecureServer({ key: readFileSync(key), cert: readFileSync(certificate) }, serveApi).listen(
  0,
  "127.0.0.1",
);
const ingest = createServer((request, response) => void serveIngest(request, response)).listen(
  0,
  "127.0.0.1",
);
await Promise.all([once(api, "listening"), once(ingest, "listening")]);
console.log([api, ingest].map((server) => (server.address() as AddressInfo).port).join(" "));
