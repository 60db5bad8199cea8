import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch, ObserverTable, parseAddress } from "../../flow/index.ts";
import {
  buildTopology,
  LiveFold,
  liveFoldDefaults,
  liveParts,
  mergeParts,
  type Peer,
  PeerTable,
  peerKey,
} from "../../topology/index.ts";
import { createAddressPeers } from "../address-peers.ts";
import { ClusterIndex } from "./cluster-index.ts";
import { createClusterPeers } from "./cluster-peers.ts";
import { readNode, readPod, readRange, readService, readSlice } from "./objects.ts";

const start = 1_760_000_000_000;

function createWorld() {
  const clock = { now: start };
  const peers = new PeerTable(1000, () => {});
  const index = new ClusterIndex();
  const workloadOf = () => ({ name: "api", kind: "Deployment" });
  const cluster = createClusterPeers({ peers, index, workloadOf, now: () => clock.now });
  peers.identifyBy(cluster.identify);
  const addresses = createAddressPeers({
    peers,
    node: "here",
    localAddresses: () => ["192.168.7.9"],
    cluster,
  });
  const podOf = (
    name: string,
    podIP: string,
    more: { spec?: object; status?: object; metadata?: object } = {},
  ) =>
    readPod({
      metadata: { uid: `uid-${name}`, name, namespace: "shop", labels: { app: "api" }, ...more.metadata },
      spec: { nodeName: "node-a", ...more.spec },
      status: {
        phase: "Running",
        podIP,
        startTime: new Date(clock.now - 2000).toISOString(),
        ...more.status,
      },
    })!;
  return {
    ...{ clock, peers, index, cluster, addresses },
    pod(name: string, podIP: string, more = {}) {
      index.pods.put(podOf(name, podIP, more), clock.now);
    },
    removePod: (name: string, podIP: string) => index.pods.remove(podOf(name, podIP), clock.now),
    refresh() {
      const { keys, addresses: changed } = index.takeChanges();
      cluster.refresh(keys, changed);
    },
    /** The row that the destination of a record gets. */
    row(address: string, { time = clock.now, port = 80, protocol = 6 } = {}): number {
      const batch = new FlowBatch(1);
      batch.append();
      const { columns } = batch;
      columns.sourceAddress.set(parseAddress("198.51.100.1")!, 0);
      columns.destinationAddress.set(parseAddress(address)!, 0);
      columns.destinationTransportPort[0] = port;
      columns.protocolIdentifier[0] = protocol;
      columns.flowStartMilliseconds[0] = time;
      addresses.enrich(batch);
      return columns.destinationPeer[0]!;
    },
    id(address: string, how = {}): string {
      return peers.get(this.row(address, how)).id;
    },
  };
}

function container(podUid: string, more: Partial<Peer> = {}): Peer {
  const id = `container:n/${podUid}c`;
  const seen = { name: "web abc", address: "10.50.0.7", node: "n", network: "10.50.0.0/24", process: "web" };
  return { id, kind: "container", ...seen, container: `${podUid}c`, podUid, ...more };
}

test("a container of a pod is the pod, before and after the API server tells of it", () => {
  const { peers, pod, refresh } = createWorld();
  const row = peers.intern(container("uid-api-1"));
  assert.equal(peers.intern(container("uid-api-1")), row);
  assert.deepEqual(
    [peers.get(row).id, peers.get(row).kind, peers.get(row).name],
    ["pod:uid-api-1", "pod", "web abc"],
  );
  const key = peers.key(row);
  const told: number[] = [];
  peers.onRename((renamed) => told.push(renamed));
  pod("api-1", "10.50.0.7");
  refresh();
  const { id, name, namespace, workload, workloadKind, network, node, process, labels } = peers.get(row);
  assert.deepEqual(
    [id, name, namespace, network, node],
    ["pod:uid-api-1", "api-1", "shop", "pods", "node-a"],
  );
  assert.deepEqual([workload, workloadKind, process, labels], ["api", "Deployment", "web", "app=api"]);
  assert.deepEqual([told, peers.key(row), peerKey(peers.get(row))], [[row], key, key]);
  refresh();
  assert.equal(told.length, 1, "nothing is told twice");
});

