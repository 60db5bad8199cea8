import { isLoopback, parseAddress } from "../flow/index.ts";

export function isLoopbackHost(host: string): boolean {
  const address = parseAddress(host);
  return host === "localhost" || (address !== undefined && isLoopback(address));
}
