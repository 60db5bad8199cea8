/**
 * The configuration: one schema for file, environment and flags. Does not know who uses which part of it.
 */
export {
  type AccessToken,
  type Credentials,
  formatTokenHash,
  hashToken,
  type IngestToken,
  type Scope,
  scopes,
  type TokenHash,
  tokenProblem,
} from "./auth-config.ts";
export { type Config, environmentVariable, readConfig } from "./config.ts";
export { ConfigError } from "./config-error.ts";
export { everyAddress } from "./every-address.ts";
export { homeFolder } from "./home-folder.ts";
export { isLoopbackHost } from "./loopback-host.ts";
