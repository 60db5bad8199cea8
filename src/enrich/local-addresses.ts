import { networkInterfaces } from "node:os";

/** This machine's own addresses, loopback left out, IPv4 first: where an exporter can be pointed at. */
export function localAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = all.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  const isFour = (family: string) => Number(family === "IPv4");
  own.sort((a, b) => isFour(b.family) - isFour(a.family));
  return own.map(({ address }) => address);
}
