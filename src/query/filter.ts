import { filterFields } from "./filter-fields.ts";

/** A checked filter: every field exists, every value has its field's type. */
export type Filter =
  | { readonly kind: "and" | "or"; readonly parts: readonly Filter[] }
  | { readonly kind: "not"; readonly part: Filter }
  | FilterTerm;

export interface FilterTerm {
  readonly kind: "term";
  readonly end: FilterEnd;
  readonly field: FilterField;
  /** Of `label`, the label's key. */
  readonly key?: string;
  readonly test: FilterTest;
}

/** Which end a term looks at; `either` for a field written without a prefix. */
export type FilterEnd = "either" | "client" | "server" | "source" | "destination";

/** A field of one end, of the link, or a measure. */
export type FilterField = (typeof filterFields)[number]["name"];

export type CompareOperator = "<" | "<=" | ">" | ">=" | "=";

/**
 * What a value has to be. Numbers are in the unit of the field: bytes, counts, ports, protocol numbers, and
 * milliseconds for `rtt`.
 */
export type FilterTest =
  /**
   * Any of these texts, without regard to case. `*` matches any run of characters; `\*` and `\\` are the characters
   * themselves. `patternSegments` takes a pattern apart.
   */
  | { readonly kind: "text"; readonly patterns: readonly string[] }
  /** An address in any of these ranges; a bare address is its own range. Of `address` and `network`. */
  | {
      readonly kind: "address";
      readonly ranges: readonly { readonly address: Uint8Array; readonly prefixLength: number }[];
    }
  /** Any of these numbers. */
  | { readonly kind: "number"; readonly values: readonly number[] }
  | { readonly kind: "compare"; readonly operator: CompareOperator; readonly value: number };

/** Whether a measure occurs: such a filter can only be applied to totals, after grouping. */
export function hasMeasure(filter: Filter): boolean {
  switch (filter.kind) {
    case "and":
    case "or":
      return filter.parts.some(hasMeasure);
    case "not":
      return hasMeasure(filter.part);
    case "term":
      return measures.has(filter.field);
  }
}

const measures: ReadonlySet<FilterField> = new Set(
  filterFields.filter((field) => field.of === "measure").map((field) => field.name),
);
