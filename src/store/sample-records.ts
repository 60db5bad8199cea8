import { FlowBatch, formatAddress, ObserverTable, parseAddress } from "../flow/index.ts";
import { type AskedName, type DerivedFacts, type Peer, PeerTable } from "../topology/index.ts";

/** A flow record as an object: what the tests' slow answers are computed from. */
export interface SampleRecord {
  readonly time: number;
  readonly source: Peer;
  readonly destination: Peer;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
  readonly octets: number;
  readonly packets: number;
  readonly reverseOctets: number;
  readonly reversePackets: number;
  readonly sampling: number;
  readonly observer: { readonly id: string; readonly kind: "agent" | "exporter"; readonly name: string };
  readonly sourceIsClient: boolean;
  /** Whom the client called, where translation led to the server. */
  readonly called: Peer | undefined;
  readonly vlan: number;
  readonly ingressInterface: number;
  readonly egressInterface: number;
  readonly isDuplicate: boolean;
  readonly connections: number;
  readonly failed: number;
  readonly refused: number;
  readonly timedOut: number;
  readonly unreachable: number;
  readonly reset: number;
  readonly lost: number;
  readonly retransmits: number;
  /** 0 when not measured, as the other times. */
  readonly connectMicroseconds: number;
  readonly rttMinMicroseconds: number;
  readonly rttMicroseconds: number;
}

/** The tables and peers that the records of a test share. */
export class SampleWorld {
  readonly peers = new PeerTable(10_000, () => {});
  readonly observers = new ObserverTable();
  readonly facts = { factsOf: sampleFacts, generation: 1 };
  readonly drops: { reason: string; count: number }[] = [];
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = createRandom(seed);
  }

  readonly drop = (reason: string, _source: string, count = 1) => void this.drops.push({ reason, count });

  random(): number {
    return this.#random();
  }

  below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Records whose times do not go back, from `time` on. */
  records(count: number, time: number, milliseconds: number): SampleRecord[] {
    const times = Array.from({ length: count }, () => time + this.below(milliseconds)).sort((a, b) => a - b);
    return times.map((each) => this.#record(each));
  }

  /** A batch of these records, with rows of this world's tables. */
  batch(records: readonly SampleRecord[]): FlowBatch {
    const batch = new FlowBatch(Math.max(1, records.length));
    for (const record of records) this.#fill(batch, batch.append(), record);
    return batch;
  }

  /** What became of some questions of a peer for a name: they add up. */
  asked(peer: number, name: string): AskedName {
    const counts = {
      ...{ nxdomainCount: this.below(3), servfailCount: this.below(2), refusedCount: this.below(2) },
      ...{ otherFailureCount: this.below(2), timedOutCount: this.below(2) },
    };
    const { timedOutCount, ...failures } = counts;
    const answerCount = Object.values(failures).reduce((sum, count) => sum + count, this.below(4));
    const latencyMaxMicroseconds = answerCount === 0 ? 0 : 1 + this.below(50_000);
    const latencySumMicroseconds = latencyMaxMicroseconds * Math.max(0, answerCount - 1);
    const queryCount = answerCount + timedOutCount;
    return { peer, name, queryCount, answerCount, ...counts, latencySumMicroseconds, latencyMaxMicroseconds };
  }

  #record(time: number): SampleRecord {
    const [client, server] = [this.#peer(), this.#peer()];
    const sourceIsClient = this.random() < 0.7;
    const [clientPort, serverPort] = [50_000 + this.below(3), this.pick([80, 443, 5432])];
    const observer = this.pick(sampleObservers);
    const isAgent = observer.kind === "agent";
    return {
      time,
      source: sourceIsClient ? client : server,
      destination: sourceIsClient ? server : client,
      sourcePort: sourceIsClient ? clientPort : serverPort,
      destinationPort: sourceIsClient ? serverPort : clientPort,
      protocol: this.pick([6, 6, 17]),
      octets: this.below(100_000),
      packets: this.below(100),
      reverseOctets: isAgent ? this.below(1_000_000) : 0,
      reversePackets: isAgent ? this.below(100) : 0,
      sampling: isAgent ? 0 : this.pick([0, 1, 10]),
      observer,
      sourceIsClient,
      called: this.random() < 0.3 ? this.pick(sampleServices) : undefined,
      vlan: isAgent ? 0 : this.pick([0, 7, 30]),
      ingressInterface: isAgent ? 0 : this.below(4),
      egressInterface: isAgent ? 0 : this.below(4),
      isDuplicate: this.random() < 0.3,
      connections: isAgent ? this.below(3) : 0,
      failed: isAgent ? this.below(2) : 0,
      retransmits: isAgent ? this.below(5) : 0,
      rttMicroseconds: isAgent && this.random() < 0.6 ? 1 + this.below(50_000) : 0,
      refused: isAgent ? this.below(2) : 0,
      timedOut: isAgent ? this.below(3) : 0,
      unreachable: isAgent ? this.below(2) : 0,
      reset: isAgent ? this.below(4) : 0,
      lost: isAgent ? this.below(2) : 0,
      connectMicroseconds: isAgent && this.random() < 0.3 ? 1 + this.below(90_000) : 0,
      rttMinMicroseconds: isAgent && this.random() < 0.3 ? 1 + this.below(9_000) : 0,
    };
  }

  #peer(): Peer {
    return this.random() < 0.3 ? this.pick(samplePods) : this.#process();
  }

  #process(): Peer {
    const name = this.pick(["nginx", "Postgres", "it's; DROP TABLE peers; --", 'say "%_\\*"', "backup"]);
    const address = this.pick([
      "10.1.0.1",
      "10.1.0.2",
      "10.2.0.1",
      "93.184.216.34",
      "2001:db8::1",
      "2001:db8:1::1",
    ]);
    return {
      id: `process:web-1/${name}`,
      kind: this.pick(["process"] as const),
      name,
      address,
      node: address.startsWith("10.1") ? "web-1" : "",
      network: address.startsWith("10.") ? `${address.slice(0, 4)}.0.0/24` : "internet",
      process: name,
      container: "",
    };
  }

  #fill({ columns }: FlowBatch, row: number, record: SampleRecord): void {
    columns.sourceAddress.set(parseAddress(record.source.address)!, row * 16);
    columns.destinationAddress.set(parseAddress(record.destination.address)!, row * 16);
    columns.sourceTransportPort[row] = record.sourcePort;
    columns.destinationTransportPort[row] = record.destinationPort;
    columns.protocolIdentifier[row] = record.protocol;
    columns.octetDeltaCount[row] = record.octets;
    columns.packetDeltaCount[row] = record.packets;
    columns.reverseOctetDeltaCount[row] = record.reverseOctets;
    columns.reversePacketDeltaCount[row] = record.reversePackets;
    columns.flowStartMilliseconds[row] = record.time - 1000;
    columns.flowEndMilliseconds[row] = record.time - 10;
    columns.collectionTimeMilliseconds[row] = record.time;
    columns.samplingInterval[row] = record.sampling;
    columns.observer[row] = this.observers.intern(record.observer);
    columns.sourcePeer[row] = this.peers.intern(record.source);
    columns.destinationPeer[row] = this.peers.intern(record.destination);
    if (record.called !== undefined) {
      columns.calledPeer[row] = this.peers.intern(record.called);
      columns.originalDestinationAddress.set(parseAddress(record.called.address)!, row * 16);
      columns.originalDestinationTransportPort[row] = 80;
    }
    columns.vlanId[row] = record.vlan;
    columns.ingressInterface[row] = record.ingressInterface;
    columns.egressInterface[row] = record.egressInterface;
    columns.clientEnd[row] = record.sourceIsClient ? 1 : 2;
    columns.isDuplicate[row] = record.isDuplicate ? 1 : 0;
    columns.connectionCount[row] = record.connections;
    columns.failedConnectionCount[row] = record.failed;
    columns.retransmittedSegmentCount[row] = record.retransmits;
    columns.roundTripTimeMicroseconds[row] = record.rttMicroseconds;
    columns.refusedConnectionCount[row] = record.refused;
    columns.timedOutConnectionCount[row] = record.timedOut;
    columns.unreachableConnectionCount[row] = record.unreachable;
    columns.resetConnectionCount[row] = record.reset;
    columns.lostConnectionCount[row] = record.lost;
    columns.connectTimeMicroseconds[row] = record.connectMicroseconds;
    columns.minimumRoundTripTimeMicroseconds[row] = record.rttMinMicroseconds;
  }
}

