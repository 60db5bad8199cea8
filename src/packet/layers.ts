/** GoFlow2's LayerStack numbers, and ours for VXLAN. */
export const layerNumber = {
  ethernet: 0,
  ipv4: 1,
  ipv6: 2,
  tcp: 3,
  udp: 4,
  mpls: 5,
  vlan: 6,
  icmp: 7,
  icmpv6: 8,
  gre: 9,
  ipv6Routing: 10,
  ipv6Fragment: 11,
  geneve: 12,
  vxlan: 14,
  other: 99,
} as const;

/** Headers looked at of one packet; a capture of 128 octets has room for fewer. */
export const layersMax = 24;
