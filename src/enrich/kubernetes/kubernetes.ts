import { type Peer, type PeerTable, unresolvedReasons } from "../../topology/index.ts";
import { type AccessSettings, type AccessSurroundings, findAccess } from "./access.ts";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { ClusterIndex } from "./cluster-index.ts";
import { type ClusterPeers, createClusterPeers } from "./cluster-peers.ts";
import { type ClusterWatches, createClusterWatches } from "./cluster-watches.ts";
import type { PodObject } from "./objects.ts";
import { createOwners, type Owners, type Workload } from "./owners.ts";
import { workloadByItself } from "./pod-workload.ts";
import { createStateLog } from "./state-log.ts";
import { describeState, type KubernetesStatus } from "./status.ts";
import { toldPod } from "./told-pod.ts";
import type { WatchOptions } from "./watch.ts";

export interface KubernetesDependencies {
  readonly peers: PeerTable;
  /** Unix ms. */
  now(): number;
  /** Said once per state: what is missing, in words. */
  log(message: string): void;
  readonly surroundings: AccessSurroundings;
  /** For tests: shorter pauses. */
  readonly watch?: Omit<WatchOptions, "path" | "metadataOnly">;
  /** Between two rounds of asking for owners, or of looking for a way in. */
  readonly roundMilliseconds?: number;
}

export interface Kubernetes {
  /** Asks for nothing before; waits for nothing. */
  start(): void;
  stop(): void;
  /** Once a second: what has changed reaches the peers. */
  tick(): void;
  status(): KubernetesStatus;
  /** Undefined when it is off. */
  readonly clusterPeers: ClusterPeers | undefined;
  readonly index: ClusterIndex;
  /** The top of what owns a pod, as far as it is known by now. */
  workloadOf(pod: PodObject): Workload;
}

const sweepMilliseconds = 60_000;

/** Names of a cluster: follows its objects and turns containers and addresses into pods, services and nodes. Never blocks, never gives up. */
export function createKubernetes(settings: AccessSettings, dependencies: KubernetesDependencies): Kubernetes {
  const { peers, now, log, surroundings, roundMilliseconds = 1000 } = dependencies;
  const index = new ClusterIndex();
  let access = findAccess(settings, surroundings);
  const isOff = "reason" in access && access.isOff;
  const clusterPeers = isOff ? undefined : createClusterPeers({ peers, index, workloadOf, now });
  let client: ApiClient | undefined;
  let watches: ClusterWatches | undefined;
  let owners: Owners | undefined;
  let ownersVersion = 0;
  let tops = new Map<string, string>();
  let stopping: AbortController | undefined;
  let lastSweep = 0;
  const say = createStateLog("kubernetes", { now, log });
  peers.identifyBy((peer: Peer) => clusterPeers?.identify(peer) ?? toldPod(peer) ?? peer);

  function connect(): void {
    if ("reason" in access) access = findAccess(settings, surroundings);
    if ("reason" in access) return;
    client = createApiClient(access);
    owners = createOwners(client, now, { roundMilliseconds });
    watches = createClusterWatches(client, index, now, dependencies.watch);
    watches.start();
  }

  /** What is missing is asked for, one round after the other. */
  async function work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (client === undefined) connect();
      // Once all pods are known, since many owners are asked for with one list.
      if (index.pods.isWhole)
        await owners?.ask(signal).catch((error: Error) => log(`kubernetes: owners: ${error.message}`));
      await new Promise<void>((resolve) => setTimeout(resolve, roundMilliseconds).unref());
    }
  }

  function workloadOf(pod: PodObject): Workload {
    const { owner, namespace } = pod;
    if (pod.isStatic || owner === undefined) return workloadByItself(pod);
    return owners?.topOf(owner, namespace) ?? { name: owner.name, kind: owner.kind };
  }

  /** Pods whose top is another since an owner was learned. */
  function touchReowned(): void {
    if (owners === undefined || owners.version === ownersVersion) return;
    ownersVersion = owners.version;
    const before = tops;
    tops = new Map();
    for (const pod of index.pods.values()) {
      if (pod.owner === undefined || pod.isStatic) continue;
      const { uid } = pod.owner;
      if (!tops.has(uid)) {
        const { kind, name } = workloadOf(pod);
        tops.set(uid, `${kind}/${name}`);
      }
      if (tops.get(uid) !== before.get(uid)) index.pods.touch(pod.key);
    }
  }

  function tick(): void {
    if (clusterPeers === undefined) return;
    touchReowned();
    const { keys, addresses } = index.takeChanges();
    for (const key of keys) {
      const pod = index.pods.get(key);
      if (pod !== undefined) workloadOf(pod); // its owners are asked for, whether it talks or not
    }
    clusterPeers.refresh(keys, addresses);
    say(status());
    if (now() - lastSweep < sweepMilliseconds) return;
    lastSweep = now();
    index.sweep(now());
    for (const pod of index.pods.values()) workloadOf(pod); // their owners are still of use
    owners?.sweep();
  }

  function status(): KubernetesStatus {
    const unresolved = [...(clusterPeers?.unresolved() ?? [])];
    return {
      ...describeState(access, watches?.statuses() ?? [], index.pods.isWhole),
      resources: watches?.statuses() ?? [],
      counts: {
        pods: index.pods.count,
        departedPods: index.pods.departedCount,
        services: index.services.count,
        endpointSlices: index.slices.count,
        nodes: index.nodes.count,
        namespaces: index.namespaces.count,
        addresses: index.addressCount,
        addressesRefused: index.refusedAddresses,
        owners: owners?.count ?? 0,
        ownersWaiting: owners?.waiting ?? 0,
      },
      load: { requests: 0, failures: 0, bytesReceived: 0, ...client?.load },
      owners: owners?.problems() ?? [],
      unresolved: unresolved.map(([code, count]) => ({ code, reason: unresolvedReasons[code], count })),
    };
  }

  return {
    start() {
      if (isOff || stopping !== undefined) return;
      stopping = new AbortController();
      connect();
      void work(stopping.signal);
    },
    stop() {
      stopping?.abort();
      stopping = undefined;
      watches?.stop();
      client?.close();
    },
    tick,
    status,
    clusterPeers,
    index,
    workloadOf,
  };
}
