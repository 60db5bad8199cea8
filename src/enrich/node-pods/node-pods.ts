import type { ReportDrop } from "../../flow/index.ts";
import type { Peer, PeerTable } from "../../topology/index.ts";
import type { ClusterAccess } from "../kubernetes/access.ts";
import { AddressHistory } from "../kubernetes/address-history.ts";
import { createApiClient } from "../kubernetes/api-client.ts";
import { type PodObject, readPod } from "../kubernetes/objects.ts";
import { PodTable } from "../kubernetes/pod-table.ts";
import { workloadByItself } from "../kubernetes/pod-workload.ts";
import type { PolicyRule } from "../kubernetes/rbac.ts";
import { createStateLog } from "../kubernetes/state-log.ts";
import { createWatch, type WatchOptions } from "../kubernetes/watch.ts";
import { describeNodePods, type NodePodsStatus, podsRule } from "./node-pods-status.ts";

export interface NodePodsDependencies {
  readonly access: ClusterAccess;
  /** The node, as the cluster calls it (`spec.nodeName`). */
  readonly node: string;
  readonly peers: PeerTable;
  readonly drop: ReportDrop;
  /** Unix ms. */
  now(): number;
  /** Said once per state: what is missing, in words. */
  log(message: string): void;
  /** For tests: shorter pauses. */
  readonly watch?: Omit<WatchOptions, "path" | "metadataOnly" | "fieldSelector" | "fromCache">;
  readonly podsMax?: number;
}

export interface NodePods {
  /** Waits for nothing, and never gives up. */
  start(): void;
  stop(): void;
  /** Once a second: what has changed reaches the peers. */
  tick(): void;
  status(): NodePodsStatus;
}

/** All that an agent asks of a cluster: the rules of its ClusterRole. RBAC knows no rights to one node's pods; the question has the node in it. */
export const nodePodRules: readonly PolicyRule[] = [podsRule];

/** Kubernetes' own limit is 110 pods on a node, clouds go up to some hundreds. */
const podsDefault = 4096;
/** For how long a pod that has gone is known: its last flows come within the minute. */
const keepMilliseconds = 600_000;
const sweepMilliseconds = 60_000;

/**
 * Names of the pods of one node, for peers whose control groups tell their pod: namespace, name and workload, the last as far as the pod itself
 * tells. Identities stay; a server that knows more of the pod puts its own word in their place.
 */
export function createNodePods(dependencies: NodePodsDependencies): NodePods {
  const { access, node, peers, drop, now, log, podsMax = podsDefault } = dependencies;
  // Metadata has no addresses: nothing is ever in the history.
  const pods = new PodTable(new AddressHistory(), podsMax);
  const client = createApiClient(access);
  const say = createStateLog("pods", { now, log });
  let lastSweep = now();
  const watch = createWatch(
    client,
    {
      put: (object) =>
        withPod(object, (pod) => {
          if (pods.count < podsMax || pods.has(pod)) pods.put(pod, now());
          else drop("pod_limit", node);
        }),
      remove: (object) => withPod(object, (pod) => pods.remove(pod, now())),
      listing: () => pods.begin(),
      listed: () => pods.end(now()),
      changed() {},
    },
    {
      ...dependencies.watch,
      path: "/api/v1/pods",
      metadataOnly: true,
      fieldSelector: `spec.nodeName=${node}`,
      fromCache: true,
    },
  );

  function withPod(object: unknown, use: (pod: PodObject) => void): void {
    const pod = readPod(object);
    if (pod !== undefined) use({ ...pod, node }); // the metadata does not say it, the question did
  }

  function identify(peer: Peer): Peer {
    const pod = pods.ofUid(peer.podUid ?? "");
    if (pod === undefined) return peer;
    const { name: workload, kind: workloadKind } = workloadByItself(pod);
    return { ...peer, namespace: pod.namespace, pod: pod.name, workload, workloadKind };
  }

  function status(): NodePodsStatus {
    const watched = watch.status();
    const { lists, relists, events } = watched;
    return {
      ...describeNodePods(access, node, watched, pods.isWhole ? pods.count : undefined),
      ...{ node, pods: pods.count, departedPods: pods.departedCount, lists, relists, events },
      load: { ...client.load },
    };
  }

  return {
    start() {
      peers.identifyBy(identify);
      watch.start();
    },
    stop() {
      watch.stop();
      client.close();
    },
    tick() {
      const { keys } = pods.takeChanges();
      if (keys.size > 0) peers.revise((peer) => (keys.has(peer.podUid ?? "") ? identify(peer) : peer));
      say(status());
      if (now() - lastSweep < sweepMilliseconds) return;
      lastSweep = now();
      pods.sweep(now(), keepMilliseconds);
    },
    status,
  };
}
