import type { Metric, Sample } from "./exposition.ts";

/** What DNS metrics need to know of a resolver, whoever counts. */
export interface CountedResolver {
  /** Or `~other`, for those beyond the bound. */
  readonly address: string;
  readonly queryCount: number;
  readonly answerCount: number;
  /** Answers by response code other than NOERROR. */
  readonly failureCounts: Readonly<Record<string, number>>;
  readonly timedOutCount: number;
  /** Over all answers. */
  readonly latencySumMilliseconds: number;
}

/** `portolan_agent_dns_*` by resolver. There are as many series as whoever counts keeps resolvers, and response codes have 4 bits. */
export function dnsMetrics(resolvers: readonly CountedResolver[]): Metric[] {
  const counter = (name: string, help: string, read: (resolver: CountedResolver) => number): Metric => ({
    ...{ name: `portolan_agent_dns_${name}_total`, type: "counter", help },
    samples: resolvers.map((resolver) => ({
      labels: { resolver: resolver.address },
      value: read(resolver),
    })),
  });
  return [
    counter("queries", "Questions that workloads of this machine asked a resolver.", (r) => r.queryCount),
    {
      ...{ name: "portolan_agent_dns_failures_total", type: "counter" },
      help: "Answers with a response code other than NOERROR.",
      samples: resolvers.flatMap(({ address: resolver, failureCounts }) =>
        Object.entries(failureCounts).map(([code, value]) => ({ labels: { resolver, code }, value })),
      ),
    },
    counter("timeouts", "Questions without an answer for five seconds.", (r) => r.timedOutCount),
    {
      ...{ name: "portolan_agent_dns_latency_seconds", type: "summary" },
      help: "From a question to its answer.",
      samples: resolvers.flatMap(({ address, latencySumMilliseconds, answerCount }): Sample[] => {
        const labels = { resolver: address };
        return [
          { labels, suffix: "_sum", value: latencySumMilliseconds / 1000 },
          { labels, suffix: "_count", value: answerCount },
        ];
      }),
    },
  ];
}
