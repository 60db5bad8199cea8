/** A checked filter: every field exists, every value has its field's type. */
export type Filter =
  | { readonly kind: "and" | "or"; readonly parts: readonly Filter[] }
  | { readonly kind: "not"; readonly part: Filter }
  | { readonly kind: "term"; readonly end: FilterEnd; readonly field: FilterField; readonly test: FilterTest };

/** Which end a term looks at; `either` for a field written without a prefix. */
export type FilterEnd = "either" | "client" | "server" | "source" | "destination";

/** Fields of one end, fields of the link, and measures. */
export type FilterField =
  | "id"
  | "name"
  | "kind"
  | "process"
  | "container"
  | "node"
  | "address"
  | "network"
  | "port"
  | "protocol"
  | "exporter"
  | "observer"
  | "bytes"
  | "packets"
  | "connections"
  | "failed"
  | "retransmits"
  | "rtt";

export type FilterTest =
  /** Any of these texts; `*` in a text matches any run of characters, without regard to case. */
  | { readonly kind: "text"; readonly patterns: readonly string[] }
  /** Any of these ranges; a bare address is its own range. */
  | { readonly kind: "address"; readonly ranges: readonly { readonly address: Uint8Array; readonly prefixLength: number }[] }
  /** Any of these numbers (ports, protocol numbers). */
  | { readonly kind: "number"; readonly values: readonly number[] }
  | { readonly kind: "compare"; readonly operator: "<" | "<=" | ">" | ">=" | "="; readonly value: number };