test("of a pod that the API server has not told of, what the agent tells counts; what the server is told takes its place", () => {
  const { peers, pod, refresh } = createWorld();
  const said = { namespace: "shop", pod: "api-1", workload: "api-5d4f8", workloadKind: "ReplicaSet" };
  const row = peers.intern(container("uid-api-1"));
  assert.equal(peers.get(row).unresolved, "pods_not_known_yet");
  const key = peers.key(row);
  peers.learnPod({ ...container("uid-api-1"), ...said });
  const told = peers.get(row);
  assert.deepEqual(
    [told.id, told.name, told.workload, told.unresolved],
    ["pod:uid-api-1", "api-1", "api-5d4f8", undefined],
  );
  assert.equal(peers.intern(container("uid-api-1")), row);
  const second = peers.intern(container("uid-api-1", { address: "fd50::7", ...said }));
  assert.deepEqual([peers.get(second).id, peers.get(second).name], ["pod:uid-api-1", "api-1"]);
  pod("api-1", "10.50.0.7");
  refresh();
  for (const each of [row, second]) {
    const { workload, workloadKind, labels, node } = peers.get(each);
    assert.deepEqual([workload, workloadKind, labels, node], ["api", "Deployment", "app=api", "node-a"]);
  }
  peers.learnPod({ ...container("uid-api-1"), ...said });
  assert.deepEqual([peers.get(row).workload, peers.key(row)], ["api", key]);
});

test("a pod that an agent tells of, but of which a whole list does not, has its names and is said to be not known", () => {
  const { peers, pod, refresh, index, clock } = createWorld();
  const said = {
    namespace: "kube-system",
    pod: "coredns-1",
    workload: "coredns",
    workloadKind: "Deployment",
  };
  const early = peers.intern(container("uid-made-up", said));
  const known = peers.intern(container("uid-api-1", said));
  assert.equal(peers.get(early).unresolved, undefined, "nothing is listed yet");
  pod("api-1", "10.50.0.7");
  index.pods.end(clock.now);
  refresh();
  const late = peers.intern(container("uid-made-up-2", said));
  const learned = peers.intern(container("uid-made-up-3"));
  peers.learnPod({ ...container("uid-made-up-3"), ...said });
  for (const row of [early, late, learned]) {
    const { name, namespace, workload, unresolved } = peers.get(row);
    assert.deepEqual(
      [name, namespace, workload, unresolved],
      ["coredns-1", "kube-system", "coredns", "pod_not_told"],
    );
  }
  assert.deepEqual([peers.get(known).name, peers.get(known).unresolved], ["api-1", undefined]);
  refresh();
  assert.equal(peers.get(early).unresolved, "pod_not_told", "for as long as it is so");
  // A pod that is new may be told of by its node's agent first.
  pod("made-up-2", "10.50.0.8");
  refresh();
  assert.deepEqual([peers.get(late).name, peers.get(late).unresolved], ["made-up-2", undefined]);
});

test("a pod that the API server told of stays known when it is long gone", () => {
  const { peers, pod, removePod, refresh, index, clock } = createWorld();
  pod("api-1", "10.50.0.7");
  index.pods.end(clock.now);
  const row = peers.intern(container("uid-api-1"));
  removePod("api-1", "10.50.0.7");
  refresh();
  clock.now += 7_200_000;
  index.sweep(clock.now);
  index.putNode(nodeA, clock.now);
  for (let i = 0; i < 3; i++) refresh();
  assert.deepEqual([peers.get(row).name, peers.get(row).unresolved], ["api-1", undefined]);
});

test("all containers of a pod, at all of its addresses, and the address alone, are one peer", () => {
  const world = createWorld();
  world.pod("api-1", "10.50.0.7", { status: { podIPs: [{ ip: "fd50::7" }] } });
  const rows = [
    world.peers.intern(container("uid-api-1")),
    world.peers.intern(container("uid-api-1", { id: "container:n/other", container: "other" })),
    world.row("10.50.0.7"),
    world.row("fd50::7"),
  ];
  assert.deepEqual(
    rows.map((row) => world.peers.get(row).id),
    Array(4).fill("pod:uid-api-1"),
  );
  assert.equal(new Set(rows).size, 2, "one row for each address");
});

