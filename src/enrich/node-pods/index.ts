/**
 * The names of one node's pods, from the API server: for an agent, at the memory that it has. Asks for the metadata of that node's pods and
 * nothing else; the rest of a cluster is `kubernetes/`'s.
 */
export { createNodePods, type NodePods, type NodePodsDependencies, nodePodRules } from "./node-pods.ts";
export type { NodePodsStatus } from "./node-pods-status.ts";
