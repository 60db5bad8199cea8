import type { Peer } from "../topology/index.ts";

/** What an end of a link is called in labels. */
export interface PeerLabels {
  readonly name: string;
  readonly namespace: string;
  readonly kind: string;
}

/** What is known of a peer beside what every peer has: of Kubernetes' objects, where somebody told us. */
export type LabelledPeer = Peer & {
  readonly namespace?: string;
  readonly workload?: string;
  readonly workloadKind?: string;
};

/**
 * The one place where labels are made of a peer. A pod is called by its workload where that is known (`Deployment`, `DaemonSet`, ...),
 * else by its own name, with the kind `pod`; everybody else by their name and kind.
 */
export function peerLabels(peer: LabelledPeer): PeerLabels {
  const { name, kind, workload, workloadKind } = peer;
  const pod = podOf(peer);
  const namespace = peer.namespace ?? pod?.namespace ?? "";
  if (workload !== undefined && workload !== "")
    return { name: workload, namespace, kind: workloadKind ?? kind };
  return pod === undefined ? { name, namespace, kind } : { name: pod.name, namespace, kind: "pod" };
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
}

/** A pod's container goes by `NAMESPACE/POD/CONTAINER`; no other runtime's names hold a slash. */
export function podOf({ kind, name }: Peer): PodName | undefined {
  if (kind !== "container") return undefined;
  const [namespace = "", pod = "", container = "", rest] = name.split("/");
  return pod === "" || container === "" || rest !== undefined
    ? undefined
    : { namespace, name: pod, container };
}
