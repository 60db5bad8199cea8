/** Values of the `flowEndReason` column (RFC 5102 §5.11.3). */
export const flowEndReason = {
  idleTimeout: 1,
  /** The flow goes on, as far as its observer knows. */
  activeTimeout: 2,
  /** Its end was seen. */
  endOfFlow: 3,
  forcedEnd: 4,
  lackOfResources: 5,
} as const;
