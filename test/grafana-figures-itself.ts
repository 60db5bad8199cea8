import { agentRows, recordsOf, told } from "./grafana-cluster.ts";
import { added, dropsOf, external, ofPair, one, type Rows, type Scene, silent, sum } from "./grafana-rows.ts";
import { agentName, exporters } from "./grafana-traffic.ts";

const agents = [{ ...told.agent, name: agentName }, told.idleAgent] as const;

/** By panel and query of the dashboard `portolan-itself`. */
export function itselfFigures(scene: Scene): Readonly<Record<string, Rows | undefined>> {
  const { window, all, networks, outside, perRound } = scene;
  const { seconds } = window;
  const records = added(Object.values(recordsOf));
  const drops = dropsOf(window);
  return {
    "itself 1 A": [[{ version: window.version }, 1]],
    // Of a server without an agent of its own nothing is off.
    ...{ "itself 2 A": [], "itself 3 A": [], "itself 4 A": [] },
    "itself 5 A": one(1),
    "itself 6 A": one(Object.keys(exporters).length),
    "itself 7 A": one(agents.length),
    "itself 8 A": one(added(drops.map(([, value]) => value as number))),
    "itself 10 A": one(0),
    "itself 10 B": one(0),
    "itself 11 A": one(perRound(records)),
    "itself 11 B": one(perRound(agentRows.round)),
    "itself 12 A": drops,
    // Each end, the pod's container beside its pod's address, and the two rows that stand for nobody.
    "itself 13 A": one(new Set(all.flatMap(({ client, server }) => [client, server])).size + 2),
    "itself 13 B": one(
      new Set(
        all.map(({ observer, client, server, port, protocol }) =>
          [observer, client.address, server.address, port, protocol].join(),
        ),
      ).size,
    ),
    "itself 14 A": [
      [
        { of: "links" },
        sum(
          all,
          (one) => ({ ...ofPair(one), port: String(one.port), protocol: one.protocol }),
          () => 1,
        ).length / told.seriesLimit,
      ],
      [
        { of: "flows" },
        sum(
          networks,
          ({ from, to, port, told }) => ({
            from: from.address,
            to: to.address,
            port,
            proto: told.protocol,
            by: told.observer,
          }),
          () => 1,
        ).length / told.seriesLimit,
      ],
      [
        { of: "external" },
        sum(
          outside,
          (one) => ({ ...external.peer(one), ...external.host(one), direction: one.direction }),
          () => 1,
        ).length / told.seriesLimit,
      ],
      [
        { of: "networks" },
        sum(
          networks,
          ({ from, to }) => ({ from: from.network, to: to.network }),
          () => 1,
        ).length / told.seriesLimit,
      ],
    ],
    "itself 15 A": Object.entries({ ...window.answered, busy: 0, unauthorized: 0, conflict: 0 }).map(
      ([outcome, count]) => [{ outcome }, count / seconds],
    ),
    "itself 20 A": one(window.storeBytes),
    "itself 20 B": one(told.storeBytesMax),
    "itself 20 C": one(window.fileBytes),
    "itself 21 A": one(window.freeBytes),
    "itself 22 A": one(window.flowRecords),
    // What is told of a minute is added up when it is over, or the program starts again: see the test.
    "itself 22 B": undefined,
    "itself 30 A": [
      [
        { job: "cluster", instance: window.instance },
        window.processorSeconds.map((one) => one / seconds) as [number, number],
      ],
    ],
    "itself 31 A": [
      [
        { __name__: "portolan_resident_memory_bytes", job: "cluster", instance: window.instance },
        window.residentBytes,
      ],
    ],
    "itself 32 A": [
      [
        { __name__: "scrape_duration_seconds", job: "cluster", instance: window.instance },
        window.scrapeSeconds,
      ],
    ],
    "itself 40 up": agents.map(({ name }) => [{ agent: name }, 1]),
    "itself 40 silent": agents.map(({ name }) => [{ agent: name }, silent(window, window.lastHeard)]),
    "itself 40 sockets": agents.map(({ name, sockets }) => [{ agent: name }, sockets]),
    "itself 40 records": agents.map(({ name }) => [
      { agent: name },
      name === agentName ? perRound(agentRows.round) : 0,
    ]),
    "itself 40 waiting": agents.map(({ name, spoolMessages }) => [{ agent: name }, spoolMessages]),
    // A message is on its way for a moment.
    "itself 40 clock": agents.map(({ name }) => [
      { agent: name },
      [told.clockAhead.agent - 5, told.clockAhead.agent + 0.1],
    ]),
    "itself 41 A": Object.entries(told.drops).map(([reason, count]) => [
      { agent: agentName, reason },
      perRound(count),
    ]),
    "itself 50 A": one(1),
    "itself 51 A": Object.entries({
      pods: 2,
      services: 0,
      endpointSlices: 0,
      nodes: 0,
      namespaces: 0,
      owners: 2,
    }).map(([kind, count]) => [{ kind }, count]),
    "itself 52 up": watched((name) => (name === "nodes" ? 0 : 1)),
    "itself 52 denied": watched((name) => (name === "nodes" ? 1 : 0)),
    "itself 52 events": watched((name) => (name === "pods" ? window.podChanges : 0)),
    "itself 60 A": [[{ receiver: `0 ${window.receiver}` }, window.takenSamples / seconds]],
    "itself 61 A": [[{ receiver: `0 ${window.receiver}` }, window.waitingSamples]],
  };
}

const watched = (value: (name: string) => number): Rows =>
  ["pods", "services", "nodes", "namespaces", "endpointslices", "servicecidrs"].map((resource) => [
    { resource },
    value(resource),
  ]);
