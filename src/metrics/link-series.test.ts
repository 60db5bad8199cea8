import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMetrics } from "./exposition.ts";
import { LinkSeries } from "./link-series.ts";
import { createRows, hostPeer } from "./testdata/rows.ts";

const now = 1_700_000_000_000;
const limits = { limit: 100, staleMilliseconds: 900_000 };

function linesOf(series: LinkSeries, part: string): string[] {
  return formatMetrics(series.metrics())
    .split("\n")
    .filter((line) => line.startsWith(part));
}

const labels = (changes: Record<string, string> = {}) =>
  Object.entries({
    client: "10.0.0.1",
    client_kind: "host",
    client_namespace: "",
    protocol: "tcp",
    server: "10.0.0.2",
    server_kind: "host",
    server_namespace: "",
    server_port: "443",
    ...changes,
  })
    .map(([name, value]) => `${name}="${value}"`)
    .join(",");

test("rows are added to their link, both ways, sampling corrected, duplicates not", () => {
  const { peers, batchOf } = createRows();
  const series = new LinkSeries(limits, peers);
  series.fold(
    batchOf([
      { sent: 100, received: 1000, connections: 1 },
      { sent: 50, failed: 2 },
      { sent: 9999, received: 9999, isDuplicate: true },
      { received: 10, isAnswer: true, sampling: 100 },
      { sent: 7, protocol: 17, serverPort: 53 },
    ]),
    now,
  );
  assert.deepEqual(linesOf(series, "portolan_link_sent_bytes_total"), [
    `portolan_link_sent_bytes_total{${labels()}} 150`,
    `portolan_link_sent_bytes_total{${labels({ protocol: "udp", server_port: "53" })}} 7`,
  ]);
  assert.equal(
    linesOf(series, "portolan_link_received_bytes_total")[0],
    `portolan_link_received_bytes_total{${labels()}} 2000`,
  );
  assert.equal(
    linesOf(series, "portolan_link_connections_total")[0],
    `portolan_link_connections_total{${labels()}} 1`,
  );
  assert.equal(
    linesOf(series, "portolan_link_failed")[0],
    `portolan_link_failed_connections_total{${labels()}} 2`,
  );
});

test("round trip times are a histogram, of links that somebody measured", () => {
  const { peers, batchOf } = createRows();
  const series = new LinkSeries(limits, peers);
  series.fold(batchOf([{ rtt: 150 }, { rtt: 1000 }, { rtt: 2_000_000 }, { sent: 1, serverPort: 80 }]), now);
  const lines = linesOf(series, "portolan_link_rtt_seconds");
  const bucket = (le: string) =>
    lines
      .find((line) => line.includes(`le="${le}"`))
      ?.split(" ")
      .at(-1);
  assert.deepEqual(["0.0002", "0.0005", "0.001", "0.5", "+Inf"].map(bucket), ["1", "1", "2", "2", "3"]);
  assert.ok(
    lines.some((line) => line.startsWith("portolan_link_rtt_seconds_sum") && line.endsWith(" 2.00115")),
  );
  assert.equal(lines.filter((line) => line.startsWith("portolan_link_rtt_seconds_count")).length, 1);
});

test("peers that are called the same are one series, and one that is renamed is told by its new name", () => {
  const { peers, batchOf, know } = createRows();
  know(hostPeer("10.0.0.1", { id: "process:a/curl", kind: "process", name: "curl", node: "a" }));
  know(hostPeer("10.0.0.3", { id: "process:b/curl", kind: "process", name: "curl", node: "b" }));
  const series = new LinkSeries(limits, peers);
  series.fold(batchOf([{ sent: 1 }, { client: "10.0.0.3", sent: 2 }]), now);
  const sent = () => linesOf(series, "portolan_link_sent_bytes_total");
  assert.deepEqual(sent(), [
    `portolan_link_sent_bytes_total{${labels({ client: "curl", client_kind: "process" })}} 3`,
  ]);
  peers.rename({ id: "process:b/curl", address: "10.0.0.3" }, "wget");
  series.fold(batchOf([{ client: "10.0.0.3", sent: 5 }]), now);
  assert.equal(
    sent()[1],
    `portolan_link_sent_bytes_total{${labels({ client: "wget", client_kind: "process" })}} 5`,
  );
});