test("a pod on its node's network is itself by its control groups; its address is the node's", () => {
  const world = createWorld();
  world.index.putNode(nodeA, world.clock.now);
  world.pod("proxy", "192.168.7.1", { spec: { hostNetwork: true } });
  const row = world.peers.intern(
    container("uid-proxy", { address: "192.168.7.1", network: "192.168.7.0/24" }),
  );
  assert.deepEqual([world.peers.get(row).name, world.peers.get(row).network], ["proxy", "192.168.7.0/24"]);
  assert.equal(world.id("192.168.7.1"), "host:node-a");
});

test("a static pod is found by the hash in its control groups", () => {
  const world = createWorld();
  const row = world.peers.intern(container("h1"));
  world.pod("kube-proxy-node-a", "192.168.7.1", {
    metadata: {
      annotations: { "kubernetes.io/config.hash": "h1", "kubernetes.io/config.mirror": "h1" },
      ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "node-a", uid: "n", controller: true }],
    },
  });
  world.refresh();
  assert.deepEqual([world.peers.get(row).id, world.peers.get(row).name], ["pod:h1", "kube-proxy-node-a"]);
});

test("a container whose control groups say nothing of a pod is found by its id", () => {
  const world = createWorld();
  const { podUid: _, ...seen } = container("x", { container: "f".repeat(64) });
  const row = world.peers.intern(seen);
  assert.equal(world.peers.get(row).kind, "container");
  const containerStatuses = [{ containerID: `containerd://${"f".repeat(64)}` }];
  world.pod("api-1", "10.50.0.7", { status: { containerStatuses } });
  world.refresh();
  assert.equal(world.peers.get(row).id, "pod:uid-api-1");
  assert.notEqual(world.peers.intern(seen), 0);
  assert.equal(world.peers.get(world.peers.intern(seen)).id, "pod:uid-api-1");
});

test("a container's name does not take the place of its pod's", () => {
  const world = createWorld();
  world.pod("api-1", "10.50.0.7");
  const row = world.peers.intern(container("uid-api-1"));
  const { id, address } = container("uid-api-1");
  world.peers.rename({ id, address }, "nginx");
  world.peers.renameAll(new Map([[id, "nginx"]]));
  assert.equal(world.peers.get(row).name, "api-1");
});

test("an address that was a bare host becomes the pod that had it then, and its key stays", () => {
  const world = createWorld();
  const row = world.row("10.50.0.7");
  assert.equal(world.peers.get(row).id, "host:10.50.0.7");
  const key = world.peers.key(row);
  world.clock.now += 1000;
  world.pod("api-1", "10.50.0.7");
  world.refresh();
  assert.deepEqual([world.peers.get(row).id, world.peers.get(row).name], ["pod:uid-api-1", "api-1"]);
  assert.equal(world.peers.key(row), key);
  assert.equal(peerKey(world.peers.get(row)), key);
  assert.equal(world.id("10.50.0.7"), "pod:uid-api-1");
});

test("an address that was somebody else's before is left as it was: only what comes is the pod's", () => {
  const world = createWorld();
  const row = world.row("10.50.0.7");
  world.clock.now += 600_000;
  world.pod("api-1", "10.50.0.7");
  world.refresh();
  assert.equal(world.peers.get(row).id, "host:10.50.0.7");
  assert.equal(world.id("10.50.0.7"), "pod:uid-api-1");
  assert.equal(world.id("10.50.0.7", { time: start }), "host:10.50.0.7", "a late record of that time");
});

