/**
 * History: flow records for a short time, links per minute for a long one. One interface, DuckDB behind it. Knows no
 * HTTP and not the live map.
 */
export { type StoreConfig, storeDefaults } from "./config.ts";
export { createDuckDBStore, type DuckDBStoreConfig } from "./duckdb/duckdb-store.ts";
export { OperatingError, type OperatingErrorCode } from "./errors.ts";
export type { IngestedEpoch, IngestedMessage } from "./ingested.ts";
export { windowLength } from "./sequence-window.ts";
export type {
  Aggregate,
  AggregateQuery,
  AggregateRow,
  Dimension,
  FlowRecordRow,
  FlowsPage,
  FlowsQuery,
  LinkMinute,
  Metric,
  ObserverTotals,
  Store,
  StoreDependencies,
  StoreStatus,
  Totals,
} from "./store.ts";
export { dimensions, metrics } from "./store.ts";
