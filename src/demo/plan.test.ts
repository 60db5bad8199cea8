import assert from "node:assert/strict";
import { test } from "node:test";
import { planWorld } from "./plan.ts";
import { calls, nodePorts, outside, pods, services } from "./world.ts";

const listens = (name: string, port: number) =>
  [...pods, ...outside].some((one) => one.name === name && one.listen.includes(port));

test("who is called is there, and listens unless the call is to fail", () => {
  for (const { from, to, port, asks } of calls) {
    assert.ok(
      [...pods, ...outside].some(({ name }) => name === from),
      from,
    );
    const service = services.find(({ name }) => name === to) ?? nodePorts.find(({ name }) => name === to);
    if (service !== undefined) {
      assert.equal(service.port, port);
      const backends = "pod" in service ? [service.pod] : service.backends;
      for (const name of backends) {
        const isNameServer = pods.some((pod) => pod.name === name && pod.isNameServer);
        assert.ok(asks === undefined ? listens(name, service.targetPort) : isNameServer, `${to}: ${name}`);
      }
    } else if (asks === undefined && !to.startsWith("smtp")) {
      assert.ok(listens(to, port), `${to} listens on ${port}`);
    }
  }
});

test("addresses, names and ids are each somebody's own", () => {
  const world = planWorld(1);
  const own = world.pods.filter(({ isHostNetwork }) => !isHostNetwork);
  for (const field of ["address", "address6", "namespace"] as const) {
    const values = [...own, ...world.nodes].map((one) => one[field]);
    assert.equal(new Set(values).size, values.length, field);
  }
  // An interface's name has at most 15 characters, as a process's; the demo cuts it.
  const cut = own.map(({ name }) => `veth-${name}`.slice(0, 15));
  assert.equal(new Set(cut).size, cut.length);
  for (const { containerId, uid, controlGroup, actor } of world.pods) {
    assert.match(containerId, /^[0-9a-f]{64}$/);
    assert.match(uid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.ok(
      controlGroup.includes(`-pod${uid.replaceAll("-", "_")}.slice/cri-containerd-${containerId}.scope`),
    );
    assert.ok(actor.title.length <= 15, actor.title);
  }
});

test("the seed decides all that is not in the table", () => {
  assert.deepEqual(planWorld(3), planWorld(3));
  const [three, four] = [planWorld(3), planWorld(4)];
  for (const [index, pod] of three.pods.entries()) {
    assert.notEqual(pod.containerId, four.pods[index]!.containerId);
    assert.notEqual(pod.actor.seed, four.pods[index]!.actor.seed);
  }
});

test("control groups are named by the pod's class", () => {
  const pathOf = (name: string) => planWorld(1).pods.find((pod) => pod.name === name)!.controlGroup;
  assert.match(pathOf("cart"), /^node-a\/kubepods\.slice\/kubepods-burstable\.slice\/kubepods-burstable-pod/);
  assert.match(pathOf("postgres"), /^node-b\/kubepods\.slice\/kubepods-pod/);
  assert.match(
    pathOf("backup-cron"),
    /^node-b\/kubepods\.slice\/kubepods-besteffort\.slice\/kubepods-besteffort-pod/,
  );
});
