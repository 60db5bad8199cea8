import assert from "node:assert/strict";
import { test } from "node:test";
import { dnsMetrics } from "./dns-metrics.ts";
import { formatMetrics } from "./exposition.ts";

test("questions, failures by code, time-outs and latency of each resolver", () => {
  const resolver = {
    ...{ address: "10.96.0.10", queryCount: 12, answerCount: 10, timedOutCount: 2 },
    ...{ failureCounts: { NXDOMAIN: 3, SERVFAIL: 1 }, latencySumMilliseconds: 250 },
  };
  const text = formatMetrics(dnsMetrics([resolver]));
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual(lines, [
    'portolan_agent_dns_queries_total{resolver="10.96.0.10"} 12',
    'portolan_agent_dns_failures_total{resolver="10.96.0.10",code="NXDOMAIN"} 3',
    'portolan_agent_dns_failures_total{resolver="10.96.0.10",code="SERVFAIL"} 1',
    'portolan_agent_dns_timeouts_total{resolver="10.96.0.10"} 2',
    'portolan_agent_dns_latency_seconds_sum{resolver="10.96.0.10"} 0.25',
    'portolan_agent_dns_latency_seconds_count{resolver="10.96.0.10"} 10',
  ]);
  assert.match(text, /# TYPE portolan_agent_dns_latency_seconds summary/);
});