test("an unnamed address is kept under another key each time it is taken for one of the cluster's", () => {
  const world = createWorld();
  const first = world.row("10.50.0.7");
  const firstKey = world.peers.key(first);
  world.pod("api-1", "10.50.0.7");
  world.refresh();
  world.removePod("api-1", "10.50.0.7");
  world.refresh();
  world.clock.now += 7_200_000;
  world.index.sweep(world.clock.now);
  const second = world.row("10.50.0.7");
  assert.equal(world.peers.get(second).id, "host:10.50.0.7");
  assert.notEqual(second, first);
  assert.notEqual(world.peers.key(second), firstKey, "else history would call it by the pod's name");
  assert.equal(world.peers.get(world.row("8.8.8.8")).storedAs, undefined);
});

test("an address given to another pod within seconds is each one's in its time", () => {
  const world = createWorld();
  world.pod("a", "10.50.0.7");
  world.refresh();
  world.clock.now += 60_000;
  assert.equal(world.id("10.50.0.7"), "pod:uid-a");
  const ended = world.clock.now;
  world.removePod("a", "10.50.0.7");
  world.refresh();
  assert.equal(world.id("10.50.0.7"), "pod:uid-a", "for a while after its end");
  world.clock.now += 4000;
  world.pod("b", "10.50.0.7");
  world.refresh();
  assert.equal(world.id("10.50.0.7"), "pod:uid-b");
  assert.equal(world.id("10.50.0.7", { time: ended - 10 }), "pod:uid-a");
  assert.equal(world.id("10.50.0.7", { time: ended - 50_000 }), "pod:uid-a");
  assert.equal(world.id("10.50.0.7"), "pod:uid-b");
});

test("services, by their address, by a node's port, by a shared address and port; headless ones by nothing", () => {
  const world = createWorld();
  const { index, clock } = world;
  index.putNode(nodeA, clock.now);
  const service = (name: string, spec: object) =>
    index.putService(
      readService({ metadata: { uid: `uid-${name}`, name, namespace: "shop" }, spec })!,
      clock.now,
    );
  service("api", {
    clusterIP: "10.96.0.9",
    ports: [
      { port: 80, nodePort: 30080 },
      { port: 53, protocol: "UDP", nodePort: 30053 },
    ],
  });
  service("one", { clusterIP: "10.96.0.10", externalIPs: ["192.0.2.7"], ports: [{ port: 443 }] });
  service("two", { clusterIP: "10.96.0.11", externalIPs: ["192.0.2.7"], ports: [{ port: 8443 }] });
  service("headless", { clusterIP: "None" });
  assert.equal(world.id("10.96.0.9"), "service:shop/api");
  assert.equal(world.id("10.96.0.9", { port: 9999 }), "service:shop/api");
  assert.equal(world.id("192.168.7.1", { port: 30080 }), "service:shop/api");
  assert.equal(world.id("192.168.7.1", { port: 30080, protocol: 17 }), "host:node-a");
  assert.equal(world.id("192.168.7.1", { port: 30053, protocol: 17 }), "service:shop/api");
  assert.equal(world.id("192.168.7.1", { port: 22 }), "host:node-a");
  assert.equal(world.id("192.0.2.7", { port: 443 }), "service:shop/one");
  assert.equal(world.id("192.0.2.7", { port: 8443 }), "service:shop/two");
  assert.equal(world.id("192.0.2.7", { port: 22 }), "host:192.0.2.7");
  const peer = world.peers.get(world.row("10.96.0.9"));
  assert.deepEqual(
    [peer.kind, peer.namespace, peer.service, peer.network],
    ["service", "shop", "api", "services"],
  );
});

test("what is in the cluster's ranges but nobody's is counted with the reason, and is inside", () => {
  const world = createWorld();
  world.index.putNode(nodeA, world.clock.now);
  world.index.putRange(readRange({ metadata: { name: "kubernetes" }, spec: { cidrs: ["10.96.0.0/16"] } })!);
  world.row("10.50.0.99");
  world.row("10.50.0.99");
  world.row("10.96.0.99");
  world.row("203.0.113.9");
  assert.deepEqual(
    [...world.cluster.unresolved()],
    [
      ["pods_not_known_yet", 1],
      ["services_not_known_yet", 1],
    ],
  );
  const isInside = (address: string) => world.index.isInside(parseAddress(address)!);
  assert.deepEqual(["10.50.0.99", "10.96.1.1", "192.168.7.1", "192.168.7.2"].map(isInside), [
    true,
    true,
    true,
    false,
  ]);
});

