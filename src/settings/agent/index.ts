/**
 * What `portolan agent` needs of the configuration, at the memory that it needs: does not load the schema, nor what reads YAML.
 */
export { ConfigError } from "../config-error.ts";
export { everyAddress } from "../every-address.ts";
export { homeFolder } from "../home-folder.ts";
export { isLoopbackHost } from "../loopback-host.ts";
export { type AgentSections, readAgentSections } from "./agent-sections.ts";
