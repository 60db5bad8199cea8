import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { askNameSources, createContainerNames } from "./container-names.ts";
import { PretendCri } from "./pretend-cri.ts";
import { PretendDocker } from "./pretend-docker.ts";
import { container, listOf, sandbox } from "./testdata/protobuf.ts";

const id = (digit: string) => digit.repeat(64);

async function createNames(t: TestContext, retryMilliseconds = [20, 40, 80]) {
  const docker = new PretendDocker();
  await docker.start();
  const root = mkdtempSync(join(tmpdir(), "portolan-names-"));
  const names = createContainerNames({
    log: () => {},
    root,
    dockerSocketPath: docker.socketPath,
    retryMilliseconds,
  });
  t.after(async () => {
    names.stop();
    await docker.remove();
    rmSync(root, { recursive: true });
  });
  return {
    docker,
    names,
    root,
    write(containerId: string, name: string) {
      const file = join(root, "var/lib/docker/containers", containerId, "config.v2.json");
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, JSON.stringify({ Name: `/${name}` }));
    },
    async startCri(): Promise<PretendCri> {
      mkdirSync(join(root, "run/containerd"), { recursive: true });
      const cri = new PretendCri(join(root, "run/containerd/containerd.sock"));
      t.after(() => cri.remove());
      await cri.start();
      return cri;
    },
    /** The next changes there are. */
    async changes(): Promise<[string, string][]> {
      for (let tries = 0; tries < 2000; tries++) {
        const changes = names.takeChanges();
        if (changes.size > 0) return [...changes];
        await rest(5);
      }
      throw new Error("there are no changes");
    },
  };
}

test("a name that Docker told before is there at once, and its change is told", async (t) => {
  const { docker, names, changes } = await createNames(t);
  docker.list = [
    { Id: id("a"), Names: ["/web"] },
    { Id: id("b"), Names: ["/nobody-asks"] },
  ];
  names.start();
  for (let tries = 0; tries < 2000 && names.status()[0]?.state !== "on"; tries++) await rest(5);
  assert.equal(names.nameOf(id("a")), "web");
  assert.equal(names.takeChanges().size, 0, "who asked was told");
  docker.tell("rename", id("b"), { name: "nobody-asks-either" });
  docker.tell("rename", id("a"), { name: "shop" });
  assert.deepEqual(await changes(), [[id("a"), "shop"]]);
  assert.equal(names.takeChanges().size, 0);
  assert.equal(names.nameOf(id("a")), "shop");
});

test("a name comes late from files, and later still when they are written late", async (t) => {
  const { names, write, changes } = await createNames(t);
  write(id("a"), "web");
  names.start();
  assert.equal(names.nameOf(id("a")), "");
  assert.deepEqual(await changes(), [[id("a"), "web"]]);
  assert.equal(names.nameOf(id("b")), "");
  setTimeout(() => write(id("b"), "late"), 30);
  assert.deepEqual(await changes(), [[id("b"), "late"]]);
});

test("Docker knows better than files", async (t) => {
  const { docker, names, write, changes } = await createNames(t);
  write(id("a"), "old");
  names.start();
  names.nameOf(id("a"));
  assert.deepEqual(await changes(), [[id("a"), "old"]]);
  for (let tries = 0; tries < 2000 && docker.streamCount === 0; tries++) await rest(5);
  docker.tell("rename", id("a"), { name: "new" });
  assert.deepEqual(await changes(), [[id("a"), "new"]]);
});

test("a container that is in no file is asked of the runtime; what it told before is there at once", async (t) => {
  const { names, startCri, changes } = await createNames(t, [250]); // unasked, it would list again after 15 s
  const cri = await startCri();
  const pod = { sandboxId: id("f"), name: "nginx" };
  cri.answers.set("ListContainers", listOf(container({ ...pod, id: id("a") })));
  cri.answers.set("ListPodSandbox", listOf(sandbox(id("f"), "shop", "web-7f8")));
  names.start();
  for (let tries = 0; tries < 2000 && !names.isAsked(); tries++) await rest(5);
  assert.equal(names.nameOf(id("a")), "shop/web-7f8/nginx");
  assert.equal(names.nameOf(id("f")), "shop/web-7f8");
  assert.deepEqual(
    names.status().map(({ name, state }) => `${name} ${state}`),
    ["Docker on", "CRI on", "files off"],
  );
  cri.answers.set("ListContainers", listOf(container({ ...pod, id: id("b"), name: "db" })));
  assert.equal(names.nameOf(id("b")), "");
  assert.deepEqual(await changes(), [[id("b"), "shop/web-7f8/db"]]);
  assert.equal(names.nameOf(id("a")), "shop/web-7f8/nginx", "kept though it ended");
});

test("stopped, it hangs up on the runtime too", async (t) => {
  const { names, startCri } = await createNames(t);
  const cri = await startCri();
  cri.instead = () => true;
  names.start();
  for (let tries = 0; tries < 1000 && cri.asked.length === 0; tries++) await rest(5);
  assert.equal(cri.sessionCount, 1);
  names.stop();
  for (let tries = 0; tries < 1000 && cri.sessionCount > 0; tries++) await rest(5);
  assert.equal(cri.sessionCount, 0);
});

test("who asks where names come from waits for every source, but not for one that is silent", async (t) => {
  const { docker, root, startCri } = await createNames(t);
  const cri = await startCri();
  cri.instead = (_path, stream) => {
    setTimeout(() => cri.refuse(stream, 12, "later"), 100);
    return true;
  };
  const ask = async () => {
    const sources = await askNameSources({
      root,
      dockerSocketPath: docker.socketPath,
      answerMilliseconds: 500,
    });
    return sources.map(({ name, reason }) => `${name}: ${reason}`)[1];
  };
  const socket = `CRI: ${join(root, "run/containerd/containerd.sock")}`;
  assert.equal(await ask(), `${socket} answers, but not as a runtime for Kubernetes (CRI)`);
  cri.instead = () => true;
  assert.equal(await ask(), `${socket}: it does not answer`);
});

test("more containers than are kept: the oldest are learned anew", async (t) => {
  const { names, write, changes } = await createNames(t);
  names.start();
  write(id("a"), "web");
  names.nameOf(id("a"));
  await changes();
  for (let i = 0; i < 20_000; i++) names.nameOf(i.toString(16).padStart(64, "0"));
  assert.equal(names.nameOf(id("a")), "", "it was forgotten");
  names.stop();
});

test("not started, it looks at nothing", async (t) => {
  const { docker, names, write, startCri } = await createNames(t);
  const cri = await startCri();
  write(id("a"), "web");
  assert.equal(names.nameOf(id("a")), "");
  await rest(100);
  assert.equal(names.takeChanges().size, 0);
  assert.deepEqual(docker.asked, []);
  assert.deepEqual(cri.asked, []);
});
