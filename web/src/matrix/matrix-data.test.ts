import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopologyPeer } from "../../../src/topology/topology.ts";
import type { ComparedLink } from "../nest/chart-link.ts";
import { buildMatrix, shadeOf, shades } from "./matrix-data.ts";

const pod = (namespace: string, workload: string, i: number) =>
  ({
    id: `${namespace}/${workload}/${i}`,
    kind: "pod",
    name: `${workload}-${i}`,
    namespace,
    workload,
    group: namespace,
    node: "n",
  }) as TopologyPeer;
const link = (client: string, server: string, bytesSent: number, failed = 0) =>
  ({
    id: `${client}>${server}`,
    client,
    server,
    bytesSent,
    bytesReceived: 0,
    packets: 1,
    connections: 1,
    failed,
    retransmits: 0,
  }) as ComparedLink;
const flat = (peers: TopologyPeer[], links: ComparedLink[]) => ({
  peers: new Map(peers.map((peer) => [peer.id, peer])),
  links: new Map(links.map((one) => [one.id, one])),
});
const some = flat(
  [pod("shop", "web", 1), pod("shop", "web", 2), pod("shop", "db", 1), pod("jobs", "worker", 1)],
  [
    link("shop/web/1", "shop/db/1", 10),
    link("shop/web/2", "shop/db/1", 30, 2),
    link("jobs/worker/1", "shop/db/1", 5),
  ],
);
const table = (by: "group" | "member", membersMax = 40) => {
  const { members, cells, leftOut } = buildMatrix(some, by, "bytes", membersMax);
  const named = [...cells].map(([key, { value, linkCount, failed }]) => {
    const [row, column] = key.split(" ").map((number) => members[Number(number)]!.name);
    return [row, column, value, linkCount, failed];
  });
  return { named: named.sort(), leftOut };
};

test("namespaces against namespaces, and workloads against workloads", () => {
  assert.deepEqual(table("group").named, [
    ["jobs", "shop", 5, 1, 0],
    ["shop", "shop", 40, 2, 2],
  ]);
  assert.deepEqual(table("member").named, [
    ["web", "db", 40, 2, 2],
    ["worker", "db", 5, 1, 0],
  ]);
});

test("with too many members the lightest are left out, and counted", () => {
  assert.deepEqual(table("member", 2), { named: [["web", "db", 40, 2, 2]], leftOut: 1 });
});

test("shades go by orders of magnitude: the largest is full, the least is still to be seen, nothing is nothing", () => {
  assert.deepEqual([shadeOf(1e9, 1e9), shadeOf(1, 1e9), shadeOf(0, 1e9), shadeOf(0, 0)], [shades, 1, 0, 0]);
  assert.ok(shadeOf(1e8, 1e9) < shades && shadeOf(1e8, 1e9) > shadeOf(1e6, 1e9));
});
