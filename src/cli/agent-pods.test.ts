import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PeerTable } from "../topology/index.ts";
import { createAgentPods } from "./agent-pods.ts";

async function start(
  t: TestContext,
  isWanted: boolean,
  environment: Record<string, string>,
  hasToken = true,
) {
  const folder = mkdtempSync(join(tmpdir(), "portolan-account-"));
  if (hasToken) for (const name of ["token", "ca.crt"]) writeFileSync(join(folder, name), "");
  const pods = createAgentPods(
    { isWanted, node: "box" },
    {
      ...{ environment, accountFolder: folder, peers: new PeerTable(10, () => {}) },
      ...{ drop: () => {}, now: Date.now, log: () => {} },
    },
  );
  t.after(() => {
    pods.stop();
    rmSync(folder, { recursive: true });
  });
  await pods.start();
  pods.tick();
  return pods;
}

const cluster = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "9" };

test("without a cluster, or where it was not asked for, nobody is asked and nothing is missing", async (t) => {
  for (const [isWanted, environment, reason] of [
    [true, {}, /this is no pod of a cluster/],
    [false, cluster, /agent\.pods is false/],
  ] as const) {
    const status = (await start(t, isWanted, environment)).status();
    assert.deepEqual([status.state, status.isWanted], ["off", false]);
    assert.match(status.reason, reason);
  }
});

test("a pod without a token says what to change", async (t) => {
  const { state, isWanted, remedy } = (await start(t, true, cluster, false)).status();
  assert.deepEqual([state, isWanted], ["off", undefined]);
  assert.match(remedy ?? "", /automountServiceAccountToken/);
});

test("in a cluster the node is the one that the environment names, else the machine", async (t) => {
  for (const [environment, node] of [
    [{ ...cluster, NODE_NAME: "worker-1" }, "worker-1"],
    [cluster, "box"],
  ] as const) {
    const pods = await start(t, true, environment);
    assert.equal(pods.status().node, node);
    const deadline = Date.now() + 10_000;
    while (pods.status().state !== "away") {
      assert.ok(Date.now() < deadline, "nobody listens at that port, which only asking shows");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
});
