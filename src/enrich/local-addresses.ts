import { readlinkSync } from "node:fs";
import { networkInterfaces } from "node:os";

/**
 * This machine's own addresses, loopback left out, IPv4 first: where an exporter can be pointed at. None in a container that sees the machine's
 * processes but has a network of its own, as an agent in a pod: its addresses are not the machine's.
 */
export function localAddresses(networkOf = networkNamespaceOf): string[] {
  const machine = networkOf("1");
  if (machine !== undefined && machine !== networkOf("self")) return [];
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = all.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  const isFour = (family: string) => Number(family === "IPv4");
  own.sort((a, b) => isFour(b.family) - isFour(a.family));
  return own.map(({ address }) => address);
}

/** Undefined for a process that is not ours to ask. */
function networkNamespaceOf(process: string): string | undefined {
  try {
    return readlinkSync(`/proc/${process}/ns/net`);
  } catch {
    return undefined;
  }
}