test("a peer that should be somebody of the cluster says why it is not known who, by what is known at the time", () => {
  const world = createWorld();
  const { index, clock, peers } = world;
  const reason = (row: number) => peers.get(row).unresolved;
  const [ofPods, ofServices, outside] = ["10.50.0.99", "10.96.0.99", "203.0.113.9"].map((address) =>
    world.row(address),
  ) as [number, number, number];
  const own = world.row("192.168.7.9");
  const unseen = peers.intern(container("uid-api-1"));
  assert.deepEqual([ofPods, ofServices, outside, own].map(reason), Array(4).fill(undefined));
  assert.equal(reason(unseen), "pods_not_known_yet");
  // Ranges are learned after the addresses were seen.
  index.putNode(nodeA, clock.now);
  index.putRange(readRange({ metadata: { name: "kubernetes" }, spec: { cidrs: ["10.96.0.0/16"] } })!);
  world.refresh();
  assert.deepEqual([ofPods, ofServices].map(reason), ["pods_not_known_yet", "services_not_known_yet"]);
  assert.equal(reason(world.row("10.50.0.98")), "pods_not_known_yet", "one that is new");
  index.pods.end(clock.now);
  index.endServices(clock.now);
  world.refresh();
  assert.deepEqual([ofPods, ofServices].map(reason), ["no_pod_has_it", "no_service_has_it"]);
  assert.deepEqual([outside, own].map(reason), [undefined, undefined]);
  assert.equal(reason(unseen), "pod_not_told");
  // What turns out to be somebody is that, and nothing is left of the doubt.
  world.pod("late", "10.50.0.99");
  world.pod("api-1", "10.50.0.7");
  world.refresh();
  assert.deepEqual(
    [ofPods, unseen].map((row) => [peers.get(row).id, reason(row)]),
    [
      ["pod:uid-late", undefined],
      ["pod:uid-api-1", undefined],
    ],
  );
  index.removeRange(readRange({ metadata: { name: "kubernetes" }, spec: { cidrs: ["10.96.0.0/16"] } })!);
  world.refresh();
  assert.equal(reason(ofServices), undefined, "it is no longer the cluster's");
});

test("of very many peers all are told their reason, some at a time, however often nodes come and go", () => {
  const peers = new PeerTable(100_000, () => {});
  const index = new ClusterIndex();
  const workloadOf = () => ({ name: "", kind: "" });
  const cluster = createClusterPeers({ peers, index, workloadOf, now: () => start });
  const count = 30_000;
  const rows = Array.from({ length: count }, (_, i) => {
    const address = `10.50.${i >> 8}.${i & 255}`;
    const seen = { name: address, address, node: "", network: "", process: "", container: "" };
    return peers.intern({ ...seen, id: `host:${address}`, kind: "host" });
  });
  const explained = () => rows.filter((row) => peers.get(row).unresolved !== undefined).length;
  const node = (name: string, range: string) =>
    index.putNode(readNode({ metadata: { name }, spec: { podCIDRs: [range] }, status: {} })!, start);
  node("all", "10.50.0.0/16");
  const counts = Array.from({ length: 5 }, (_, i) => {
    node(`node-${i}`, `10.60.${i}.0/24`);
    cluster.refresh(new Set(), new Set());
    return explained();
  });
  assert.ok(counts[0]! > 0 && counts[0]! < count, "not all at once");
  assert.equal(counts.at(-1), count);
});

