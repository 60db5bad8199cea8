/**
 * An agent's way to its server: records in, messages out, kept on disk until they are answered. Does not know the kernel, nor what the
 * server does with them.
 */
export { openIdentity } from "./identity.ts";
export { type Loss, LossLog } from "./loss-log.ts";
export { createSpool, type Spool, type SpoolConfig, SpoolError } from "./spool.ts";
export { createTransport, type SendOutcome, type Transport, type TransportConfig } from "./transport.ts";
export { createUplink, type Uplink, type UplinkConfig, type UplinkStatus, uplinkDefaults } from "./uplink.ts";
