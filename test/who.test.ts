import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { PretendDocker } from "../src/enrich/pretend-docker.ts";
import { canRunTcp, readKernelFacts } from "../src/observe/index.ts";
import type { Topology, TopologyPeer } from "../src/topology/index.ts";
import { TestCgroups, whyNoCgroups } from "./cgroups.ts";
import {
  freePort,
  liveMap,
  type Program,
  runProgram,
  startProgram,
  temporaryFolder,
  until,
} from "./program.ts";

const skip = canRunTcp(readKernelFacts())?.reason ?? whyNoCgroups();
const node = hostname();
const [docker, pod, plain] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string];

test("containers, pods and units have their names on the live map and in history, and keep them", {
  skip,
  timeout: 240_000,
}, async (t) => {
  const engine = new PretendDocker();
  engine.list = [{ Id: docker, Names: ["/web"], Labels: {} }];
  await engine.start();
  const cgroups = new TestCgroups();
  const server = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  t.after(async () => {
    server.close();
    await cgroups.remove();
    await engine.remove();
  });
  // The program's /run is a folder of this test: Docker's socket and containerd's files are where they always are. What podman has on this machine is hidden.
  const run = dirname(engine.socketPath);
  const hide = "{ [ ! -d /var/lib/containers ] || mount -t tmpfs none /var/lib/containers; }";
  const withRun = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    `mount --bind ${run} /run && ${hide} && exec "$@"`,
    "sh",
  ];
  const config = join(run, "containerd/io.containerd.runtime.v2.task/k8s.io", pod, "config.json");
  mkdirSync(dirname(config), { recursive: true });
  writeFileSync(
    config,
    JSON.stringify({
      annotations: {
        "io.kubernetes.cri.container-name": "nginx",
        "io.kubernetes.cri.sandbox-name": "web-7f8",
        "io.kubernetes.cri.sandbox-namespace": "shop",
      },
    }),
  );
  const data = temporaryFolder(t);
  const flags = async () => [
    ...["up", "--data", data, "--listen", `127.0.0.1:${await freePort()}`],
    ...["--flows", `udp://127.0.0.1:${await freePort()}`],
  ];
  const talk = (path: string) =>
    cgroups.run(
      path,
      "bash",
      "-c",
      `exec 3<>/dev/tcp/127.0.0.1/${port}; while sleep 0.2; do echo hello >&3; done`,
    );
  talk(`system.slice/docker-${docker}.scope`);
  talk(`kubepods.slice/kubepods-pod1a2b.slice/cri-containerd-${pod}.scope`);
  talk(`docker/${plain}`);
  talk("system.slice/backup.service");

  let program = await startProgram(await flags(), withRun);
  t.after(() => program.stop("SIGKILL"));
  const named = async (id: string, name: string) =>
    until(`${id} is called ${name}`, async () => {
      const found = peerOf(await liveMap(program), id);
      return found?.name === name ? found : undefined;
    });
  const web = await named(`container:${node}/${docker}`, "web");
  assert.deepEqual([web.kind, web.process, web.container, web.group], ["container", "bash", docker, node]);
  await named(`container:${node}/${pod}`, "shop/web-7f8/nginx");
  await named(`container:${node}/${plain}`, "bash cccccccccccc");
  assert.equal((await named(`unit:${node}/backup.service`, "backup.service")).kind, "unit");

  const { agent } = await program.get<{ agent: { names: unknown } }>("/api/v1/status");
  assert.deepEqual(agent.names, [
    { name: "Docker", state: "on", reason: "/var/run/docker.sock answers" },
    { name: "CRI", state: "off", reason: "no container runtime for Kubernetes listens here" },
    { name: "files", state: "on", reason: "files of containerd" },
  ]);

  engine.tell("rename", docker, { name: "shop <b>", oldName: "/web" });
  await named(web.id, "shop <b>");
  await until(
    "history has the name",
    async () => (await pastName(program, web.id)) === "shop <b>" || undefined,
    120, // a commit, which takes long where the disk and the processors are others'
  );

  // Without Docker, the name is what it was.
  await program.stop();
  program = await startProgram(await flags());
  await named(web.id, "shop <b>");
  assert.equal(await pastName(program, web.id), "shop <b>");
});

test("the doctor says where names come from", { skip }, async () => {
  const { output } = await runProgram(["doctor"]);
  assert.match(
    output,
    /^container names {6}from Docker: (yes|no), \/?\S.*\n( {21}from CRI: (yes|no), .+\n)+ {21}from files: (yes|no), .+$/m,
  );
});

function peerOf({ peers }: Topology, id: string): TopologyPeer | undefined {
  return peers.find((peer) => peer.id === id);
}

async function pastName(program: Program, id: string): Promise<string | undefined> {
  return peerOf(await program.get<Topology>("/api/v1/map?from=-15m"), id)?.name;
}
