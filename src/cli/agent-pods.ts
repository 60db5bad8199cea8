import { findInCluster } from "../enrich/index.ts";
import type { NodePods, NodePodsStatus } from "../enrich/node-pods/index.ts";
import type { ReportDrop } from "../flow/index.ts";
import type { PeerTable } from "../topology/index.ts";

export interface AgentPodsConfig {
  /** `agent.pods`. */
  readonly isWanted: boolean;
  /** The node's name in the cluster, where the environment does not say it (NODE_NAME). */
  readonly node: string;
}

export interface AgentPodsDependencies {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where a pod finds its service account, when not in the usual place. */
  readonly accountFolder?: string;
  readonly peers: PeerTable;
  readonly drop: ReportDrop;
  /** Unix ms. */
  now(): number;
  log(message: string): void;
}

/** The names of the node's pods, where this is a pod of a cluster. What asks the API server is loaded there only. */
export function createAgentPods(config: AgentPodsConfig, dependencies: AgentPodsDependencies): AgentPods {
  const { environment, accountFolder, ...rest } = dependencies;
  const node = environment.NODE_NAME || config.node;
  let nodePods: NodePods | undefined;
  let off = offBecause(node, "the agent was not started", "start it");

  return {
    async start() {
      const access = findInCluster(environment, accountFolder);
      if (!config.isWanted) off = offBecause(node, "agent.pods is false", "set agent.pods to true");
      else if (access === undefined)
        off = offBecause(
          node,
          "this is no pod of a cluster with a service account",
          "run it as a pod, with its account's token mounted (automountServiceAccountToken)",
        );
      else {
        const { createNodePods } = await import("../enrich/node-pods/index.ts");
        nodePods = createNodePods({ ...rest, access, node });
        nodePods.start();
      }
    },
    tick: () => nodePods?.tick(),
    status: () => nodePods?.status() ?? off,
    stop: () => nodePods?.stop(),
  };
}

export interface AgentPods {
  start(): Promise<void>;
  /** Once a second. */
  tick(): void;
  /** `off` is as it was asked for, or as can be had: nothing is wrong then. */
  status(): NodePodsStatus;
  stop(): void;
}

/** Nobody is asked. */
function offBecause(node: string, reason: string, remedy: string): NodePodsStatus {
  const none = { pods: 0, departedPods: 0, lists: 0, relists: 0, events: 0 };
  const load = { requests: 0, failures: 0, bytesReceived: 0 };
  return { state: "off", reason, remedy, node, ...none, load };
}
