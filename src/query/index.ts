/**
 * The filter language: parse, check, evaluate on an object. Pure, and used by the page too; knows no SQL and no HTTP.
 */
export { compileFilter, matches } from "./compile-filter.ts";
export {
  type CompareOperator,
  type Filter,
  type FilterEnd,
  type FilterField,
  type FilterTerm,
  type FilterTest,
  hasMeasure,
} from "./filter.ts";
export {
  type FilterFieldInfo,
  type FilterValueKind,
  filterFields,
  filterLimits,
  filterValueKinds,
} from "./filter-fields.ts";
export type { FilterObserver, FilterPeer, FilterSubject } from "./filter-subject.ts";
export { formatFilterReference, formatFilterTerm } from "./format-filter.ts";
export { type FilterError, type FilterTarget, type ParsedFilter, parseFilter } from "./parse-filter.ts";
export { escapePattern, patternSegments } from "./pattern.ts";
