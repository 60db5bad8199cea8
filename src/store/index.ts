/**
 * History: flow records for a short time, links per minute for a long one. One interface, DuckDB behind it. Knows no
 * HTTP and not the live map.
 */
export { type StoreConfig, storeDefaults } from "./config.ts";
export { type Dimension, dimensions, parseDimension } from "./dimensions.ts";
export { createDuckDBStore, type DuckDBStoreConfig } from "./duckdb/duckdb-store.ts";
export { writeParquet } from "./duckdb/parquet.ts";
export { questionsRunningMax } from "./duckdb/questions.ts";
export { createReadOnlyStore, type ReadOnlyStore } from "./duckdb/read-only-store.ts";
export { OperatingError, type OperatingErrorCode } from "./errors.ts";
export type { IngestedEpoch, IngestedMessage } from "./ingested.ts";
export { windowLength } from "./sequence-window.ts";
export type {
  Aggregate,
  AggregateQuery,
  AggregateRow,
  AskedNames,
  AskedNamesQuery,
  AskedNameTotals,
  ComparedRow,
  CompareQuery,
  Comparison,
  FlowRecordRow,
  FlowsPage,
  FlowsQuery,
  LinkMinute,
  LinkRow,
  Links,
  LinksQuery,
  Metric,
  ObserverTotals,
  PeerDescription,
  PeerHistory,
  Sampled,
  Store,
  StoreDependencies,
  StoredPeer,
  StoreStatus,
  Totals,
  ValuesQuery,
  WindowQuery,
} from "./store.ts";
export { metrics } from "./store.ts";
