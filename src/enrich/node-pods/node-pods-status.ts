import type { ClusterAccess } from "../kubernetes/access.ts";
import type { ApiLoad } from "../kubernetes/api-client.ts";
import { formatRule, watchRule } from "../kubernetes/rbac.ts";
import { describeState, type StateInWords } from "../kubernetes/status.ts";
import type { WatchStatus } from "../kubernetes/watch.ts";

/** `empty`: it answers, but has no pod on the node, where this one is at least; `denied`: a rule is missing. */
export type NodePodsState = "off" | "starting" | "on" | "empty" | "denied" | "away";

export interface NodePodsStatus extends Pick<StateInWords, "reason" | "remedy"> {
  readonly state: NodePodsState;
  /** The node whose pods are asked for. */
  readonly node: string;
  /** Pods that are there, and of late were. */
  readonly pods: number;
  readonly departedPods: number;
  /** Whole lists; of these, such as were needed because the API server had forgotten; what it told between them. */
  readonly lists: number;
  readonly relists: number;
  readonly events: number;
  readonly load: Readonly<ApiLoad>;
}

/** What the agent's account needs. */
export const podsRule = watchRule({ group: "", name: "pods" });

/** The watch's state in words; `count` of the node's pods is undefined before the first whole list. */
export function describeNodePods(
  access: ClusterAccess,
  node: string,
  watch: WatchStatus,
  count: number | undefined,
): Pick<NodePodsStatus, "state" | "reason" | "remedy"> {
  const rule = watch.state === "denied" ? formatRule(podsRule) : "";
  const resource = { ...watch, resource: "pods", rule, unread: 0 } as const;
  const { state, ...words } = describeState(access, [resource], count !== undefined);
  if (state === "partly") return { state: "denied", ...words };
  if (state !== "on" || count !== 0) return { state, ...words };
  return {
    state: "empty",
    reason: `${access.server} has no pod on a node named ${node}`,
    remedy: "set NODE_NAME to the node's name in the cluster (spec.nodeName, by the downward API)",
  };
}
