import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";

/** What the API answers, where `src/topology` does not say it already. */
export interface Status {
  readonly version: string;
  readonly node: string;
  readonly startedAt: number;
  /** The server's clock, unix milliseconds; of a capture that is shown, the capture's. */
  readonly now: number;
  /** A capture is shown: nothing else is received. */
  readonly capture: boolean;
  /** Whether tokens are asked for, and whose was shown. */
  readonly access: { readonly tokens: boolean; readonly name?: string };
  /** Where the dashboards are, with a slash at its end. */
  readonly grafana: string | null;
  readonly agent: AgentPart & {
    /** Sockets: a connection within the machine has two. */
    readonly connections: number;
    /** How sockets are read: by the kernel's programs, or, seeing less, without them. */
    readonly way?: "eBPF" | "sock_diag";
    /** What is not seen that way, and what would change it. */
    readonly limits?: readonly { readonly reason: string; readonly remedy: string }[];
    /** Where names of containers come from. */
    readonly names: readonly {
      readonly name: string;
      readonly state: "on" | "off";
      readonly reason: string;
      readonly remedy?: string;
    }[];
    readonly datagrams: AgentPart & { readonly flows: number };
    readonly dns: AgentPart & {
      readonly nameCount: number;
      readonly resolvers: readonly (LookupFigures & { readonly address: string })[];
      /** Those with the most failures and time-outs first. */
      readonly names: readonly (LookupFigures & { readonly name: string })[];
    };
    readonly nat: AgentPart & {
      readonly namespaces: number;
      readonly limits?: readonly { readonly reason: string; readonly remedy: string }[];
    };
  };
  readonly kubernetes: KubernetesStatus;
  readonly collector: {
    /** `udp://0.0.0.0:2055` */
    readonly listeners: readonly string[];
    /** This machine's addresses, for an exporter to send to. */
    readonly addresses: readonly string[];
    /** The busiest; the figures are of all. */
    readonly exporters: readonly ExporterStatus[];
    readonly exporterCount: number;
    readonly records: number;
  };
  readonly store: {
    readonly state: "on" | "off";
    readonly folder: string;
    readonly bytes: number;
    readonly flowRecords: number;
    readonly oldestFlow: number | null;
  };
}

/** What the API server of a cluster tells. */
export interface KubernetesStatus {
  /** `partly`: some things are denied. `away`: it cannot be asked; what is known stays. */
  readonly state: "off" | "starting" | "on" | "partly" | "away";
  readonly reason: string;
  readonly remedy?: string;
  readonly resources: readonly {
    readonly resource: string;
    readonly state: "starting" | "listing" | "watching" | "denied" | "absent" | "away";
    readonly reason: string;
    /** What to add to the ClusterRole; empty unless it was denied. */
    readonly rule: string;
  }[];
  readonly counts: Readonly<Record<string, number>>;
  /** Kinds of owners that could not be followed. */
  readonly owners: readonly { readonly resource: string; readonly reason: string; readonly rule: string }[];
  /** Addresses of the cluster that were nobody's, by reason. */
  readonly unresolved: readonly { readonly code: string; readonly reason: string; readonly count: number }[];
}

export interface AgentPart {
  readonly state: "on" | "off";
  readonly reason?: string;
  readonly remedy?: string;
  /** False where the settings leave it out. */
  readonly isWanted?: false;
}

/** Of a resolver, or of a name. */
export interface LookupFigures {
  readonly queryCount: number;
  readonly answerCount: number;
  /** By response code other than NOERROR. */
  readonly failureCounts: Readonly<Record<string, number>>;
  readonly timedOutCount: number;
  readonly latencyMeanMilliseconds: number;
  readonly latencyMaxMilliseconds: number;
}

export interface Agents {
  /** This process's own, then the others, those with something wrong first. */
  readonly agents: readonly (RemoteAgentBrief | OwnAgentBrief)[];
  readonly leftOut: number;
  /** Of all agents on other machines. */
  readonly remote: {
    readonly counts: Readonly<Record<RemoteAgentBrief["health"], number>>;
    /** Sockets of those that are heard. */
    readonly connections: number;
  };
  /** Whose machine was reported already. */
  readonly turnedAway: readonly {
    readonly node: string;
    readonly instance: string;
    readonly address: string;
    readonly reason: string;
    readonly lastSeen: number;
  }[];
}

