import type { ApiClient } from "./api-client.ts";
import type { ClusterIndex } from "./cluster-index.ts";
import { readNamed, readNode, readPod, readRange, readService, readSlice } from "./objects.ts";
import { formatRule, type WatchedResource, watchedResources, watchRule } from "./rbac.ts";
import { createWatch, type WatchOptions, type WatchStatus } from "./watch.ts";

export interface ResourceStatus extends WatchStatus {
  readonly resource: WatchedResource;
  /** The rule to add to the ClusterRole; "" unless it was denied. */
  readonly rule: string;
  /** Objects that were not of the expected shape. */
  readonly unread: number;
}

export interface ClusterWatches {
  start(): void;
  stop(): void;
  statuses(): ResourceStatus[];
}

interface Sink<T> {
  read(object: unknown): T | undefined;
  put(object: T, now: number): void;
  remove(object: T, now: number): void;
  begin(): void;
  end(now: number): void;
}

/** One watch per kind of object, each on its own: what one is denied, the others go on without. */
export function createClusterWatches(
  client: ApiClient,
  index: ClusterIndex,
  now: () => number,
  options: Omit<WatchOptions, "path" | "metadataOnly"> = {},
): ClusterWatches {
  const unread = new Map<WatchedResource, number>();
  const sinks = sinksOf(index);
  const watches = watchedResources.map((resource) => {
    const { name, group, version } = resource;
    const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
    const sink: Sink<unknown> = sinks[name] as Sink<unknown>;
    const read = (object: unknown, use: (object: unknown) => void) => {
      const found = sink.read(object);
      if (found === undefined) unread.set(name, (unread.get(name) ?? 0) + 1);
      else use(found);
    };
    const listener = {
      put: (object: unknown) => read(object, (found) => sink.put(found, now())),
      remove: (object: unknown) => read(object, (found) => sink.remove(found, now())),
      listing: () => sink.begin(),
      listed: () => sink.end(now()),
      changed() {},
    };
    const metadataOnly = name === "namespaces";
    return {
      resource,
      watch: createWatch(client, listener, { ...options, path: `${root}/${name}`, metadataOnly }),
    };
  });
  return {
    start() {
      for (const { watch } of watches) watch.start();
    },
    stop() {
      for (const { watch } of watches) watch.stop();
    },
    statuses: () =>
      watches.map(({ resource, watch }) => {
        const status = watch.status();
        const rule = status.state === "denied" ? formatRule(watchRule(resource)) : "";
        return { resource: resource.name, ...status, rule, unread: unread.get(resource.name) ?? 0 };
      }),
  };
}

function sinksOf(index: ClusterIndex) {
  const { pods, slices, services, nodes, namespaces, ranges } = index;
  return {
    pods: {
      read: readPod,
      put: (pod, now) => pods.put(pod, now),
      remove: (pod, now) => pods.remove(pod, now),
      begin: () => pods.begin(),
      end: (now) => pods.end(now),
    } satisfies Sink<NonNullable<ReturnType<typeof readPod>>>,
    services: {
      read: readService,
      put: (service, now) => index.putService(service, now),
      remove: (service, now) => index.removeService(service, now),
      begin: () => services.begin(),
      end: (now) => index.endServices(now),
    } satisfies Sink<NonNullable<ReturnType<typeof readService>>>,
    nodes: {
      read: readNode,
      put: (node, now) => index.putNode(node, now),
      remove: (node, now) => index.removeNode(node, now),
      begin: () => nodes.begin(),
      end: (now) => index.endNodes(now),
    } satisfies Sink<NonNullable<ReturnType<typeof readNode>>>,
    endpointslices: {
      read: readSlice,
      put: (slice) => index.putSlice(slice),
      remove: (slice) => index.removeSlice(slice),
      begin: () => slices.begin(),
      end: () => index.endSlices(),
    } satisfies Sink<NonNullable<ReturnType<typeof readSlice>>>,
    namespaces: {
      read: readNamed,
      put: (namespace) => void namespaces.put(namespace.name, namespace),
      remove: ({ name }) => void namespaces.remove(name),
      begin: () => namespaces.begin(),
      end: () => void namespaces.end(),
    } satisfies Sink<NonNullable<ReturnType<typeof readNamed>>>,
    servicecidrs: {
      read: readRange,
      put: (range) => index.putRange(range),
      remove: (range) => index.removeRange(range),
      begin: () => ranges.begin(),
      end: () => index.endRanges(),
    } satisfies Sink<NonNullable<ReturnType<typeof readRange>>>,
  };
}