test("the services of a pod come and go with their slices", () => {
  const world = createWorld();
  world.pod("api-1", "10.50.0.7");
  const row = world.row("10.50.0.7");
  const slice = (name: string, service: string, uids: string[]) =>
    readSlice({
      metadata: { name, namespace: "shop", labels: { "kubernetes.io/service-name": service } },
      endpoints: uids.map((uid) => ({ targetRef: { kind: "Pod", uid } })),
    })!;
  const services = () => {
    world.refresh();
    return world.peers.get(row).service;
  };
  assert.equal(services(), "");
  world.index.putSlice(slice("s1", "web", ["uid-api-1", "uid-x"]));
  world.index.putSlice(slice("s2", "api", ["uid-api-1"]));
  assert.equal(services(), "api, web");
  world.index.putSlice(slice("s1", "web", ["uid-x"]));
  assert.equal(services(), "api");
  world.index.removeSlice(slice("s2", "api", []));
  assert.equal(services(), "");
});

test("this machine's own addresses and loopback are no business of the cluster's", () => {
  const world = createWorld();
  assert.equal(world.id("127.0.0.1"), "host:here");
  assert.equal(world.id("192.168.7.9"), "host:here");
});

test("rows freed and used again do not answer for others", () => {
  const world = createWorld();
  world.pod("api-1", "10.50.0.7");
  world.row("10.50.0.7");
  world.peers.sweep(() => {});
  world.peers.intern(container("uid-else", { address: "10.50.0.8" }));
  assert.equal(world.id("10.50.0.7"), "pod:uid-api-1");
});

const nodeA = readNode({
  metadata: { name: "node-a" },
  spec: { podCIDRs: ["10.50.0.0/24"] },
  status: { addresses: [{ address: "192.168.7.1" }] },
})!;

test("a link knows the client, the Service that it called and the pod that answered", () => {
  const { clock, peers, index, addresses, pod } = createWorld();
  pod("web-1", "10.50.0.7");
  pod("api-1", "10.50.0.8");
  const service = {
    metadata: { uid: "s-api", name: "api", namespace: "shop" },
    spec: { clusterIP: "10.96.0.1" },
  };
  index.putService(readService(service)!, clock.now);
  const batch = new FlowBatch(3);
  batch.append(3);
  const { columns } = batch;
  for (let row = 0; row < 3; row++) {
    columns.sourceAddress.set(parseAddress("10.50.0.7")!, row * 16);
    columns.destinationAddress.set(parseAddress("10.50.0.8")!, row * 16);
    columns.flowStartMilliseconds[row] = clock.now;
    columns.protocolIdentifier[row] = 6;
    columns.clientEnd[row] = 1;
    columns.observer[row] = 1;
  }
  const called = columns.originalDestinationAddress;
  called.set(parseAddress("10.96.0.1")!, 0); // row 0: by the Service; row 1: directly
  called.set(parseAddress("203.0.113.9")!, 32); // row 2: by an address that is no Service's
  addresses.enrich(batch);
  const name = (row: number) => (row === 0 ? "" : peers.get(row).id);
  assert.deepEqual([...columns.calledPeer].map(name), ["service:shop/api", "", "host:203.0.113.9"]);

  const fold = new LiveFold(liveFoldDefaults, () => {});
  fold.tick(clock.now, () => {});
  fold.fold(batch);
  const observers = new ObserverTable();
  for (const id of ["agent:a", "agent:b"]) observers.intern({ id, kind: "agent", name: id });
  const links = mergeParts(liveParts(fold, peers, observers));
  const bare = { from: 0, to: 1, metric: "connections", linksMax: 10 } as const;
  const topology = buildTopology(links, { ...bare, grouping: "pod" });
  assert.deepEqual(
    topology.links.map(({ client, server, services }) => [client, server, services]),
    [["pod:uid-web-1", "pod:uid-api-1", ["shop/api"]]],
  );
  // An open connection counts where it is known who was called.
  const [client, server] = [columns.sourcePeer[1]!, columns.destinationPeer[1]!];
  columns.calledPeer[1] = columns.calledPeer[0]!;
  const one = new LiveFold(liveFoldDefaults, () => {});
  one.tick(clock.now, () => {});
  one.fold(batch);
  one.tick(clock.now + 1000, (visit) => visit(client, server, 0, 6, 1));
  assert.equal(
    [...one.entries()].reduce((sum, { active }) => sum + active, 0),
    1,
  );
});
