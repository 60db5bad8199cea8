import assert from "node:assert/strict";
import { once } from "node:events";
import { cpSync, mkdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { nodePodRules } from "../src/enrich/node-pods/index.ts";
import { canRunTcp, readKernelFacts } from "../src/observe/index.ts";
import type { Peer } from "../src/topology/index.ts";
import { TestCgroups, whyNoCgroups } from "./cgroups.ts";
import { ApiServer, missingForApiServer } from "./kubernetes-api-server.ts";
import { ClusterObjects } from "./kubernetes-objects.ts";
import { freePort, liveMap, startProgram, temporaryFolder, until } from "./program.ts";

const skip = missingForApiServer() ?? canRunTcp(readKernelFacts())?.reason ?? whyNoCgroups();
const [ours, elsewhere] = ["d".repeat(64), "e".repeat(64)] as const;

interface AgentAnswer {
  readonly agents: readonly {
    readonly findings: readonly string[];
    readonly parts: readonly { readonly name: string; readonly isOn: boolean }[];
  }[];
}

/** A real API server that lets the agent in and nobody else, a real agent on this kernel, and a server that knows of no cluster. */
test("pods have the names that their node's agent was told, in its lines and at a server that asks nobody", {
  skip,
  timeout: 240_000,
}, async (t) => {
  const api = new ApiServer();
  const cgroups = new TestCgroups();
  const peer = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "127.0.0.1");
  await once(peer, "listening");
  t.after(async () => {
    peer.close();
    await cgroups.remove();
    await api.stop();
  });
  await api.start();
  const objects = new ClusterObjects(api);
  await objects.namespace("shop");
  await objects.account("shop", "agent", nodePodRules);
  const owner = await objects.deployment("shop", "web");
  const given = { owner, addresses: ["10.50.0.7"], labels: { "pod-template-hash": "5d4f8" } };
  const uid = await objects.pod("shop", "web-5d4f8-x1", { ...given, node: "node-a" });
  const foreignUid = await objects.pod("shop", "web-5d4f8-x2", { ...given, node: "node-b" });
  const talk = (podUid: string, containerId: string) =>
    cgroups.run(
      `kubepods/besteffort/pod${podUid}/${containerId}`,
      ...["bash", "-c"],
      `exec 3<>/dev/tcp/127.0.0.1/${(peer.address() as AddressInfo).port}; while sleep 0.2; do echo hello >&3; done`,
    );
  talk(uid, ours);
  talk(foreignUid, elsewhere);

  const folder = temporaryFolder(t);
  const server = await startProgram([
    ...["server", "--data", join(folder, "data"), "--listen", `127.0.0.1:${await freePort()}`],
    ...["--flows", `udp://127.0.0.1:${await freePort()}`],
  ]);
  t.after(() => server.stop("SIGKILL"));
  // As a pod finds its account: /run is a folder of this test.
  const account = await api.accountOf("shop", "agent");
  const run = join(folder, "run");
  mkdirSync(join(run, "secrets/kubernetes.io"), { recursive: true });
  cpSync(account.folder, join(run, "secrets/kubernetes.io/serviceaccount"), { recursive: true });
  const metricsPort = await freePort();
  const agent = await startProgram(
    [
      ...["agent", "--json", "--server", server.url, "--node", "node-a", "--spool", "none"],
      ...["--listen", `127.0.0.1:${metricsPort}`],
    ],
    ["unshare", "--mount", "sh", "-c", `mount --bind ${run} /run && exec "$@"`, "sh"],
    { ...account.environment, NODE_NAME: "node-a" },
  );
  t.after(() => agent.stop("SIGKILL"));

  const linesOf = (containerId: string) =>
    agent
      .output()
      .split("\n")
      .filter((line) => line.startsWith("{") && line.endsWith("}") && line.includes(containerId))
      .map((line) => (JSON.parse(line) as { sourcePeer: Partial<Peer> }).sourcePeer);
  const named = await until("a line has the pod's names", () =>
    linesOf(ours).find(({ pod }) => pod !== undefined),
  );
  const { id, namespace, pod, workload, workloadKind } = named;
  assert.deepEqual(
    [id, namespace, pod, workload, workloadKind],
    [`container:node-a/${ours}`, "shop", "web-5d4f8-x1", "web", "Deployment"],
  );
  const found = await until("the pod is on the server's map", async () =>
    (await liveMap(server)).peers.find((each) => each.id === `pod:${uid}`),
  );
  assert.deepEqual(
    [found.kind, found.name, found.namespace, found.workload, found.workloadKind, found.node],
    ["pod", "web-5d4f8-x1", "shop", "web", "Deployment", "node-a"],
  );
  const other = await until("so is the one of another node", async () =>
    (await liveMap(server)).peers.find((each) => each.id === `container:node-a/${elsewhere}`),
  );
  assert.deepEqual([other.kind, other.pod], ["container", undefined]);
  assert.ok(linesOf(elsewhere).every((each) => each.pod === undefined));

  const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  assert.match(metrics, /^portolan_agent_pods_up 1$/m);
  assert.match(metrics, /^portolan_agent_pods 1$/m);
  const partOf = async () =>
    (await server.get<AgentAnswer>("/api/v1/agents")).agents.find(({ parts }) =>
      parts.some(({ name }) => name === "pods"),
    );
  const told = await until("the agent tells that it asks", partOf);
  assert.deepEqual(told.parts.find(({ name }) => name === "pods")?.isOn, true);
  assert.ok(told.findings.every((finding) => !finding.includes("names of pods")));

  await api.stopServer();
  const findings = await until("what is wrong is told", async () => {
    const said = (await partOf())?.findings ?? [];
    return said.some((finding) => finding.includes("names of pods")) ? said.join() : undefined;
  });
  assert.match(
    findings,
    /names of pods is off: https:\/\/127\.0\.0\.1:\d+ .+ cannot be asked: .+; what is known stays/,
  );
  const before = linesOf(ours).length;
  const next = await until("it goes on, with the names", () => linesOf(ours)[before]);
  assert.equal(next.pod, "web-5d4f8-x1");
  assert.equal(await agent.stop(), 0);
});
