import assert from "node:assert/strict";
import { test } from "node:test";
import { readNamed, readNode, readPod, readRange, readService, readSlice } from "./objects.ts";

const pod = {
  metadata: {
    ...{ uid: "u1", name: "api-1", namespace: "shop", labels: { app: "api", tier: "back" } },
    ownerReferences: [
      { apiVersion: "v1", kind: "Other", name: "x", uid: "o1" },
      { apiVersion: "apps/v1", kind: "ReplicaSet", name: "api", uid: "o2", controller: true },
    ],
    managedFields: [{ manager: "kubelet" }],
  },
  spec: { nodeName: "node-a", containers: [{ name: "main", env: [{ name: "SECRET", value: "x" }] }] },
  status: {
    ...{ phase: "Running", startTime: "2026-01-01T00:00:00Z", podIP: "10.0.0.7" },
    podIPs: [{ ip: "10.0.0.7" }, { ip: "FD00:0::7" }],
    conditions: [
      { type: "PodReadyToStartContainers", status: "True", lastTransitionTime: "2026-01-01T00:00:03Z" },
    ],
    containerStatuses: [{ containerID: "containerd://abc" }],
    initContainerStatuses: [{ containerID: "cri-o://def" }],
  },
};
const with_ = (change: { metadata?: object; spec?: object; status?: object }) =>
  readPod({
    metadata: { ...pod.metadata, ...change.metadata },
    spec: { ...pod.spec, ...change.spec },
    status: { ...pod.status, ...change.status },
  })!;

/** What the kubelet adds to a pod of a file when it shows it to the API server. */
const mirror = (hash: string) => ({
  annotations: {
    ...{ "kubernetes.io/config.hash": hash, "kubernetes.io/config.mirror": hash },
    ...{ "kubernetes.io/config.source": "file", "kubernetes.io/config.seen": "2026-01-01T00:00:00Z" },
  },
  ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "node-a", uid: "n1", controller: true }],
});

test("of a pod is kept what names ends of connections, and nothing else", () => {
  assert.deepEqual(readPod(pod), {
    ...{
      key: "u1",
      uid: "u1",
      namespace: "shop",
      name: "api-1",
      node: "node-a",
      addresses: ["10.0.0.7", "fd00::7"],
    },
    ...{ isHostNetwork: false, isStatic: false, isAddressedKnown: true, endedMilliseconds: 0 },
    addressedMilliseconds: Date.parse("2026-01-01T00:00:03Z"),
    owner: { apiVersion: "apps/v1", kind: "ReplicaSet", name: "api", uid: "o2" },
    ...{ labels: "app=api,tier=back", containerIds: ["abc", "def"] },
  });
});

test("a pod on its node's network has no address of its own", () => {
  assert.deepEqual(with_({ spec: { hostNetwork: true } }).addresses, []);
});

test("a static pod is known by the hash that its control groups are called after", () => {
  const { key, uid, isStatic } = with_({ metadata: mirror("h1") });
  assert.deepEqual([key, uid, isStatic], ["h1", "u1", true]);
});

test("a hash that anybody may have written is no static pod's", () => {
  const { annotations, ownerReferences } = mirror("h1");
  const hash = "kubernetes.io/config.hash";
  const workload = { ...ownerReferences[0]!, apiVersion: "apps/v1", kind: "ReplicaSet" };
  const foreign = { ...ownerReferences[0]!, apiVersion: "example.org/v1" };
  for (const metadata of [
    { annotations },
    { annotations, ownerReferences: [] },
    { annotations, ownerReferences: [workload] },
    { annotations, ownerReferences: [foreign] },
    {
      annotations,
      ownerReferences: [ownerReferences[0]!, workload].map((one, i) => ({ ...one, controller: i === 1 })),
    },
    { annotations: { [hash]: "h1" }, ownerReferences },
    { annotations: { ...annotations, [hash]: "u2" }, ownerReferences },
  ]) {
    const { key, isStatic } = with_({ metadata });
    assert.deepEqual([key, isStatic], ["u1", false], JSON.stringify(metadata));
  }
});

test("a finished pod ended with its last container, however long its object stays", () => {
  const ended = (finishedAt: string) => ({ state: { terminated: { finishedAt } } });
  const containerStatuses = [ended("2026-01-01T01:00:00Z"), ended("2026-01-01T01:00:05Z")];
  const finished = with_({ status: { phase: "Succeeded", containerStatuses } });
  assert.equal(finished.endedMilliseconds, Date.parse("2026-01-01T01:00:05.999Z"));
  const evicted = with_({
    status: { phase: "Failed", containerStatuses: undefined, initContainerStatuses: undefined },
  });
  assert.ok(evicted.endedMilliseconds > 0);
  assert.equal(
    with_({ status: { containerStatuses } }).endedMilliseconds,
    0,
    "its containers are started again",
  );
});

