/** Link types that are read, by their number in captures (https://www.tcpdump.org/linktypes.html). */
export const linkType = {
  null: 0,
  ethernet: 1,
  ppp: 9,
  pppHdlc: 50,
  pppoe: 51,
  raw: 101,
  /** Linux' cooked capture: `-i any`. */
  linuxSll: 113,
  loop: 108,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
  pflog: 117,
} as const;

/** Some systems' own numbers for raw IP (DLT_RAW) stand in files too. */
const rawNumbers = new Set<number>([12, 14, linkType.raw]);

/** The number under which packets of a link type are read here; another number stays as it is. */
export function usedLinkType(number: number): number {
  return rawNumbers.has(number) ? linkType.raw : number;
}

export function isLinkTypeKnown(number: number): boolean {
  return knownNumbers.has(number);
}

const knownNumbers = new Set<number>(Object.values(linkType));
