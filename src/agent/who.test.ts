import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { hybridFolder, TestCgroups, whyNoCgroups } from "../../test/cgroups.ts";
import { PretendDocker } from "../enrich/pretend-docker.ts";
import { ObserverTable } from "../flow/index.ts";
import { canRunTcp, readKernelFacts } from "../observe/index.ts";
import { type Peer, PeerTable } from "../topology/index.ts";
import { createAgent } from "./agent.ts";
import { agentDefaults } from "./agent-config.ts";

const skip = canRunTcp(readKernelFacts())?.reason ?? whyNoCgroups();
const id = (digit: string) => digit.repeat(64);
const podUid = "1a2b3c4d-0000-1111-2222-333344445555";
const inPod = (containerId: string) =>
  `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${podUid.replaceAll("-", "_")}.slice/cri-containerd-${containerId}.scope`;

/** An agent, a pretend Docker, a folder for runtimes' files, and a server to talk to. */
async function createWorld(
  t: TestContext,
  { containers = true, cgroupFolder }: { containers?: boolean; cgroupFolder?: string | undefined } = {},
) {
  const root = mkdtempSync(join(tmpdir(), "portolan-who-"));
  const docker = new PretendDocker();
  await docker.start();
  const cgroups = new TestCgroups(cgroupFolder);
  const peers = new PeerTable(1000, () => {});
  const seen = new Map<number, number>();
  const agent = createAgent(
    { ...agentDefaults, containers },
    {
      node: "vm",
      peers,
      observers: new ObserverTable(),
      drop: () => {},
      now: () => Date.now(),
      runtimes: { root, dockerSocketPath: docker.socketPath },
      deliver({ columns, count }) {
        for (let row = 0; row < count; row++) {
          const peer = columns.sourcePeer[row]!;
          if (peer !== 0)
            seen.set(
              portsOf(columns.sourceTransportPort[row]!, columns.destinationTransportPort[row]!),
              peer,
            );
        }
      },
    },
  );
  const server = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  t.after(async () => {
    agent.stop();
    server.close();
    await cgroups.remove();
    await docker.remove();
    rmSync(root, { recursive: true });
  });
  agent.start();
  return {
    agent,
    docker,
    cgroups,
    write(path: string, value: unknown) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), JSON.stringify(value));
    },
    /** Connects from a process in this cgroup; returns how to ask who that was. */
    async connect(path: string, { isBrief = false } = {}): Promise<() => Peer | undefined> {
      const accepted = once(server, "connection");
      const rest = isBrief ? "" : "; read -r _ <&3";
      const child = cgroups.run(
        path,
        "bash",
        "-c",
        `exec 3<>/dev/tcp/127.0.0.1/${port}; echo hello >&3${rest}`,
      );
      const [{ remotePort }] = await accepted;
      if (isBrief && child.exitCode === null) await once(child, "exit");
      return () => {
        agent.poll();
        const row = seen.get(portsOf(remotePort, port));
        return row === undefined ? undefined : peers.get(row);
      };
    },
  };
}

/** Other tests talk on loopback too: a source port alone may be somebody else's. */
const portsOf = (source: number, destination: number) => source * 0x10000 + destination;

async function until(who: () => Peer | undefined, isSo: (peer: Peer) => boolean): Promise<Peer> {
  for (let tries = 0; tries < 500; tries++) {
    const peer = who();
    if (peer !== undefined && isSo(peer)) return peer;
    await rest(10);
  }
  throw new Error(`waited in vain; it is ${JSON.stringify(who())}`);
}

