import { recordsOf, told } from "./grafana-cluster.ts";
import {
  above0,
  added,
  byExporter,
  dropsOf,
  exporterNames,
  external,
  lostBy,
  none,
  one,
  type Rows,
  type Scene,
  silent,
  sum,
  top,
} from "./grafana-rows.ts";
import type { exporters } from "./grafana-traffic.ts";

/** By panel and query of the dashboard `portolan-flows`. */
export function flowsFigures(scene: Scene): Readonly<Record<string, Rows>> {
  const { window, ways, networks, outside, bits, each, perRound } = scene;
  const { seconds, rounds } = window;
  const between = networks.filter(
    ({ from, to }) => from.place === undefined && to.place === undefined && from.network !== to.network,
  );
  const records = added(Object.values(recordsOf));
  const lost = (name: keyof typeof exporters) => {
    const units = name === "tap" ? 1 : recordsOf[name]; // v9 numbers datagrams, v5 records
    return lostBy(name) / (lostBy(name) + units * rounds);
  };
  const lostEver = added(exporterNames.map(lostBy));
  const receivedUnits = (recordsOf.router + 1 + recordsOf.sampled) * rounds;
  return {
    "flows 1 A": bits(sum(ways, none, ({ bytes }) => bytes)),
    "flows 2 A": each(sum(ways, none, ({ packets }) => packets)),
    "flows 3 A": one(perRound(records)),
    "flows 4 A": one(lostEver / (lostEver + receivedUnits)),
    "flows 10 A": above0(
      top(
        10,
        bits(
          sum(
            ways,
            ({ from, to }) => ({ src_addr: from.address, dst_addr: to.address }),
            ({ bytes }) => bytes,
          ),
        ),
      ),
    ),
    "flows 11 A": above0(
      bits(
        sum(
          ways,
          ({ from }) => ({ src_addr: from.address }),
          ({ bytes }) => bytes,
        ),
      ),
    ),
    "flows 12 A": above0(
      bits(
        sum(
          ways,
          ({ to }) => ({ dst_addr: to.address }),
          ({ bytes }) => bytes,
        ),
      ),
    ),
    "flows 20 A": bits(
      sum(
        ways,
        ({ told }) => ({ proto: told.protocol }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 21 A": each(
      sum(
        ways,
        ({ told }) => ({ proto: told.protocol }),
        ({ packets }) => packets,
      ),
    ),
    "flows 22 A": bits(
      sum(
        ways,
        ({ told }) => ({ proto: told.protocol }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 23 A": above0(
      bits(
        sum(
          ways,
          ({ told, port }) => ({ dst_port: port, proto: told.protocol }),
          ({ bytes }) => bytes,
        ),
      ),
    ),
    "flows 24 A": bits(
      sum(
        ways,
        ({ told }) => ({ exporter: told.observer }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 30 A": bits(
      sum(
        between,
        ({ from, to }) => ({
          src_network: from.network,
          src_vlan: from.vlan,
          dst_network: to.network,
          dst_vlan: to.vlan,
        }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 31 A": bits(
      sum(
        between,
        ({ from, to }) => ({ src_network: from.network, dst_network: to.network }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 32 A": bits(
      sum(
        networks.filter(({ to }) => to.place !== undefined),
        ({ from }) => ({ src_network: from.network }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 32 B": bits(
      sum(
        networks.filter(({ from }) => from.place !== undefined),
        ({ to }) => ({ dst_network: to.network }),
        ({ bytes }) => bytes,
      ),
    ),
    "flows 33 A": above0(
      bits(
        sum(
          outside.filter(({ host }) => host !== ""),
          ({ host }) => ({ host }),
          external.both,
        ),
      ),
    ),
    "flows 40 packets": byExporter(
      (name) => (rounds + (name === "router" ? window.garbageDatagrams : 0)) / seconds,
    ),
    "flows 40 records": byExporter((name) => perRound(recordsOf[name])),
    "flows 40 lost": byExporter(lost),
    "flows 40 silent": byExporter(() => silent(window, window.lastSent)),
    "flows 40 templates": byExporter((name) => (name === "tap" ? 1 : 0)),
    "flows 40 missing": byExporter((name) => (name === "tap" ? 1 : 0)),
    // Who does not say is not known to look at every packet.
    "flows 40 sampling": byExporter((name) => (name === "sampled" ? 100 : 0)),
    // Both clocks count whole seconds.
    "flows 40 skew": byExporter((name) => [told.clockAhead[name] - 2, told.clockAhead[name] + 0.1]),
    "flows 41 A": byExporter((name) => perRound(recordsOf[name])),
    "flows 42 A": byExporter((name) => lostBy(name) / seconds),
    "flows 43 A": one(window.kernelDrops / seconds),
    "flows 43 B": dropsOf(window).filter(([{ reason }]) => reason === "version_unknown"),
  };
}
