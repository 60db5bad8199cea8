/**
 * A flow of the table is a row of 128 octets, both directions in it. Rows stand side by side in one piece of memory, unlike
 * the columns of a batch: a packet touches one flow, and finds all that it changes in two lines of the processor's cache.
 *
 * Places of 32-bit words in a row. What is per direction has two places in a row: direction 0 is that of the flow's first
 * packet, whose sender is end A.
 */
export const rowWords = 32;
export const rowDoubles = rowWords / 2;
export const wordOf = {
  endA: 0,
  endB: 4,
  /** Port of A << 16 | port of B; of ICMP, see `icmpKey`. */
  ports: 8,
  /** Protocol | 256 for IPv6 | interface << 16. */
  protocol: 9,
  /** Outermost VLAN | the one inside it << 16. */
  vlans: 10,
  /** Control bits seen, direction 0 | direction 1 << 8; class of service of the first packet << 16 and << 24. */
  flagsAndClasses: 11,
  /** See `stateBit`. */
  state: 12,
  packets: 13,
  icmpTypeCodes: 15,
  macsHigh: 28,
  macOfALow: 29,
  macOfBLow: 30,
} as const;

/** Places of doubles in a row. Times are unix milliseconds; the start of a direction that had no packet is 0. */
export const doubleOf = { octets: 8, start: 10, end: 12 } as const;

export const stateBit = {
  /** End B sent first. */
  initiatorIsB: 1,
  /** The handshake showed who the initiator is, or the first packet did of a protocol without one. */
  initiatorIsCertain: 2,
  finOfA: 4,
  finOfB: 8,
  reset: 16,
  /** Packets of the direction left the interface, or came in; neither when the capture does not tell. */
  outbound0: 32,
  outbound1: 64,
  inbound0: 128,
  inbound1: 256,
  /** Reported because of its age, and nothing came since. */
  isDrained: 512,
  /** Has been reported before. */
  isContinued: 1024,
} as const;
