/** What a sampled packet begins with: sFlow's numbers (sFlow v5 §5, `header_protocol`). Others are not read. */
export const headerProtocol = {
  ethernet: 1,
  ppp: 7,
  ipv4: 11,
  ipv6: 12,
  mpls: 13,
  /** PPP in HDLC-like framing on SONET (RFC 1662, RFC 2615). */
  pos: 14,
} as const;

/** EtherTypes whose headers are read; PPP and Ethernet have one too, behind GRE (IEEE, RFC 1701). */
export const etherType = {
  ipv4: 0x0800,
  ethernet: 0x6558,
  vlan: 0x8100,
  ipv6: 0x86dd,
  mpls: 0x8847,
  mplsMulticast: 0x8848,
  pppoeSession: 0x8864,
  ppp: 0x880b,
  serviceVlan: 0x88a8,
  /** Stacked tags before IEEE 802.1ad; still a default of many switches. */
  oldServiceVlan: 0x9100,
} as const;

/** The EtherType of a packet's first header, or 0 for one that is not read. */
export function firstEtherType(protocol: number): number {
  switch (protocol) {
    case headerProtocol.ethernet:
      return etherType.ethernet;
    case headerProtocol.ppp:
    case headerProtocol.pos:
      return etherType.ppp;
    case headerProtocol.ipv4:
      return etherType.ipv4;
    case headerProtocol.ipv6:
      return etherType.ipv6;
    case headerProtocol.mpls:
      return etherType.mpls;
    default:
      return nothing;
  }
}

/**
 * What a reader says comes next is one number: an EtherType, or an IP protocol behind `ipProtocols`, or a tunnel that is
 * told by its UDP port.
 */
export const nothing = 0;
export const ipProtocols = 0x10000;
export const vxlan = 0x20000;
export const geneve = 0x20001;
