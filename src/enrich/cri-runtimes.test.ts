import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { createCriRuntimes, criSockets } from "./cri-runtimes.ts";
import { PretendCri } from "./pretend-cri.ts";
import { listOf, sandbox } from "./testdata/protobuf.ts";

const id = (digit: string) => digit.repeat(64);

async function createRuntimes(t: TestContext, sockets: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), "portolan-"));
  const pretend: PretendCri[] = [];
  for (const socket of sockets) {
    mkdirSync(dirname(join(root, socket)), { recursive: true });
    const runtime = new PretendCri(join(root, socket));
    await runtime.start();
    pretend.push(runtime);
  }
  const names = new Map<string, string>();
  const runtimes = createCriRuntimes({
    root,
    onName: (containerId, name) => void names.set(containerId, name),
    log: () => {},
    retryMilliseconds: 5,
  });
  t.after(async () => {
    runtimes.stop();
    for (const runtime of pretend) await runtime.remove();
    rmSync(root, { recursive: true });
  });
  async function isAsked() {
    for (let tries = 0; tries < 2000 && !runtimes.isAsked(); tries++) await rest(5);
    assert.ok(runtimes.isAsked());
  }
  return { root, pretend, names, runtimes, isAsked };
}

test("every runtime that is there is asked, wherever its distribution has it", async (t) => {
  const { root, pretend, names, runtimes, isAsked } = await createRuntimes(t, criSockets);
  pretend.forEach(({ answers }, index) => {
    answers.set("ListPodSandbox", listOf(sandbox(id(String(index)), "shop", `pod-${index}`)));
  });
  assert.deepEqual(runtimes.status(), [{ name: "CRI", state: "off", reason: "not asked yet" }]);
  runtimes.start();
  await isAsked();
  assert.deepEqual(
    runtimes.status(),
    criSockets.map((socket) => ({
      name: "CRI",
      state: "on",
      reason: `pretend 1.0 answers on ${join(root, socket)}`,
    })),
  );
  assert.equal(names.size, criSockets.length);
});

test("of the usual places only those are told of where something listens", async (t) => {
  const { root, runtimes, isAsked } = await createRuntimes(t, ["run/crio/crio.sock"]);
  runtimes.start();
  await isAsked();
  assert.deepEqual(runtimes.status(), [
    { name: "CRI", state: "on", reason: `pretend 1.0 answers on ${join(root, "run/crio/crio.sock")}` },
  ]);
});

test("a machine without any is told so in one line", async (t) => {
  const { runtimes, isAsked } = await createRuntimes(t, []);
  runtimes.start();
  await isAsked();
  assert.deepEqual(runtimes.status(), [
    { name: "CRI", state: "off", reason: "no container runtime for Kubernetes listens here" },
  ]);
});
