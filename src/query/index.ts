export type { Filter, FilterEnd, FilterField, FilterTest } from "./filter.ts";
