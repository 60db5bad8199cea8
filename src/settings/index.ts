/**
 * The configuration: one schema for file, environment and flags. Does not know who uses which part of it.
 */
export { type Config, environmentVariable, type IngestToken, readConfig } from "./config.ts";
export { ConfigError } from "./config-error.ts";
export { isLoopbackHost } from "./loopback-host.ts";
