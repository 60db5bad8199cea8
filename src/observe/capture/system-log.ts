import { call, hasPacketSockets } from "./system-calls.ts";

const facilityDaemon = 3 << 3;
const levelInfo = 6;

/** Writes a line to the system's log, for a process that has no terminal any more. */
export function writeSystemLog(text: string): void {
  if (hasPacketSockets()) call.syslog(facilityDaemon | levelInfo, "%s", "str", text);
}