test("a pod's container on the node's network is itself, and gets the name that containerd has for it", {
  skip,
}, async (t) => {
  const world = await createWorld(t);
  const who = await world.connect(inPod(id("a")));
  const first = await until(who, () => true);
  assert.deepEqual(
    [first.id, first.kind, first.name, first.node, first.address],
    [`container:vm/${id("a")}`, "container", "bash aaaaaaaaaaaa", "vm", "127.0.0.1"],
  );
  world.write(`/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id("a")}/config.json`, {
    annotations: {
      "io.kubernetes.cri.container-name": "nginx",
      "io.kubernetes.cri.sandbox-name": "web-7f8",
      "io.kubernetes.cri.sandbox-namespace": "shop",
    },
  });
  const named = await until(who, ({ name }) => name === "shop/web-7f8/nginx");
  assert.deepEqual(named, { ...first, name: "shop/web-7f8/nginx" });
});

test("a Docker container has Docker's name, also a later one", { skip }, async (t) => {
  const world = await createWorld(t);
  const who = await world.connect(`system.slice/docker-${id("b")}.scope`);
  const first = await until(who, () => true);
  assert.equal(first.id, `container:vm/${id("b")}`);
  for (let tries = 0; tries < 500 && world.docker.streamCount === 0; tries++) await rest(10);
  world.docker.tell("start", id("b"), { name: "web" });
  await until(who, ({ name }) => name === "web");
  world.docker.tell("rename", id("b"), { name: "shop", oldName: "/web" });
  assert.deepEqual(await until(who, ({ name }) => name === "shop"), { ...first, name: "shop" });
  assert.equal(world.agent.status().names[0]?.state, "on");
});

test("in kind, a pod's container is not taken for its node", { skip }, async (t) => {
  const world = await createWorld(t);
  const who = await world.connect(`docker/${id("c")}/kubelet/kubepods/besteffort/pod${podUid}/${id("d")}`);
  assert.equal((await until(who, () => true)).id, `container:vm/${id("d")}`);
});

test("what systemd started is its unit, a session's process is itself", { skip }, async (t) => {
  const world = await createWorld(t);
  const unit = await until(await world.connect("system.slice/web.service"), () => true);
  assert.deepEqual(
    [unit.id, unit.kind, unit.name, unit.process],
    ["unit:vm/web.service", "unit", "web.service", "bash"],
  );
  const process = await until(await world.connect("user.slice/user-0.slice/session-1.scope"), () => true);
  assert.deepEqual([process.id, process.kind], ["process:vm/bash", "process"]);
});

test("a process that ended before anybody looked is of its container all the same", { skip }, async (t) => {
  const world = await createWorld(t);
  const path = `docker/${id("e")}`;
  const who = await world.connect(path, { isBrief: true });
  assert.equal((await until(who, () => true)).id, `container:vm/${id("e")}`);
});

for (const [name, path] of [
  ["systemd's", `system.slice/docker-${id("9")}.scope`],
  ["cgroupfs", `docker/${id("9")}`],
] as const) {
  test(`a container that is gone with its cgroup before anybody looked is itself, by ${name} name`, {
    skip,
  }, async (t) => {
    const world = await createWorld(t);
    const who = await world.connect(path, { isBrief: true });
    await world.cgroups.remove();
    assert.equal((await until(who, () => true)).id, `container:vm/${id("9")}`);
  });
}

test("when it is not wanted, no runtime is asked", { skip }, async (t) => {
  const world = await createWorld(t, { containers: false });
  const who = await world.connect(`docker/${id("f")}`);
  assert.equal((await until(who, () => true)).name, "bash ffffffffffff");
  assert.deepEqual(world.docker.asked, []);
  assert.deepEqual(world.agent.status().names, []);
});

test("on a hybrid machine, a container that only the old hierarchies know is that container", {
  skip: skip || (hybridFolder() === undefined && "this machine has no cgroups of version 1"),
}, async (t) => {
  const world = await createWorld(t, { cgroupFolder: hybridFolder() });
  const who = await world.connect(`docker/${id("b")}`);
  assert.equal((await until(who, () => true)).id, `container:vm/${id("b")}`);
  const gone = await world.connect(`docker/${id("c")}`, { isBrief: true });
  const { id: goneId } = await until(gone, () => true);
  assert.equal(goneId, "process:vm/bash", "who has gone is nobody else's container");
});
