import {
  above0,
  added,
  asNamespace,
  asWorkload,
  bothWays,
  buckets,
  bucketsOf,
  failed,
  graphOf,
  isMeasured,
  type Labels,
  none,
  ofPair,
  ofServer,
  one,
  opened,
  quantile,
  type Rows,
  type Scene,
  sum,
  type Told,
} from "./grafana-rows.ts";
import { openConnections, opening } from "./grafana-traffic.ts";

const port = ({ port, protocol }: Told) => ({ server_port: String(port), protocol });

/** By panel and query of the dashboard `portolan-topology`. */
export function topologyFigures({ window: { seconds }, links, each }: Scene): Readonly<Record<string, Rows>> {
  const failures = links.flatMap((one) => one.failures.map((reason) => ({ one, reason })));
  const opens = [{ ...opening, times: openConnections }].filter((one) =>
    links.some(({ port }) => port === one.port),
  );
  const active = (labels: (one: Told) => Labels) =>
    sum([...links.map((one) => ({ ...one, times: 0 })), ...opens], labels, ({ times }) => times);
  const shown = graphOf(links, seconds, asWorkload);
  const spaces = graphOf(links, seconds, asNamespace);
  const measured = links.filter(isMeasured);
  const servers = [...new Set(measured.map(({ server }) => server))];
  const shareFailed = added(links.map(failed)) / (added(links.map(failed)) + added(links.map(opened)));
  return {
    "topology 1 A": each(sum(links, none, bothWays)),
    "topology 2 A": active(none),
    "topology 3 A": each(sum(links, none, opened)),
    "topology 4 A": one(shareFailed),
    "topology 5 A": each(sum(links, none, ({ retransmits, times }) => retransmits * times)),
    "topology 6 A": one(quantile(0.9, measured)),
    "topology 10 nodes": shown.nodes,
    "topology 10 edges": shown.edges,
    "topology 11 nodes": spaces.nodes,
    "topology 11 edges": spaces.edges,
    "topology 12 A": above0(each(sum(links, ofPair, bothWays))),
    "topology 20 A": each(sum(links, ofServer, bothWays)),
    "topology 21 A": active(ofServer),
    "topology 22 A": above0(each(sum(links, port, bothWays))),
    "topology 23 sent": each(
      sum(
        links,
        (one) => ({ ...ofPair(one), ...port(one) }),
        ({ sent, times }) => sent * times,
      ),
    ),
    "topology 23 received": each(
      sum(
        links,
        (one) => ({ ...ofPair(one), ...port(one) }),
        ({ received, times }) => received * times,
      ),
    ),
    "topology 30 A": each(
      sum(
        failures,
        ({ reason }) => ({ reason }),
        ({ one }) => one.times,
      ),
    ),
    "topology 31 A": sum(
      failures,
      ({ one, reason }) => ({ ...ofPair(one), server_port: String(one.port), reason }),
      ({ one }) => one.times,
    ),
    "topology 32 A": bucketsOf(measured).map((count, i) => [
      { le: buckets[i] === Number.POSITIVE_INFINITY ? "+Inf" : String(buckets[i]) },
      count / seconds,
    ]),
    "topology 33 A": servers.map((server) => [
      sum([{ server } as Told], ofServer, () => 0)[0]![0],
      quantile(
        0.9,
        measured.filter((one) => one.server === server),
      ),
    ]),
    "topology 34 A": each(sum(links, ofPair, ({ retransmits, times }) => retransmits * times)),
    // A server hears of no questions; an agent on this machine does: see grafana-agent.ts.
    ...{ "topology 40 A": [], "topology 41 A": [], "topology 41 B": [], "topology 42 A": [] },
  };
}
