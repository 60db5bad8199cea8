/**
 * Samples that are read, by their `data_format`: the vendor in the 20 highest bits, 0 for the standard, and a number. 5 is of
 * sFlow's dropped packet notifications.
 */
export const sampleFormat = {
  flow: 1,
  counter: 2,
  expandedFlow: 3,
  expandedCounter: 4,
  discarded: 5,
} as const;
