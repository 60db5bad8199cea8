import assert from "node:assert/strict";
import { test } from "node:test";
import { readPod } from "./objects.ts";
import { workloadByItself } from "./pod-workload.ts";

function workloadOf(owner: object | undefined, labels: object = {}, annotations: object = {}): string {
  const ownerReferences = owner === undefined ? [] : [{ uid: "u", controller: true, ...owner }];
  const metadata = {
    name: "web-5d4f8-x1",
    namespace: "shop",
    uid: "uid",
    labels,
    annotations,
    ownerReferences,
  };
  const { name, kind } = workloadByItself({ ...readPod({ metadata })!, node: "x1" });
  return `${kind}/${name}`;
}

const replicaSet = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-5d4f8" };

test("a pod's controller is its workload; a pod of nobody is its own, a static one its file's", () => {
  assert.equal(workloadOf({ apiVersion: "apps/v1", kind: "DaemonSet", name: "proxy" }), "DaemonSet/proxy");
  assert.equal(workloadOf({ apiVersion: "batch/v1", kind: "Job", name: "backup-29384" }), "Job/backup-29384");
  assert.equal(workloadOf(undefined), "Pod/web-5d4f8-x1");
  const node = { apiVersion: "v1", kind: "Node", name: "x1" };
  const mirror = { "kubernetes.io/config.hash": "abc", "kubernetes.io/config.mirror": "abc" };
  assert.equal(workloadOf(node, {}, mirror), "StaticPod/web-5d4f8");
});

test("above a ReplicaSet is the Deployment whose label the pod has, and nothing where it does not say so", () => {
  assert.equal(workloadOf(replicaSet, { "pod-template-hash": "5d4f8" }), "Deployment/web");
  assert.equal(workloadOf(replicaSet, { app: "web", "pod-template-hash": "5d4f8" }), "Deployment/web");
  assert.equal(workloadOf(replicaSet), "ReplicaSet/web-5d4f8");
  assert.equal(workloadOf(replicaSet, { "pod-template-hash": "5d4f9" }), "ReplicaSet/web-5d4f8");
  assert.equal(workloadOf(replicaSet, { "pod-template-hash": "" }), "ReplicaSet/web-5d4f8");
  // Argo's Rollouts mark theirs by a label of their own.
  assert.equal(workloadOf(replicaSet, { "rollouts-pod-template-hash": "5d4f8" }), "ReplicaSet/web-5d4f8");
  const foreign = { ...replicaSet, apiVersion: "example.org/v1" };
  assert.equal(workloadOf(foreign, { "pod-template-hash": "5d4f8" }), "ReplicaSet/web-5d4f8");
});

test("a Deployment that would have no name is none", () => {
  const nameless = { ...replicaSet, name: "-5d4f8" };
  assert.equal(workloadOf(nameless, { "pod-template-hash": "5d4f8" }), "ReplicaSet/-5d4f8");
});
