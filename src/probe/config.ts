/** What a flow is told apart by, each level adding to the one before: addresses, protocol, ports, VLANs, MAC addresses. */
export const trackLevels = ["ip", "proto", "port", "full", "vlan", "ether"] as const;
export type TrackLevel = (typeof trackLevels)[number];

/** Seconds, by softflowd's names. 0 of a protocol's is the general one; 0 of `maxlife` is no limit. */
export interface FlowTimeouts {
  readonly tcp: number;
  readonly "tcp.rst": number;
  readonly "tcp.fin": number;
  readonly udp: number;
  readonly icmp: number;
  readonly general: number;
  /** Longest time between two reports of a flow. */
  readonly maxlife: number;
  /** How often flows are looked through for what is due; 0 is at every second. */
  readonly expint: number;
}

/** softflowd's, but for the last two: a report at least once a minute, so that a long download is seen while it lasts. */
export const defaultTimeouts: FlowTimeouts = {
  tcp: 3600,
  "tcp.rst": 120,
  "tcp.fin": 300,
  udp: 300,
  icmp: 300,
  general: 3600,
  maxlife: 60,
  expint: 5,
};

/** As softflowd 1.1.0 has them. */
export const softflowdTimeouts: FlowTimeouts = { ...defaultTimeouts, maxlife: 604_800, expint: 60 };

export interface FlowTableConfig {
  readonly flowsMax: number;
  readonly level: TrackLevel;
  readonly timeouts: FlowTimeouts;
  /** One of so many packets is looked at; 1 is all. */
  readonly sampling: number;
  /** Labels of MPLS that are kept. */
  readonly mplsLabels: number;
  /** A flow with so many octets in one direction is reported at once: formats with 32-bit counters want it. 0 is no limit. */
  readonly octetsMax: number;
  /** Whether IPv6 is counted too: NetFlow 1 and 5 cannot say it. */
  readonly withIPv6: boolean;
  /** Flows as softflowd 1.1.0 tells them apart: ICMP by its type, tagged frames by direction, fragments without ports. */
  readonly isSoftflowd: boolean;
}

/** 44 MB when full. */
export const defaultFlowsMax = 262_144;
export const softflowdFlowsMax = 8192;

export const defaultFlowTableConfig: FlowTableConfig = {
  flowsMax: defaultFlowsMax,
  level: "full",
  timeouts: defaultTimeouts,
  sampling: 1,
  mplsLabels: 0,
  octetsMax: 0,
  withIPv6: true,
  isSoftflowd: false,
};
