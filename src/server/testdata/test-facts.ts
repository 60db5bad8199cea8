import { type AddressFactsTable, createAddressFacts, NetworkTable } from "../../enrich/index.ts";
import { isPrivateAddress, parseCidr } from "../../flow/index.ts";

/** An office in Bern, and one place and system for all that is not private. Raise the generation when the facts change. */
export function testFacts(
  geo = { generation: 0, facts: { country: "CH", asNumber: 64500, asName: "Example" } },
): AddressFactsTable {
  const networks = new NetworkTable([
    { name: "office", cidr: parseCidr("10.1.0.0/16")!, vlan: 7, site: "Bern" },
  ]);
  return createAddressFacts({
    networks,
    geo: {
      find: (bytes) => (isPrivateAddress(bytes) ? {} : geo.facts),
      get generation() {
        return geo.generation;
      },
    },
  });
}