function samplePod(name: string, namespace: string, workload: string, more: Partial<Peer> = {}): Peer {
  return {
    ...{ id: `pod:${namespace}-${name}`, kind: "pod", name, network: "pods", process: "", container: "" },
    ...{ node: "web-1", podUid: `${namespace}-${name}`, namespace, pod: name, workload },
    ...{ address: "10.1.0.9", workloadKind: "Deployment", ...more },
  };
}

export const samplePods: readonly Peer[] = [
  samplePod("cart-1", "shop", "cart", { service: "cart, cart-admin", labels: "app=cart,tier=a%_b" }),
  samplePod("cart-2", "shop", "cart", { address: "10.2.0.7", service: "cart", labels: "app=cart,app.x/y=1" }),
  samplePod("cart-1", "it's; --", "Cart", {
    address: "2001:db8::7",
    workloadKind: "StatefulSet",
    unresolved: "pod_not_told",
  }),
];

const sampleServices: readonly Peer[] = ["cart", "cart-admin"].map((name, i) => ({
  ...{ id: `service:shop/${name}`, kind: "service", name, address: `10.96.0.${i + 1}`, node: "" },
  ...{ network: "services", process: "", container: "", namespace: "shop", service: name },
}));

/** What follows from an address and a name, the same for the same peer. */
export function sampleFacts({ kind, name, address }: Peer): DerivedFacts {
  if (address.startsWith("10.1.")) return { site: "Bern", vlan: 7 };
  if (address === "93.184.216.34") {
    const place = {
      country: "US",
      countryName: "United States",
      city: "Norwell",
      latitude: 42.25,
      longitude: -70.75,
    };
    return {
      ...place,
      asNumber: 15133,
      asName: "Edgecast",
      ...(kind === "process" ? { domain: `${name}.com` } : {}),
    };
  }
  return address === "2001:db8::1"
    ? { country: "DE", countryName: "Germany", asNumber: 64500, asName: "It's %" }
    : {};
}

const sampleObservers = [
  { id: "agent:web-1", kind: "agent", name: "web-1" },
  { id: "agent:db-1", kind: "agent", name: "db-1" },
  { id: "exporter:192.0.2.1", kind: "exporter", name: "core router" },
] as const;

/** An address that is different for each number, in its usual text. */
export function sampleAddress(number: number): string {
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 0xff, 10, (number >> 16) & 255, (number >> 8) & 255, number & 255], 10);
  return formatAddress(bytes);
}

/** mulberry32: the same numbers for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
