export interface StoreConfig {
  /** Flow records older than this are removed. */
  readonly flowsRetentionHours: number;
  /** Links per minute older than this are removed: from then on there are links per hour and day. */
  readonly minutesRetentionHours: number;
  /** Links older than this are removed. */
  readonly linksRetentionDays: number;
  /**
   * Nothing is removed for its age until the clock has gone on for this long since the start, and since it last jumped
   * ahead by more than an hour: a clock that is wrong for a moment must not cost the history.
   */
  readonly clockTrustMinutes: number;
  /** When more is in use, the oldest flow records go first, then the oldest links per minute, then per hour and day. */
  readonly sizeMaxBytes: number;
  /** For DuckDB's buffers; what a query needs beyond goes to a temporary file in the folder. */
  readonly memoryMaxBytes: number;
  readonly threadCount: number;
  /** Records that may wait for a commit; beyond it they are dropped (`queue_full`). About 180 bytes each. */
  readonly waitingRowsMax: number;
}

export const storeDefaults: StoreConfig = {
  flowsRetentionHours: 48,
  minutesRetentionHours: 48,
  linksRetentionDays: 90,
  clockTrustMinutes: 10,
  sizeMaxBytes: 10 * 2 ** 30,
  memoryMaxBytes: 256 * 2 ** 20,
  threadCount: 2,
  waitingRowsMax: 500_000,
};