interface AgentFacts {
  readonly node: string;
  readonly version: string;
  readonly health: "ok" | "warning" | "silent";
  readonly findings: readonly string[];
  readonly startedAt: number;
  readonly lastSeen: number;
  readonly connections: number;
  /** What it reads: tcp, datagrams, dns, nat, and in a cluster pods. */
  readonly parts: readonly { readonly name: string; readonly isOn: boolean; readonly reason: string }[];
}

/** Of this process. */
export interface OwnAgentBrief extends AgentFacts {
  readonly instance: "";
}

export interface RemoteAgentBrief extends AgentFacts {
  readonly instance: string;
  readonly address: string;
  /** Name of the token it showed, or empty. */
  readonly token: string;
  readonly recordRate: number;
  readonly spool: { readonly bytes: number; readonly messages: number };
  readonly drops: Readonly<Record<string, number>>;
}

export interface ExporterStatus {
  readonly address: string;
  readonly protocols: readonly string[];
  readonly packets: number;
  readonly records: number;
  /** Count by drop reason. */
  readonly drops: Readonly<Record<string, number>>;
  readonly lastSeen: number;
}

export const healths = ["ok", "warning", "problem"] as const;
export type Health = (typeof healths)[number];

export interface Exporters {
  /** The worst first. */
  readonly exporters: readonly ExporterBrief[];
  readonly leftOut: number;
  /** Of all exporters, those left out too. */
  readonly counts: Readonly<Record<Health, number>>;
  readonly listeners: readonly {
    readonly url: string;
    readonly receiveBufferBytes: number;
    /** Null where the machine does not say. */
    readonly kernelDrops: number | null;
  }[];
  /** Senders of which nothing could be read. */
  readonly strangers: readonly { readonly address: string; readonly findings: readonly Finding[] }[];
}

export interface Finding {
  readonly code: string;
  readonly severity: "problem" | "warning" | "hint";
  readonly title: string;
  readonly detail: string;
  /** Lines; commands stand in backticks. */
  readonly remedy: string;
}

interface ExporterFacts {
  readonly address: string;
  readonly protocols: readonly string[];
  readonly health: Health;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly packets: number;
  readonly bytes: number;
  readonly records: number;
  readonly packetRate: number;
  readonly recordRate: number;
  /** Of the flows it tells of. */
  readonly octets: number;
  readonly octetRate: number;
  readonly sampling: Sampling;
  readonly clockSkewMs: number | null;
  readonly loss: Loss;
  readonly directions: {
    readonly ingress: number;
    readonly egress: number;
    readonly unknown: number;
    readonly doubled: number;
  };
  readonly waitingBytes: number;
  readonly drops: Readonly<Record<string, number>>;
}

export interface Sampling {
  /** One packet in this many; 0 unknown. */
  readonly interval: number;
  readonly origin: "record" | "sampler" | "options" | "header" | "unknown";
  readonly samplers: readonly { readonly id: number; readonly interval: number }[];
}

export interface Loss {
  readonly unit: "records" | "datagrams";
  readonly received: number;
  readonly lost: number;
  /** Null when nothing could be judged. */
  readonly percent: number | null;
  readonly recentPercent: number | null;
  readonly reordered: number;
  readonly duplicates: number;
  readonly restarts: number;
}

/** One of the list. */
export interface ExporterBrief extends ExporterFacts {
  readonly findings: readonly Pick<Finding, "code" | "severity" | "title">[];
  readonly templates: { readonly known: number; readonly missing: number };
  readonly interfaces: number;
}

export interface ExporterWhole extends ExporterFacts {
  readonly findings: readonly Finding[];
  readonly templates: {
    readonly known: readonly KnownTemplate[];
    readonly missing: readonly MissingTemplate[];
  };
  readonly interfaces: readonly {
    readonly index: number;
    readonly name: string;
    readonly description: string;
  }[];
}

export interface KnownTemplate {
  readonly id: number;
  readonly protocol: string;
  readonly observationDomainId: number;
  readonly port: number;
  readonly isOptions: boolean;
  readonly records: number;
  readonly announced: number;
  /** A length of 65535 is variable. */
  readonly fields: readonly { readonly name: string; readonly length: number }[];
}

export interface MissingTemplate {
  readonly id: number;
  readonly protocol: string;
  readonly observationDomainId: number;
  readonly port: number;
  readonly waitingSets: number;
  readonly waitingBytes: number;
  readonly since: number;
}

