import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { said, TwoHosts, whyNoNamespaces } from "./namespaces.ts";
import { freePort, startProgram, temporaryFolder, until } from "./program.ts";
import { missing, startPrometheus } from "./prometheus-process.ts";

const traffic = fileURLToPath(new URL("./traffic.ts", import.meta.url));
const port = 7041;
/** A client says in 8 bytes how many follow. */
const sentBytes = 100_000 + 8;
const receivedBytes = 300_000;
const rounds = 8;

const near = (value: number | undefined, expected: number, what: string) =>
  assert.ok(
    value !== undefined && Math.abs(value - expected) <= expected * 0.01,
    `${what}: ${value}, expected ${expected}`,
  );

test("the peers' dashboards: their queries, in a real Prometheus, over real connections, return the right figures", {
  skip: whyNoNamespaces() || missing("prometheus"),
  timeout: 180_000,
}, async (t) => {
  const hosts = new TwoHosts();
  t.after(() => hosts.remove());
  const folder = temporaryFolder(t);
  const file = join(folder, "portolan.yaml");
  writeFileSync(file, "metrics:\n  compat: [caretta, k8spacket, convis]\n");
  const program = await startProgram([
    ...["up", "--listen", `127.0.0.1:${await freePort()}`, "--flows", `udp://127.0.0.1:${await freePort()}`],
    ...["--data", join(folder, "data"), "--config", file],
  ]);
  t.after(() => program.stop("SIGKILL"));
  const status = await program.get<{ agent: { state: string; reason?: string } }>("/api/v1/status");
  if (status.agent.state !== "on") return t.skip(`the agent is off: ${status.agent.reason}`);
  const prometheus = await startPrometheus(t, [new URL(program.url).host]);
  await until("it was scraped", async () =>
    (await prometheus.query("up == 1")).length === 1 ? true : undefined,
  );

  await said(
    hosts.spawn(hosts.server, process.execPath, traffic, "serve", String(port), String(receivedBytes)),
    "listening",
  );
  for (let round = 0; round < rounds; round++) {
    const parameters = [
      "send",
      hosts.serverAddress,
      String(port),
      String(sentBytes - 8),
      String(receivedBytes),
    ];
    const client = hosts.spawn(hosts.client, process.execPath, traffic, ...parameters);
    await said(client, "received all");
    const closed = said(client, "closed");
    client.stdin?.write("close");
    await closed;
    await delay(1000); // one connection per scrape or so, for rates
  }

  const only = async (query: string) => {
    const found = await prometheus.query(query);
    assert.equal(found.length, 1, `${query}: ${JSON.stringify(found)}`);
    return found[0]!;
  };
  await until("the last connection is told", async () => {
    const [count] = await prometheus.query(`sum(k8s_packet_bytes_sent_count{dst_port="${port}"})`);
    return count?.value === rounds ? true : undefined;
  });

  await t.test("Caretta: map, ports, throughput", async () => {
    const of = `caretta_links_observed{server_port="${port}"}`;
    near((await only(`sum(${of})`)).value, rounds * (sentBytes + receivedBytes), "all bytes, once");
    const edges = await prometheus.query(
      `sum by (id, source, target, mainStat) (label_replace(label_replace(label_replace(label_replace(increase(${of}[1m:1s]), "id", "$1", "link_id", "(.*)"), "source", "$1", "client_id", "(.*)"), "target", "$1", "server_id", "(.*)"), "mainStat", "$1", "server_port", "(.*)")) > 0`,
    );
    // A process may go by its starter's name at first: then it is two links.
    assert.ok(edges.length >= 2 && edges.length <= 4, `${edges.length} edges: one per direction`);
    assert.equal(new Set(edges.map(({ labels }) => labels.id)).size, edges.length);
    const nodes = new Set(
      (await prometheus.query(`count by (client_id) (${of})`)).map(({ labels }) => labels.client_id),
    );
    for (const { labels } of edges) assert.ok(nodes.has(labels.source!), "an edge's end is a node");
    assert.ok((await prometheus.query(`topk(8, sum by (client_name) (rate(${of}[20s:1s])))`))[0]!.value > 0);
    assert.equal((await only(`sum by (server_port) (${of}) > 0`)).labels.server_port, String(port));
    for (const { value } of await prometheus.query(`caretta_tcp_states{server_port="${port}"}`))
      assert.equal(value, 5);
  });

  await t.test("k8spacket: bytes and seconds per connection", async () => {
    const mean = (name: string) => {
      const increase = (part: string) =>
        `sum by (src_name) (increase(k8s_packet_${name}_${part}{dst_port="${port}"}[20s]))`;
      return `(${increase("sum")} / ${increase("count")}) > 0`;
    };
    for (const { value } of await prometheus.query(mean("bytes_sent"))) near(value, sentBytes, "sent");
    for (const { value } of await prometheus.query(mean("bytes_received")))
      near(value, receivedBytes, "received");
    const seconds = (await prometheus.query(mean("duration_seconds")))[0]!.value;
    assert.ok(seconds > 0.005 && seconds < 20, `${seconds} s: not milliseconds`);
    const [first] = await prometheus.query(`k8s_packet_bytes_sent_sum{dst_port="${port}"}`);
    const { labels } = first!;
    assert.deepEqual(
      [labels.src, labels.dst, labels.src_port, labels.persistent],
      [hosts.clientAddress, hosts.serverAddress, "dynamic", "false"],
    );
  });

  await t.test("Convis: bytes of both ends, their sums, targets", async () => {
    near(
      (await only(`sum(bytes_tx{destination_port="${port}"})`)).value,
      rounds * sentBytes,
      "the client sent",
    );
    near(
      (await only(`sum(bytes_rx{destination_port="${port}"})`)).value,
      rounds * receivedBytes,
      "the client received",
    );
    const ofServer = (await only(`sum(bytes_tx{source_ip="${hosts.serverAddress}"})`)).value;
    assert.ok(ofServer >= rounds * receivedBytes * 0.99, `the server sent ${ofServer}`);
    const sums = await prometheus.query("sum by (source_host) (bytes_tx:sum)");
    assert.ok(sums.some(({ value }) => value >= rounds * Math.min(sentBytes, receivedBytes)));
    assert.ok((await prometheus.query("sum by (k8s_pod) (rate(bytes_rx:sum[20s]))"))[0]!.value > 0);
    const targets = await prometheus.query(
      'sum by (destination_ip) (count without (container_id, container_image, destination_port, source_ip, source_port, process_cmd) (bytes_rx{event="Close"}))',
    );
    assert.ok(targets.some(({ labels }) => labels.destination_ip === hosts.serverAddress));
  });

  await t.test("ours: bytes, connections, round trips", async () => {
    const of = (name: string) => `sum(portolan_link_${name}{server_port="${port}"})`;
    near((await only(of("sent_bytes_total"))).value, rounds * sentBytes, "sent");
    near((await only(of("received_bytes_total"))).value, rounds * receivedBytes, "received");
    assert.equal((await only(of("connections_total"))).value, rounds);
    assert.equal((await only(of("active_connections"))).value, 0);
    const rtt = `histogram_quantile(0.9, sum by (le) (portolan_link_rtt_seconds_bucket{server_port="${port}"}))`;
    assert.ok((await only(rtt)).value > 0);
    near(
      (await only(`sum(flow_bytes{dst_addr="${hosts.serverAddress}",dst_port="${port}"})`)).value,
      rounds * sentBytes,
      "flows",
    );
  });

  await t.test("k8spacket's node graph", async () => {
    type Graph = { nodes: { id: string }[]; edges: { id: string; mainStat: string }[] };
    const graph = await program.get<Graph>(
      `/nodegraph/api/graph/data?stats-type=connection&namespace=&include=^${hosts.serverAddress}$&exclude=&from=${Date.now() - 300_000}&to=${Date.now()}`,
    );
    // Its nodes are addresses, and another test on this machine may use the same.
    assert.equal(graph.edges[0]?.id, `${hosts.clientAddress}-${hosts.serverAddress}`);
    assert.ok(Number(/^all: (\d+)$/.exec(graph.edges[0].mainStat)?.[1]) >= rounds, graph.edges[0].mainStat);
    assert.equal(graph.nodes.length, 2);
  });
  assert.doesNotMatch(prometheus.output(), /different value but same timestamp|append failed/i);
});
