/**
 * What a server asks the DNS, or of its names: whose an address is, and what domain a name is in. What workloads ask is in the room's own
 * index.ts.
 */
export { domainOf } from "./domain.ts";
export {
  createReverseNames,
  type ReverseMode,
  type ReverseNames,
  type ReverseNamesStatus,
  reverseModes,
  reverseNamesDefaults,
} from "./reverse-names.ts";
