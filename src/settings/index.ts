/**
 * The configuration: one schema for file, environment and flags. Does not know who uses which part of it.
 */
export {
  type Config,
  ConfigError,
  environmentVariable,
  type IngestToken,
  isLoopbackHost,
  readConfig,
} from "./config.ts";
export { homeFolder } from "./home-folder.ts";
