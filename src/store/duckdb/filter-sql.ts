import { assert } from "../../flow/index.ts";
import {
  type Filter,
  type FilterEnd,
  type FilterTerm,
  type FilterTest,
  type filterFields,
  patternSegments,
} from "../../query/index.ts";
import { type AddressColumns, prefixCondition } from "./address-value.ts";
import type { SqlParameters } from "./sql-parameters.ts";

export type PinnedEnd = Exclude<FilterEnd, "either">;
export type Measure = Extract<(typeof filterFields)[number], { of: "measure" }>["name"];

export type AddressCondition = (columns: AddressColumns) => string;

/** Where a filter finds things in a statement: SQL expressions, none of which holds a value from outside. */
export interface FilterColumns {
  /** What `either` stands for. */
  readonly ends: readonly PinnedEnd[];
  /** A column of `peers`, for that end's peer. */
  peer(end: PinnedEnd, column: string): string;
  /** The same for whom the client called, where that can have been this end. */
  called(end: PinnedEnd, column: string): string | undefined;
  /** That end's address, or NULL, fulfils a condition. */
  address(end: PinnedEnd, conditionOf: AddressCondition): string;
  /** The same for whom the client called, where that can have been this end. */
  calledAddress(end: PinnedEnd, conditionOf: AddressCondition): string | undefined;
  /** Undefined where that end's port is not known. */
  port(end: PinnedEnd): string | undefined;
  /** The number at that end, as one observer told it: to be asked by way of `seenBy`. */
  interface(end: PinnedEnd): string;
  /** The VLAN in which a record was seen. */
  readonly vlan: string | undefined;
  readonly protocol: string;
  /** Turns a test of an observer `o`, or of what it told, into one of the link or record. */
  seenBy(observerCondition: string): string;
  /** `rtt` in milliseconds, or NULL. */
  measure(name: Measure): string;
}

/** A condition that is never NULL, so that NOT means what it says. Values become parameters. */
export function filterCondition(filter: Filter, columns: FilterColumns, parameters: SqlParameters): string {
  switch (filter.kind) {
    case "and":
    case "or": {
      const parts = filter.parts.map((part) => filterCondition(part, columns, parameters));
      return parts.length === 0
        ? `${filter.kind === "and"}`
        : `(${parts.join(filter.kind === "and" ? " AND " : " OR ")})`;
    }
    case "not":
      return `(NOT ${filterCondition(filter.part, columns, parameters)})`;
    case "term":
      return `coalesce(${termCondition(filter, columns, parameters)}, false)`;
  }
}

function termCondition(term: FilterTerm, columns: FilterColumns, parameters: SqlParameters): string {
  const { end, field, test, key = "" } = term;
  const ends = end === "either" ? columns.ends : [end];
  const either = (conditionOf: (end: PinnedEnd) => string) => anyOf(ends.map(conditionOf));
  const address = (columns: AddressColumns) => addressCondition(columns, test, parameters);
  const text = (column: string) => textCondition(column, test, parameters);
  const number = (column: string) => numberCondition(column, test, parameters);
  /** Where somebody else was called, that one counts too. */
  const orCalled = (conditionOf: (end: PinnedEnd) => string | undefined) =>
    ends.map(conditionOf).filter(isKnown);
  switch (field) {
    case "address":
      return anyOf([
        either((pinned) => columns.address(pinned, address)),
        ...orCalled((pinned) => columns.calledAddress(pinned, address)),
      ]);
    case "network":
      if (test.kind === "address") return either((pinned) => columns.address(pinned, address));
      return either((pinned) => text(columns.peer(pinned, field)));
    case "service": {
      const isAmong = (column: string) => textInListCondition(column, test, parameters);
      const ofCalled = (pinned: PinnedEnd) => {
        const column = columns.called(pinned, field);
        return column === undefined ? undefined : isAmong(column);
      };
      return anyOf([either((pinned) => isAmong(columns.peer(pinned, field))), ...orCalled(ofCalled)]);
    }
    case "unresolved":
      return either((pinned) => {
        const column = columns.peer(pinned, field);
        return `(${column} <> '' AND ${text(column)})`;
      });
    case "label":
      return either((pinned) => text(labelValue(columns.peer(pinned, "labels"), key, parameters)));
    case "country":
      return either(
        (pinned) =>
          `${text(columns.peer(pinned, "country"))} OR ${text(columns.peer(pinned, "country_name"))}`,
      );
    case "asn":
      return test.kind === "number"
        ? either((pinned) => number(columns.peer(pinned, "as_number")))
        : either((pinned) => text(columns.peer(pinned, "as_name")));
    case "vlan": {
      const ofPeer = either((pinned) => number(columns.peer(pinned, "vlan")));
      return end === "either" && columns.vlan !== undefined ? anyOf([ofPeer, number(columns.vlan)]) : ofPeer;
    }
    case "port":
      return anyOf(
        ends
          .map((pinned) => columns.port(pinned))
          .filter(isKnown)
          .map(number),
      );
    case "interface":
      return columns.seenBy(either((pinned) => number(columns.interface(pinned))));
    case "protocol":
      return number(columns.protocol);
    case "exporter":
    case "observer": {
      const texts = ["o.name", "o.id", "o.id[instr(o.id, ':') + 1 :]"];
      const condition = anyOf(texts.map(text));
      return columns.seenBy(field === "exporter" ? `(o.kind = 'exporter' AND ${condition})` : condition);
    }
    case "bytes":
    case "packets":
    case "connections":
    case "failed":
    case "retransmits":
    case "refused":
    case "timedOut":
    case "unreachable":
    case "reset":
    case "lost":
    case "rtt":
      return number(columns.measure(field));
    default:
      return either((pinned) => text(columns.peer(pinned, field)));
  }
}

