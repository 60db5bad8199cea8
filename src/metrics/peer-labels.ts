import type { Peer } from "../topology/index.ts";

/** What an end of a link is called in labels. */
export interface PeerLabels {
  readonly name: string;
  readonly namespace: string;
  readonly kind: string;
}

/** What is known of a peer beside what every peer has: of Kubernetes' objects, where somebody told us. */
export type LabelledPeer = Peer & {
  /** Of a pod or a service. */
  readonly namespace?: string;
  readonly pod?: string;
  readonly service?: string;
  /** Name and kind of what is at the top of a pod's owners. */
  readonly workload?: string;
  readonly workloadKind?: string;
};

/**
 * The one place where labels are made of a peer. A pod is called by its workload where that is known (`Deployment`, `DaemonSet`, ...),
 * else by its own name, with the kind `pod`; everybody else by their name and kind.
 */
export function peerLabels(peer: LabelledPeer): PeerLabels {
  const { workload = "", workloadKind = "" } = peer;
  const kind: string = peer.kind; // pods and services join as their room appears
  const pod = podOf(peer);
  const namespace = pod?.namespace ?? peer.namespace ?? "";
  if (workload !== "") return { name: workload, namespace, kind: workloadKind };
  if (pod !== undefined) return { name: pod.name, namespace, kind: "pod" };
  return { name: (kind === "service" ? peer.service : undefined) ?? peer.name, namespace, kind };
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
  /** Empty when it is not known which of its containers. */
  readonly container: string;
}

/** A pod's container goes by `NAMESPACE/POD/CONTAINER`, until Kubernetes says more; no other runtime's names hold a slash. */
export function podOf(peer: LabelledPeer): PodName | undefined {
  const [namespace = "", name = "", container = "", rest] = peer.name.split("/");
  const isNamed =
    peer.kind === "container" && namespace !== "" && name !== "" && container !== "" && rest === undefined;
  if (peer.pod !== undefined && peer.pod !== "")
    return { namespace: peer.namespace ?? "", name: peer.pod, container: isNamed ? container : "" };
  return isNamed ? { namespace, name, container } : undefined;
}
