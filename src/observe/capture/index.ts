/** Packet sockets: packets as they pass an interface, where the kernel puts them, and what goes with reading them. Does not know sockets' owners. */
export { CaptureError } from "./capture-error.ts";
export { compileFilter } from "./filter.ts";
export { PacketRing, type PacketRingConfig, type RingCounts, retireMilliseconds } from "./packet-ring.ts";
export { dropPrivileges } from "./privileges.ts";
export { exitAtOnce, hasPacketSockets } from "./system-calls.ts";
export { writeSystemLog } from "./system-log.ts";