export interface Series {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly metric: string;
  /** Unix milliseconds of each step's start. */
  readonly times: readonly number[];
  /** Totals per step; `received` only for metrics with a direction. */
  readonly series: readonly {
    readonly group: readonly string[];
    readonly sent: readonly number[];
    readonly received?: readonly number[];
  }[];
}

export interface Top {
  readonly from: number;
  readonly to: number;
  readonly metric: string;
  readonly rows: readonly {
    readonly group: readonly string[];
    readonly value: number;
    readonly bytesSent: number;
    readonly bytesReceived: number;
    readonly packets: number;
    readonly connections: number;
    readonly failed: number;
    readonly retransmits: number;
    readonly rttMs: number | null;
  }[];
  readonly groupsLeftOut: number;
}

export interface FlowPage {
  readonly records: readonly FlowRecord[];
  readonly nextCursor?: string | null;
}

export interface FlowRecord {
  readonly collectionTimeMilliseconds: number;
  readonly sourceAddress: string;
  readonly sourceTransportPort: number;
  readonly destinationAddress: string;
  readonly destinationTransportPort: number;
  readonly protocolIdentifier: string;
  readonly octetDeltaCount: number;
  readonly reverseOctetDeltaCount: number;
  readonly packetDeltaCount: number;
  readonly reversePacketDeltaCount: number;
  readonly sourcePeerName: string;
  readonly destinationPeerName: string;
  /** What the client called, where address translation led to another; "" where it did not. */
  readonly originalDestinationAddress: string;
  readonly originalDestinationTransportPort: number;
  readonly observerName: string;
  readonly isDuplicate: boolean;
  readonly samplingInterval: number;
}

/** Unix milliseconds, over all that is kept. */
interface Seen {
  readonly firstSeen: number;
  readonly lastSeen: number;
}

/** Null while nothing is stored of it, though it is on the live map. */
interface Stored {
  readonly firstSeen: number | null;
  readonly lastSeen: number | null;
}

/** What is used of `/api/v1/peers/ID`. */
export interface PeerHistory extends Stored {
  readonly peer: TopologyPeer;
  /** The last seen first. */
  readonly addresses: readonly (Seen & { readonly address: string; readonly name: string })[];
  readonly addressesLeftOut: number;
  /** The newest first. */
  readonly names: readonly { readonly name: string; readonly since: number }[];
  /** At which it serves, the heaviest first. */
  readonly ports: readonly ServedPort[];
}

/** What is used of `/api/v1/lookups`. */
export interface Lookups {
  /** Unix milliseconds, whole hours. */
  readonly from: number;
  readonly to: number;
  /** Those with failures and time-outs first, those that a search list made last. */
  readonly names: readonly LookedUpName[];
  readonly namesLeftOut: number;
}

export interface LookedUpName {
  /** `~reverse`: names of addresses; `~other`: names beyond what is kept apart. */
  readonly name: string;
  readonly queries: number;
  /** Failures too. */
  readonly answers: number;
  readonly failures: number;
  /** By NXDOMAIN, SERVFAIL, REFUSED and `other`. */
  readonly failureCounts: Readonly<Record<string, number>>;
  readonly timedOut: number;
  readonly latencyMeanMs: number | null;
  readonly latencyMaxMs: number | null;
  readonly lastSeen: number;
  readonly peers: number;
  /** The name that was meant, where a search list made this one of it. */
  readonly searchOf?: string;
}

export interface ServedPort {
  readonly port: number;
  readonly protocol: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly connections: number;
}

/** What is used of `/api/v1/links/CLIENT>SERVER`. */
export interface LinkHistory extends Stored {
  readonly client: TopologyPeer;
  readonly server: TopologyPeer;
  /** Null when there was nothing in the window. */
  readonly link: TopologyLink | null;
}

/** What is used of `/api/v1/diff`. */
export interface Diff {
  /** Unix milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly links: readonly {
    readonly id: string;
    readonly change: "new" | "gone" | "changed";
    /** Of the first record that is still remembered, in whatever window. */
    readonly firstSeen: number;
  }[];
  /** Of all links, also those that are not listed. */
  readonly counts: { readonly newLinks: number; readonly goneLinks: number; readonly linksInBoth: number };
  readonly isComplete: boolean;
}