test("empty, unspecified, loopback and malformed addresses are nobody's", () => {
  const podIPs = [
    { ip: "" },
    { ip: "0.0.0.0" },
    { ip: "::" },
    { ip: "127.0.0.1" },
    { ip: "10.0.0" },
    {},
    null,
    { ip: 5 },
  ];
  assert.deepEqual(with_({ status: { podIP: "", podIPs } }).addresses, []);
});

test("of several owners without a manager the first counts; without any there is none", () => {
  const ownerReferences = [
    { apiVersion: "v1", kind: "A", name: "a", uid: "1" },
    { kind: "B", name: "b" },
  ];
  assert.equal(with_({ metadata: { ownerReferences } }).owner?.kind, "A");
  for (const none of [undefined, [], [{}], "x", [null], [{ kind: "A" }]])
    assert.equal(with_({ metadata: { ownerReferences: none } }).owner, undefined);
});

test("a service: both families, node ports, external addresses; a headless one has no address", () => {
  const spec = {
    ...{
      type: "LoadBalancer",
      clusterIP: "10.96.0.9",
      clusterIPs: ["10.96.0.9", "fd00:96::9"],
      externalIPs: ["192.0.2.7"],
    },
    ports: [
      { port: 80, nodePort: 30080 },
      { port: 53, protocol: "UDP" },
    ],
  };
  const status = { loadBalancer: { ingress: [{ ip: "192.0.2.8" }, { hostname: "lb.example" }] } };
  const metadata = { uid: "s", name: "api", namespace: "shop", creationTimestamp: "2026-01-01T00:00:00Z" };
  const service = readService({ metadata, spec, status })!;
  assert.deepEqual(service.clusterAddresses, ["10.96.0.9", "fd00:96::9"]);
  assert.deepEqual(service.outerAddresses, ["192.0.2.7", "192.0.2.8"]);
  assert.deepEqual(service.ports, [
    { port: 80, protocol: 6, nodePort: 30080 },
    { port: 53, protocol: 17, nodePort: 0 },
  ]);
  assert.deepEqual(
    readService({ metadata, spec: { clusterIP: "None", clusterIPs: ["None"] } })!.clusterAddresses,
    [],
  );
});

test("a node: its addresses, and those that its network gave it; its ranges", () => {
  const node = readNode({
    metadata: {
      name: "node-a",
      annotations: {
        "projectcalico.org/IPv4VXLANTunnelAddr": "10.50.0.1",
        "network.cilium.io/ipv4-cilium-host": "10.50.0.2/32",
      },
    },
    spec: { podCIDR: "10.50.0.0/24", podCIDRs: ["10.50.0.0/24", "fd50::/64", "nonsense"] },
    status: {
      addresses: [
        { type: "InternalIP", address: "192.168.7.1" },
        { type: "Hostname", address: "node-a" },
      ],
    },
  })!;
  assert.deepEqual(node.addresses, ["192.168.7.1", "10.50.0.1", "10.50.0.2"]);
  assert.equal(node.podRanges.length, 2);
});

test("nothing is too odd to be read: what is of another shape is as good as not there", () => {
  const odd: unknown[] = [
    null,
    undefined,
    1,
    "x",
    [],
    {},
    { metadata: null },
    { metadata: [] },
    { metadata: { name: {}, uid: 5 } },
  ];
  for (const read of [readPod, readService, readSlice, readNode, readNamed, readRange])
    for (const object of odd) assert.equal(read(object), undefined);
  const bare = { metadata: { name: "a", uid: "u" }, spec: "x", status: [], endpoints: { a: 1 } };
  for (const read of [readPod, readService, readSlice, readNode, readNamed, readRange]) assert.ok(read(bare));
  const values = [null, 1, "x", [], [1], [null], {}, [{}], [[]]];
  for (const value of values) {
    const some = {
      metadata: { name: "a", uid: "u", labels: value, annotations: value, ownerReferences: value },
      spec: { podCIDRs: value, ports: value, clusterIPs: value, externalIPs: value, cidrs: value },
      status: {
        podIPs: value,
        conditions: value,
        containerStatuses: value,
        addresses: value,
        loadBalancer: value,
      },
      endpoints: value,
    };
    for (const read of [readPod, readService, readSlice, readNode, readNamed, readRange])
      assert.ok(read(some));
  }
});

test("labels and lists are bounded", () => {
  const labels = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`key${i}`, "v".repeat(50)]));
  assert.ok(with_({ metadata: { labels } }).labels.length <= 1024);
  const podIPs = Array.from({ length: 5000 }, (_, i) => ({ ip: `10.1.${i >> 8}.${i & 255}` }));
  assert.equal(with_({ status: { podIPs } }).addresses.length, 32);
});