/** `false` of none. A part may be NULL: it holds no more than `false` does. */
function anyOf(conditions: readonly string[]): string {
  return conditions.length === 0
    ? "false"
    : `(${conditions.map((each) => `coalesce(${each}, false)`).join(" OR ")})`;
}

function isKnown<T>(value: T | undefined): value is T {
  return value !== undefined;
}

/** The value of a label out of `key=value,key=value`; NULL where it has none. */
export function labelValue(column: string, key: string, parameters: SqlParameters): string {
  const start = parameters.text(`,${key}=`);
  const behind = `split_part(',' || ${column}, ${start}, 2)`;
  return `(CASE WHEN contains(',' || ${column}, ${start}) THEN split_part(${behind}, ',', 1) END)`;
}

/** Any of several texts with `, ` between. */
function textInListCondition(column: string, test: FilterTest, parameters: SqlParameters): string {
  const condition = textCondition("each", test, parameters);
  return `len(list_filter(string_split(${column}, ', '), lambda each: ${condition})) > 0`;
}

/**
 * `*` by RE2, whose time grows with the text whatever the pattern: DuckDB's LIKE with ESCAPE tries every way to divide a text among
 * the wildcards, which no timeout ends.
 */
function textCondition(column: string, test: FilterTest, parameters: SqlParameters): string {
  assert(test.kind === "text", "parseFilter gives text fields a text test");
  const conditions = test.patterns.map((pattern) => {
    const segments = patternSegments(pattern);
    const [first = "", middle = "", last = ""] = segments;
    if (segments.length === 1) return `lower(${column}) = ${parameters.text(first)}`;
    const isAnywhere = segments.length === 3 && first === "" && last === "";
    if (isAnywhere) return `contains(lower(${column}), ${parameters.text(middle)})`;
    const expression = segments.map(escapeExpression).join(".*");
    return `regexp_full_match(lower(${column}), ${parameters.text(expression)}, 's')`;
  });
  return `(${conditions.join(" OR ")})`;
}

/** What matches this text alone: RE2 takes `\` before any ASCII sign, and no zero byte. */
function escapeExpression(text: string): string {
  return text.replaceAll(/[!-/:-@[-`{-~]/g, "\\$&").replaceAll("\0", "\\x00");
}

function addressCondition(columns: AddressColumns, test: FilterTest, parameters: SqlParameters): string {
  assert(test.kind === "address", "parseFilter gives addresses an address test");
  const conditions = test.ranges.map(({ address, prefixLength }) =>
    prefixCondition(columns, address, prefixLength, (half) => parameters.half(half)),
  );
  return `(${conditions.join(" OR ")})`;
}

function numberCondition(column: string, test: FilterTest, parameters: SqlParameters): string {
  assert(test.kind === "number" || test.kind === "compare", "parseFilter gives numbers a number test");
  if (test.kind === "compare") return `${column} ${test.operator} ${parameters.number(test.value)}`;
  return `${column} IN (${test.values.map((value) => parameters.number(value)).join(", ")})`;
}
