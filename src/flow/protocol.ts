/** IANA protocol numbers that are shown by name; any other is shown and read as its number. */
const protocolNames = new Map<number, string>([
  [1, "icmp"],
  [2, "igmp"],
  [4, "ipip"],
  [6, "tcp"],
  [17, "udp"],
  [41, "ipv6"],
  [47, "gre"],
  [50, "esp"],
  [51, "ah"],
  [58, "icmpv6"],
  [88, "eigrp"],
  [89, "ospf"],
  [103, "pim"],
  [112, "vrrp"],
  [132, "sctp"],
]);
const protocolNumbers = new Map([...protocolNames].map(([number, name]) => [name, number]));

export const protocolTcp = 6;
export const protocolUdp = 17;

export function formatProtocol(protocol: number): string {
  return protocolNames.get(protocol) ?? String(protocol);
}

/** The number of a name (any case) or of a decimal text 0 to 255; undefined when it is neither. */
export function parseProtocol(text: string): number | undefined {
  const known = protocolNumbers.get(text.toLowerCase());
  if (known !== undefined) return known;
  return /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined;
}

/** TCP, UDP, UDP-Lite, SCTP and DCCP have ports. */
export function hasPorts(protocol: number): boolean {
  return protocol === 6 || protocol === 17 || protocol === 33 || protocol === 132 || protocol === 136;
}
