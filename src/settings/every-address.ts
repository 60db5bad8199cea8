import { existsSync } from "node:fs";

/**
 * The address to listen on where `::` was asked for, which is every address of this machine, IPv4's too: a kernel that was started without IPv6
 * refuses it, and has them all under `0.0.0.0`.
 */
export function everyAddress(host: string, hasIPv6 = machineHasIPv6): string {
  return host === "::" && !hasIPv6() ? "0.0.0.0" : host;
}

/** Linux takes the file away when IPv6 is off as a whole (ipv6.disable=1); other systems always have it. */
function machineHasIPv6(): boolean {
  return process.platform !== "linux" || existsSync("/proc/net/if_inet6");
}
