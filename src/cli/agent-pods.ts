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

export interface AgentPodsStatus extends NodePodsStatus {
  /** False where it is off because there is no cluster, or the settings leave it out. */
  readonly isWanted?: false;
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
      if (!config.isWanted) off = offBecause(node, "agent.pods is false", "set agent.pods to true", false);
      else if (!environment.KUBERNETES_SERVICE_HOST)
        off = offBecause(node, "this is no pod of a cluster", "run it as one", false);
      else if (access === undefined)
        off = offBecause(
          node,
          "no token of a service account is mounted",
          "set automountServiceAccountToken to true, or agent.pods to false",
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
  status(): AgentPodsStatus;
  stop(): void;
}

/** Nobody is asked. */
function offBecause(node: string, reason: string, remedy: string, isWanted = true): AgentPodsStatus {
  const none = { pods: 0, departedPods: 0, lists: 0, relists: 0, events: 0 };
  const load = { requests: 0, failures: 0, bytesReceived: 0 };
  return { state: "off", reason, remedy, node, ...none, load, ...(isWanted ? {} : { isWanted }) };
}
