import { formatAddress } from "../flow/index.ts";
import type { FilterPeer, FilterSubject } from "./index.ts";

/** mulberry32: the same numbers for the same seed. For tests. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(random: () => number, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)]!;
}

/** A link or flow record out of a small world, so that filters of the same world match some. For tests. */
export function randomSubject(random: () => number): FilterSubject {
  const count = () => Math.floor(random() * 1000);
  const observers = [
    { id: "agent:web-1", kind: "agent", name: "web-1" },
    { id: "exporter:192.0.2.1", kind: "exporter", name: "core router" },
  ] as const;
  return {
    client: randomPeer(random),
    server: randomPeer(random),
    ...(random() < 0.5
      ? {
          ...{ sourceIsClient: random() < 0.5, clientPort: pick(random, [80, 443, 50_000]) },
          vlanId: pick(random, [0, 7, 20]),
        }
      : {}),
    called: random() < 0.3 ? { service: "cart", addresses: ["10.96.0.1"] } : undefined,
    port: pick(random, [80, 443, 5432]),
    protocol: pick(random, [6, 17]),
    observers: observers.filter(() => random() < 0.6),
    interfaces: Array.from({ length: Math.floor(random() * 3) }, () => ({
      ...{ client: pick(random, [0, 3]), server: pick(random, [3, 4]) },
    })),
    bytes: count() * 1000,
    packets: count(),
    connections: count(),
    failed: pick(random, [0, 0, 3]),
    retransmits: count(),
    refused: pick(random, [0, 1]),
    timedOut: pick(random, [0, 2]),
    unreachable: pick(random, [0, 1]),
    reset: count(),
    lost: pick(random, [0, 5]),
    rttMilliseconds: random() < 0.3 ? null : count() / 10,
  };
}

function randomPeer(random: () => number): FilterPeer {
  const name = pick(random, ["nginx", "Postgres", "api gateway", "10.1.2.3", 'odd "name*\\', ""]);
  const addresses = Array.from({ length: Math.floor(random() * 3) }, () => {
    const bytes = new Uint8Array(16);
    if (random() < 0.7) bytes.set([0xff, 0xff, 10, pick(random, [0, 1, 2]), 2, 3], 10);
    else bytes.set([0x20, 0x01, 0x0d, 0xb8, pick(random, [0, 1])], 0);
    return formatAddress(bytes);
  });
  return {
    id: `process:web-1/${name}`,
    kind: pick(random, ["process", "container", "host"]),
    name,
    process: name,
    container: pick(random, ["", "4f1c2d"]),
    node: pick(random, ["web-1", "db-1", ""]),
    network: pick(random, ["10.1.2.0/24", "internet", "loopback"]),
    ...(random() < 0.5
      ? {
          ...{ namespace: "shop", workload: pick(random, ["cart", "db"]), pod: "cart-1" },
          ...{
            service: pick(random, ["", "cart", "db, cart-x"]),
            labels: pick(random, ["", "app=cart,a.b/c=", "x=1,app=x"]),
          },
        }
      : {}),
    ...(random() < 0.5
      ? {
          ...{
            country: pick(random, ["CH", "DE"]),
            countryName: "Switzerland",
            asNumber: 64500,
            asName: "Example",
          },
          ...{ domain: "example.com", site: pick(random, ["Bern", ""]), vlan: pick(random, [7, 20]) },
          unresolved: pick(random, ["", "no_pod_has_it"]),
        }
      : {}),
    addresses,
  };
}
