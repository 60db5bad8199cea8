import type { OwnerReference, PodObject } from "./objects.ts";
import type { Workload } from "./owners.ts";

/** Label by which the Deployment controller marks the pods of each of its ReplicaSets; it is the end of the ReplicaSet's name. */
const templateHash = "pod-template-hash=";

/**
 * What a pod belongs to, as far as the pod itself tells, without asking for its owners: its controller, of a static pod its file. Above a ReplicaSet
 * is its Deployment where the label says so; what else is above a controller, a Job's CronJob or a custom kind, is not known.
 */
export function workloadByItself({ isStatic, owner, name, node, labels }: PodObject): Workload {
  // A static pod is named by the kubelet, after its file and its node.
  if (isStatic)
    return { name: name.endsWith(`-${node}`) ? name.slice(0, -node.length - 1) : name, kind: "StaticPod" };
  if (owner === undefined) return { name, kind: "Pod" };
  const deployment = deploymentOf(owner, labels);
  return deployment === ""
    ? { name: owner.name, kind: owner.kind }
    : { name: deployment, kind: "Deployment" };
}

/** "" where there is none, or nothing says so. */
function deploymentOf({ kind, apiVersion, name }: OwnerReference, labels: string): string {
  if (kind !== "ReplicaSet" || !apiVersion.startsWith("apps/")) return "";
  const hash = labels
    .split(",")
    .find((label) => label.startsWith(templateHash))
    ?.slice(templateHash.length);
  return hash && name.endsWith(`-${hash}`) ? name.slice(0, -hash.length - 1) : "";
}
