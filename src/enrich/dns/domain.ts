import { getDomain } from "tldts-icann";
import { parseAddress } from "../../flow/index.ts";

/**
 * The domain that somebody registered, of a host's name: `www.example.co.uk` → `example.co.uk`. Which endings are registries is
 * a list of some thousand rules (publicsuffix.org, its ICANN part), so it is a library's. "" for an address or a bare word.
 */
export function domainOf(name: string): string {
  if (!name.includes(".") || parseAddress(name) !== undefined) return "";
  return getDomain(name, { extractHostname: false }) ?? "";
}
