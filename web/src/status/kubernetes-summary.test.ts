import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubernetesStatus } from "../data/answers.ts";
import { kubernetesSummary } from "./kubernetes-summary.ts";

const on: KubernetesStatus = {
  ...{ state: "on", reason: "it answers", counts: { pods: 1200 } },
  ...{ resources: [], owners: [], unresolved: [] },
};
const denied = { resource: "services", state: "denied", reason: "no", rule: "{...}" } as const;
const owner = { resource: "rollouts.argoproj.io", reason: "forbidden", rule: "" };

test("where there is no cluster to ask nothing is said", () => {
  assert.equal(kubernetesSummary({ ...on, state: "off" }), undefined);
});

test("what is well is told by the pods known, what is not by what is missing", () => {
  const told = (change: Partial<KubernetesStatus>) => {
    const { look, text } = kubernetesSummary({ ...on, ...change })!;
    return `${look}: ${text}`;
  };
  assert.equal(told({}), "good: Kubernetes, 1200 pods");
  assert.equal(told({ owners: [owner] }), "good: Kubernetes, 1200 pods");
  assert.equal(
    told({ owners: [{ ...owner, rule: "{...}" }] }),
    "warning: Kubernetes, 1200 pods: owners denied",
  );
  assert.equal(told({ state: "starting", counts: {} }), "off: Kubernetes: asking …");
  assert.equal(told({ state: "away" }), "warning: Kubernetes, 1200 pods: API server away");
  assert.equal(
    told({ state: "partly", resources: [denied] }),
    "warning: Kubernetes, 1200 pods: 1 kind of object denied",
  );
  assert.equal(
    told({ state: "partly", resources: [denied, { ...denied, resource: "nodes" }] }),
    "warning: Kubernetes, 1200 pods: 2 kinds of object denied",
  );
});
