/**
 * What a Kubernetes API server tells: whose an address was at a time, which pod a container is of, and what owns a pod. Asks
 * with GET only and knows no route of ours, nor who wants to know.
 */
export { type AccessSettings, type AccessSurroundings, findAccess } from "./access.ts";
export { ClusterIndex, type ResolvedAddress } from "./cluster-index.ts";
export type { ClusterPeers } from "./cluster-peers.ts";
export { createKubernetes, type Kubernetes, type KubernetesDependencies } from "./kubernetes.ts";
export { clusterRules, formatRule, type PolicyRule } from "./rbac.ts";
export type { KubernetesStatus } from "./status.ts";
