import type { PeerKind } from "./peer.ts";
import type { UnresolvedReason } from "./unresolved.ts";

/** What the API answers and the page draws: peers and links of an interval. */
export interface Topology {
  /** Unix milliseconds. The interval the totals are over. */
  readonly from: number;
  readonly to: number;
  readonly peers: readonly TopologyPeer[];
  readonly links: readonly TopologyLink[];
  /** How many lighter peers and links the budget left out. */
  readonly truncated: { readonly peers: number; readonly links: number };
}

/** What is known of a peer by its addresses and its name; only what is known is set. Derived when it is asked for. */
export interface PeerFacts {
  /** Name of the user's own network around it; else its /24 or /64, "loopback", "internet". */
  readonly network?: string;
  readonly site?: string;
  /** IEEE 802.1Q id. */
  readonly vlan?: number;
  /** The domain that somebody registered, of the name it was looked up by. */
  readonly domain?: string;
  /** ISO 3166-1 alpha-2, and its English name. */
  readonly country?: string;
  readonly countryName?: string;
  readonly city?: string;
  /** Degrees: somewhere in the city or country. */
  readonly latitude?: number;
  readonly longitude?: number;
  /** Autonomous system. */
  readonly asNumber?: number;
  readonly asName?: string;
}

/** What follows from a peer's address and its name, and can be asked for: all but the network, which every peer has. */
export type DerivedFacts = Omit<PeerFacts, "network">;

/** A peer with all its addresses; `group` is where the map puts it. */
export interface TopologyPeer extends PeerFacts {
  readonly id: string;
  readonly kind: PeerKind | "network" | "namespace" | "workload" | "country" | "as" | "domain";
  readonly name: string;
  /** Heading of the group it is drawn in: its namespace, the node's name for what runs there, else its network. */
  readonly group: string;
  readonly addresses: readonly string[];
  readonly node: string;
  readonly process: string;
  readonly container: string;
  /** Of Kubernetes' pods, services and workloads. */
  readonly namespace?: string;
  readonly pod?: string;
  readonly workload?: string;
  readonly workloadKind?: string;
  readonly service?: string;
  readonly labels?: string;
  /** Why it is not known who of the cluster this is. */
  readonly unresolved?: UnresolvedReason;
}

export interface TopologyLink {
  /** `CLIENT>SERVER`, of the two peers' ids. */
  readonly id: string;
  readonly client: string;
  readonly server: string;
  readonly ports: readonly LinkPort[];
  /** From client to server, over the interval, as the best observer saw it. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packets: number;
  /** Connections opened in the interval. */
  readonly connections: number;
  /** Connections open at this moment; only a live map knows, elsewhere 0. */
  readonly active: number;
  /** Connections that never opened. */
  readonly failed: number;
  readonly failures: LinkFailures;
  readonly retransmits: number;
  /** Smoothed round trip time, of the slowest port; null when nobody measured. */
  readonly rttMs: number | null;
  /** The least round trip time there was. */
  readonly rttMinMs: number | null;
  /** From a client's SYN to the answer, mean over the connections opened in the interval. */
  readonly connectMs: number | null;
  /** Everybody who saw the link, with what each saw of it; their figures are not added up. */
  readonly observers: readonly LinkObserver[];
  /** Kubernetes Services that the client called and that led to this server: `NAMESPACE/NAME`. Only where there were. */
  readonly services?: readonly string[];
  /** Unix milliseconds of the last record. */
  readonly lastSeen: number;
  /** Bytes per second now, both directions; only on a live map. */
  readonly sentRate?: number;
  readonly receivedRate?: number;
}

export interface LinkFailures {
  /** Why connections never opened. What is left of `failed` had another reason. */
  readonly refused: number;
  readonly timedOut: number;
  readonly unreachable: number;
  /** Of connections that had opened: ended by the other side's reset, and by its silence. */
  readonly reset: number;
  readonly lost: number;
}

export interface LinkPort {
  /** Server port; 0 where the protocol has none. */
  readonly port: number;
  readonly protocol: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly connections: number;
}

export interface LinkObserver {
  readonly id: string;
  readonly kind: "agent" | "exporter";
  readonly name: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packets: number;
}

/** The live stream: first a `map` event with a Topology, then a `change` event each second. */
export interface TopologyChange {
  readonly from: number;
  readonly to: number;
  /** New, or changed, whole. */
  readonly peers: readonly TopologyPeer[];
  readonly links: readonly TopologyLink[];
  readonly gonePeers: readonly string[];
  readonly goneLinks: readonly string[];
  readonly truncated: { readonly peers: number; readonly links: number };
}
