import { assert } from "../../flow/index.ts";
import {
  type Filter,
  type FilterEnd,
  type FilterTerm,
  type FilterTest,
  patternSegments,
} from "../../query/index.ts";
import { addressValue } from "./address-value.ts";
import type { SqlParameters } from "./sql-parameters.ts";

type PinnedEnd = Exclude<FilterEnd, "either">;
type PeerField = "id" | "name" | "kind" | "process" | "container" | "node" | "network";
type Measure = "bytes" | "packets" | "connections" | "failed" | "retransmits" | "rtt";

/** Where a filter finds things in a statement: SQL expressions, none of which holds a value from outside. */
export interface FilterColumns {
  /** What `either` stands for. */
  readonly ends: readonly PinnedEnd[];
  text(end: PinnedEnd, field: PeerField): string;
  /** A UHUGEINT, or NULL. */
  address(end: PinnedEnd): string;
  /** Undefined where that end's port is not known. */
  port(end: PinnedEnd): string | undefined;
  readonly protocol: string;
  /** Turns a test of an observer `o` into one of the link or record. */
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
  const { end, field, test } = term;
  const ends = end === "either" ? columns.ends : [end];
  const either = (conditionOf: (end: PinnedEnd) => string) => `(${ends.map(conditionOf).join(" OR ")})`;
  switch (field) {
    case "address":
      return either((pinned) => addressCondition(columns.address(pinned), test, parameters));
    case "network":
      if (test.kind === "address")
        return either((pinned) => addressCondition(columns.address(pinned), test, parameters));
      return either((pinned) => textCondition(columns.text(pinned, field), test, parameters));
    case "port": {
      const ports = ends.map((pinned) => columns.port(pinned)).filter((port) => port !== undefined);
      return ports.length === 0
        ? "false"
        : `(${ports.map((port) => numberCondition(port, test, parameters)).join(" OR ")})`;
    }
    case "protocol":
      return numberCondition(columns.protocol, test, parameters);
    case "exporter":
    case "observer": {
      const texts = ["o.name", "o.id", "o.id[instr(o.id, ':') + 1 :]"];
      const condition = `(${texts.map((text) => textCondition(text, test, parameters)).join(" OR ")})`;
      return columns.seenBy(field === "exporter" ? `(o.kind = 'exporter' AND ${condition})` : condition);
    }
    case "bytes":
    case "packets":
    case "connections":
    case "failed":
    case "retransmits":
    case "rtt":
      return numberCondition(columns.measure(field), test, parameters);
    default:
      return either((pinned) => textCondition(columns.text(pinned, field), test, parameters));
  }
}

function textCondition(column: string, test: FilterTest, parameters: SqlParameters): string {
  assert(test.kind === "text", "parseFilter gives text fields a text test");
  const conditions = test.patterns.map((pattern) => {
    const segments = patternSegments(pattern);
    if (segments.length === 1) return `lower(${column}) = ${parameters.text(segments[0]!)}`;
    const like = segments.map((segment) => segment.replace(/[\\%_]/g, "\\$&")).join("%");
    return `lower(${column}) LIKE ${parameters.text(like)} ESCAPE '\\'`;
  });
  return `(${conditions.join(" OR ")})`;
}

function addressCondition(column: string, test: FilterTest, parameters: SqlParameters): string {
  assert(test.kind === "address", "parseFilter gives addresses an address test");
  const conditions = test.ranges.map(({ address, prefixLength }) => {
    const first = addressValue(address);
    const last = first | ((1n << BigInt(128 - prefixLength)) - 1n);
    return `${column} BETWEEN ${parameters.address(first)} AND ${parameters.address(last)}`;
  });
  return `(${conditions.join(" OR ")})`;
}

function numberCondition(column: string, test: FilterTest, parameters: SqlParameters): string {
  assert(test.kind === "number" || test.kind === "compare", "parseFilter gives numbers a number test");
  if (test.kind === "compare") return `${column} ${test.operator} ${parameters.number(test.value)}`;
  return `${column} IN (${test.values.map((value) => parameters.number(value)).join(", ")})`;
}
