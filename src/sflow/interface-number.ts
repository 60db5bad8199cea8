/** An interface as a sample has it: how to read the value is said by two bits in front of it (sFlow v5 §5, `interface`). */
export const interfaceFormat = { ifIndex: 0, discarded: 1, multiple: 2 } as const;

/** The value that means the device itself: the packet came from, or went to, none of its interfaces. */
export const internalInterface = 0x3fffffff;

/** The ifIndex, or 0 when there is none: unknown, discarded, several, or the device itself. */
export function interfaceIndex(format: number, value: number): number {
  return format === interfaceFormat.ifIndex && value !== internalInterface ? value : 0;
}
