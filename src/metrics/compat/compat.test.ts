import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMetrics } from "../exposition.ts";
import { LinkSeries } from "../link-series.ts";
import { createRows, hostPeer, type TestRow } from "../testdata/rows.ts";
import { type CompatName, createTrafficMetrics } from "../traffic-metrics.ts";
import { carettaMetrics } from "./caretta.ts";
import { fnv1a32 } from "./fnv.ts";

const now = 1_700_000_000_000;

/** What `/metrics` has of a drop-in, lines as [name, labels, value]. */
function createCompat(name: CompatName) {
  const rows = createRows();
  const traffic = createTrafficMetrics(
    { links: false, limit: 100, staleMilliseconds: 900_000, compat: [name] },
    {
      peers: rows.peers,
      observers: rows.observers,
      forEachOpen: (visit) => visit(rows.rowOf("10.0.0.1"), rows.rowOf("10.0.0.2"), 443, 6, 1),
      findPlace: (address) =>
        address === "192.0.2.7"
          ? { country: "DE", latitude: "52.5", longitude: "13.4", zip: "10115" }
          : undefined,
      now: () => now,
    },
  );
  return {
    ...rows,
    record: (...records: TestRow[]) => traffic.record(rows.batchOf(records)),
    told(prefix: string) {
      const reading = traffic.read(42);
      const text = formatMetrics(reading.metrics);
      reading.done();
      return text
        .split("\n")
        .filter((line) => line.startsWith(prefix))
        .map((line) => {
          const [, metric = "", labels = "", value = ""] = /^([^{ ]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
          const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(
            ([, label, text]) => [label, text] as const,
          );
          return {
            metric,
            labels: Object.fromEntries(pairs) as Record<string, string>,
            value: Number(value),
          };
        });
    },
  };
}

test("FNV-1a is Go's", () => {
  assert.equal(fnv1a32(""), 2166136261);
  assert.equal(fnv1a32("webshop"), 2771239677);
  assert.equal(fnv1a32("apishop"), 2604487163);
});

test("Caretta: ids, roles and labels as it writes them", () => {
  const client = { name: "web", namespace: "shop", kind: "Deployment" };
  const server = { name: "api", namespace: "shop", kind: "Service" };
  const links = [
    { client, server, port: "8080", protocol: "tcp", bytesSent: 4096, bytesReceived: 9, active: 0 },
  ];
  const text = formatMetrics(carettaMetrics(() => links, 3));
  assert.ok(
    text.includes(
      'caretta_links_observed{link_id="2625258196",client_id="2771239677",client_name="web",client_namespace="shop",client_kind="Deployment",client_owner="",server_id="2604487163",server_name="api",server_namespace="shop",server_kind="Service",server_port="8080",role="1"} 4096\n',
    ),
    text,
  );
  assert.match(text, /caretta_links_observed\{link_id="2625258197".*role="2"\} 9\n/);
  assert.match(text, /caretta_tcp_states\{.*role="1"\} 5\n/);
  assert.match(text, /# TYPE caretta_links_observed gauge\n/);
});

test("Caretta: each byte once, whoever saw it; what is outside is external; TCP only; open connections are 3 and 4", () => {
  const { record, told } = createCompat("caretta");
  record(
    { sent: 100, received: 1000 },
    { sent: 100, received: 1000, isDuplicate: true },
    { sent: 5, protocol: 17, serverPort: 53 },
  );
  const links = told("caretta_links_observed");
  assert.deepEqual(
    links.map(({ value }) => value),
    [100, 1000],
  );
  const { client_name, client_namespace, client_kind, server_port } = links[0]!.labels;
  assert.deepEqual(
    { client_name, client_namespace, client_kind, server_port },
    {
      ...{
        client_name: "10.0.0.1",
        client_namespace: "external",
        client_kind: "external",
        server_port: "443",
      },
    },
  );
  assert.deepEqual(
    told("caretta_tcp_states").map(({ labels, value }) => [labels.role, value]),
    [
      ["1", 3],
      ["2", 4],
    ],
  );
  assert.deepEqual(told("caretta_ebpf_connections_map_size"), [
    { metric: "caretta_ebpf_connections_map_size", labels: {}, value: 42 },
  ]);
  assert.deepEqual(told("portolan_link"), [], "ours were switched off");
});

test("k8spacket: a connection is told when it ends, whole, and its duration in seconds", () => {
  const { record, told, know } = createCompat("k8spacket");
  know(
    hostPeer("10.0.0.1", { id: "container:vm/1", kind: "container", name: "shop/web-1/nginx", node: "vm" }),
  );
  know(hostPeer("10.0.0.3", { id: "process:vm/curl", kind: "process", name: "curl", node: "vm" }));
  record({ sent: 100, received: 1000, start: now, end: now + 1000 });
  assert.deepEqual(told("k8s_packet"), []);
  record(
    { sent: 10, received: 1, start: now + 1000, end: now + 12_500, isLast: true },
    { sent: 7, start: now, end: now + 500, isLast: true, clientPort: 40_001 },
    { sent: 3, isLast: true, isDuplicate: true, clientPort: 40_002 },
    { sent: 3, isLast: true, failed: 1, clientPort: 40_003 },
    { sent: 3, isExported: true, clientPort: 40_004 },
    { client: "10.0.0.3", server: "192.0.2.7", sent: 1, isLast: true },
  );
  const sums = told("k8s_packet_bytes_sent_sum");
  assert.deepEqual(sums[0], {
    metric: "k8s_packet_bytes_sent_sum",
    labels: {
      ns: "shop",
      src: "10.0.0.1",
      src_name: "pod.web-1",
      src_port: "dynamic",
      dst: "10.0.0.2",
      dst_name: "N/A",
      dst_port: "443",
      persistent: "true",
    },
    value: 110,
  });
  assert.deepEqual(
    sums.slice(1).map(({ labels, value }) => [labels.ns, labels.src_name, labels.persistent, value]),
    [
      ["shop", "pod.web-1", "false", 7],
      ["N/A", "node.vm", "false", 1],
    ],
  );
  assert.deepEqual(
    told("k8s_packet_bytes_sent_count").map(({ value }) => value),
    [1, 1, 1],
  );
  assert.deepEqual(
    told("k8s_packet_bytes_received_sum").map(({ value }) => value),
    [1001, 0, 0],
  );
  assert.deepEqual(
    told("k8s_packet_duration_seconds_sum").map(({ value }) => value),
    [12.5, 0.5, 0],
  );
});

test("k8spacket: the same addresses and ports again are another connection", () => {
  const { record, told } = createCompat("k8spacket");
  for (let i = 0; i < 2; i++) {
    record({ sent: 100, start: now, end: now + 1000 });
    record({ sent: 1, start: now + 1000, end: now + 2000, isLast: true });
  }
  assert.deepEqual(
    told("k8s_packet_bytes_sent").map(({ value }) => value),
    [202, 2],
  );
  assert.deepEqual(
    told("k8s_packet_duration_seconds_sum").map(({ value }) => value),
    [4],
  );
});

test("Convis: what each local end sent and received, and the sums that its rules make", () => {
  const { record, told, know } = createCompat("convis");
  const pod = { kind: "container", node: "vm", process: "nginx", container: "4f1c" } as const;
  know(hostPeer("10.0.0.1", { ...pod, id: "container:vm/4f1c", name: "shop/web-1/nginx" }));
  know(
    hostPeer("10.0.0.2", {
      id: "process:vm/redis",
      kind: "process",
      node: "vm",
      name: "redis",
      process: "redis",
    }),
  );
  record(
    { sent: 100, received: 1000, serverPort: 6379 },
    { sent: 1, received: 2, server: "192.0.2.7", clientPort: 50_000 },
    { sent: 1, received: 2, server: "192.0.2.7", clientPort: 50_001 },
  );
  const [toRedis, fromWeb, outside] = told("bytes_tx{");
  assert.deepEqual(toRedis, {
    metric: "bytes_tx",
    labels: {
      event: "Close",
      source_ip: "10.0.0.1",
      source_port: "",
      source_host: "vm",
      destination_ip: "10.0.0.2",
      destination_port: "6379",
      process_pid: "",
      process_cmd: "nginx",
      container_id: "4f1c",
      container_name: "nginx",
      k8s_pod: "web-1",
      k8s_namespace: "shop",
    },
    value: 100,
  });
  assert.deepEqual(
    [fromWeb?.labels.source_ip, fromWeb?.labels.destination_port, fromWeb?.value],
    ["10.0.0.2", "", 1000],
  );
  assert.deepEqual([outside?.labels.destination_ip, outside?.value], ["192.0.2.7", 2]);
  assert.deepEqual(
    told("bytes_rx{").map(({ value }) => value),
    [1000, 100, 4],
  );
  assert.deepEqual(
    told("bytes_tx:sum").map(({ labels, value }) => [
      labels.k8s_pod,
      labels.container_name,
      labels.source_ip,
      value,
    ]),
    [
      ["web-1", "nginx", undefined, 102],
      ["", "", undefined, 1000],
    ],
  );
});

test("geoip: what pods sent to addresses that are somewhere", () => {
  const { record, told, know } = createCompat("geoip");
  know(
    hostPeer("10.0.0.1", { id: "container:vm/1", kind: "container", name: "shop/web-1/nginx", node: "vm" }),
  );
  record({ sent: 3, server: "192.0.2.7" }, { sent: 4, server: "192.0.2.7", serverPort: 80 }, { sent: 5 });
  assert.deepEqual(told("geo_ip"), [
    {
      metric: "geo_ip",
      labels: {
        k8s_namespace: "shop",
        k8s_pod: "web-1",
        ip: "192.0.2.7",
        country: "DE",
        latitude: "52.5",
        longitude: "13.4",
        zip: "10115",
      },
      value: 7,
    },
  ]);
});

test("series stay where they are while somebody reads, unless that takes a minute", () => {
  const { peers, observers, batchOf } = createRows();
  let time = now;
  const traffic = createTrafficMetrics(
    { links: true, limit: 100, staleMilliseconds: 1000, compat: [] },
    { peers, observers, forEachOpen: () => {}, now: () => time },
  );
  traffic.record(batchOf([{ sent: 1 }]));
  traffic.tick();
  const reading = traffic.read(0);
  time += 30_000;
  traffic.tick();
  assert.equal(reading.isOver(), false);
  assert.match(formatMetrics(reading.metrics), /sent_bytes_total\{/, "what is idle is still there");
  time += 31_000;
  traffic.tick();
  assert.equal(reading.isOver(), true);
  reading.done();
  reading.done();
  time += 30_000;
  const next = traffic.read(0);
  traffic.tick();
  assert.equal(next.isOver(), false, "a reading that ended twice is one");
  assert.doesNotMatch(formatMetrics(next.metrics), /sent_bytes_total\{/);
});

test("links() of nothing is nothing", () => {
  const { peers } = createRows();
  assert.deepEqual([...new LinkSeries({ limit: 1, staleMilliseconds: 1 }, peers).links()], []);
});