test("rows of peers that were freed and used again are told by who has them now", () => {
  const { peers, batchOf } = createRows();
  const series = new LinkSeries(limits, peers);
  series.fold(batchOf([{ sent: 1 }]), now);
  peers.sweep(() => {});
  series.fold(batchOf([{ client: "10.0.0.9", server: "10.0.0.8", sent: 2 }]), now);
  assert.deepEqual(
    linesOf(series, "portolan_link_sent_bytes_total").map(
      (line) => /client="([^"]*)".* server="([^"]*)"|client="([^"]*)"/.exec(line)?.[3],
    ),
    ["10.0.0.1", "10.0.0.9"],
  );
});

test("a pod's container is told as its pod, in its namespace; names from outside are escaped", () => {
  const { peers, batchOf, know } = createRows();
  know(hostPeer("10.0.0.1", { id: "container:vm/1", kind: "container", name: "shop/web-1/nginx" }));
  know(hostPeer("10.0.0.2", { id: "process:vm/x", kind: "process", name: 'a"b\\c\nd\ud800\0' }));
  const series = new LinkSeries(limits, peers);
  series.fold(batchOf([{ sent: 1 }]), now);
  const ofPod = { client: "web-1", client_kind: "pod", client_namespace: "shop" };
  const server = { server: 'a\\"b\\\\c\\nd\ufffd\ufffd', server_kind: "process" };
  assert.deepEqual(linesOf(series, "portolan_link_sent_bytes_total"), [
    `portolan_link_sent_bytes_total{${labels({ ...ofPod, ...server })}} 1`,
  ]);
});

test("connections open now are counted, and hold an idle link", () => {
  const { peers, batchOf, rowOf } = createRows();
  const series = new LinkSeries(limits, peers);
  series.fold(batchOf([{ sent: 1 }, { sent: 1, serverPort: 80 }]), now);
  const open = (visit: (...of: [number, number, number, number, number]) => void) => {
    for (let i = 0; i < 3; i++) visit(rowOf("10.0.0.1"), rowOf("10.0.0.2"), 443, 6, 1);
  };
  series.countActive(open);
  assert.deepEqual(linesOf(series, "portolan_link_active_connections"), [
    `portolan_link_active_connections{${labels()}} 3`,
    `portolan_link_active_connections{${labels({ server_port: "80" })}} 0`,
  ]);
  series.tick(now + 3_600_000, open);
  assert.equal(linesOf(series, "portolan_link_sent_bytes_total").length, 1);
  assert.deepEqual(linesOf(series, "portolan_link_active_connections"), [
    `portolan_link_active_connections{${labels()}} 3`,
  ]);
});

test("links beyond the limit are one, with every label ~other", () => {
  const { peers, batchOf } = createRows();
  const series = new LinkSeries({ ...limits, limit: 2 }, peers);
  series.fold(batchOf([80, 81, 82, 83].map((serverPort) => ({ serverPort, sent: serverPort, rtt: 1 }))), now);
  const sent = linesOf(series, "portolan_link_sent_bytes_total");
  assert.equal(sent.length, 3);
  assert.equal(sent[0]?.replaceAll(/\w+="~other",?/g, ""), "portolan_link_sent_bytes_total{} 165");
  assert.equal(series.hasOther, true);
});

test("failures are told by reason, of links that have some; what had opened and was reset is no failed connection", () => {
  const { peers, batchOf } = createRows();
  const series = new LinkSeries(limits, peers);
  series.fold(
    batchOf([
      { connections: 3, reset: 1 },
      { failed: 2, refused: 2 },
      { server: "10.0.0.3", connections: 5 },
    ]),
    now,
  );
  assert.deepEqual(linesOf(series, "portolan_link_failures_total"), [
    `portolan_link_failures_total{${labels()},reason="refused"} 2`,
    `portolan_link_failures_total{${labels()},reason="reset"} 1`,
  ]);
  assert.equal(
    linesOf(series, "portolan_link_failed")[0],
    `portolan_link_failed_connections_total{${labels()}} 2`,
  );
});
