import assert from "node:assert/strict";
import { test } from "node:test";
import { type LabelledPeer, peerLabels, podOf } from "./peer-labels.ts";
import { hostPeer } from "./testdata/rows.ts";

const peer = (changes: object): LabelledPeer => ({ ...hostPeer("10.0.0.1"), ...changes }) as LabelledPeer;

test("who is not Kubernetes' goes by name and kind", () => {
  assert.deepEqual(peerLabels(peer({})), { name: "10.0.0.1", namespace: "", kind: "host" });
  const redis = peer({ kind: "container", name: "redis" });
  assert.deepEqual(peerLabels(redis), { name: "redis", namespace: "", kind: "container" });
  for (const name of ["a/b", "a/b/c/d", "//", "a//b", "a/b/", "/a/b"])
    assert.equal(podOf(peer({ kind: "container", name })), undefined, name);
  assert.equal(podOf(peer({ kind: "process", name: "usr/bin/x" })), undefined);
});

test("a pod is its workload; without one itself; a runtime's name will do", () => {
  const facts = { kind: "pod", name: "web-1", namespace: "shop", pod: "web-1" };
  assert.deepEqual(peerLabels(peer({ ...facts, workload: "web", workloadKind: "Deployment" })), {
    ...{ name: "web", namespace: "shop", kind: "Deployment" },
  });
  assert.deepEqual(peerLabels(peer(facts)), { name: "web-1", namespace: "shop", kind: "pod" });
  const named = peer({ kind: "container", name: "shop/web-1/nginx" });
  assert.deepEqual(peerLabels(named), { name: "web-1", namespace: "shop", kind: "pod" });
  assert.deepEqual(podOf(named), { namespace: "shop", name: "web-1", container: "nginx" });
  assert.deepEqual(podOf(peer(facts)), { namespace: "shop", name: "web-1", container: "" });
});

test("a service is itself, in its namespace", () => {
  const service = peer({ kind: "service", name: "shop/api", namespace: "shop", service: "api" });
  assert.deepEqual(peerLabels(service), { name: "api", namespace: "shop", kind: "service" });
});
