import { parseAddress } from "../flow/index.ts";
import { countryName } from "./geo/country-name.ts";
import type { Geo } from "./geo/geo.ts";
import type { NetworkTable } from "./networks/network-table.ts";

/** What is known of an address by itself, whoever has it. Texts are "" and numbers null where nothing is known. */
export interface AddressFacts {
  /** In an own network, the cluster's, or not routed on the internet. */
  readonly isInside: boolean;
  /** Name of the own network; else the /24 or /64 of a private address, "loopback", "cluster", "internet". */
  readonly network: string;
  readonly site: string;
  readonly vlan: number | null;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly countryName: string;
  readonly city: string;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly asNumber: number | null;
  readonly asName: string;
}

export interface AddressFactsDependencies {
  readonly networks: NetworkTable;
  readonly geo: Pick<Geo, "find" | "generation">;
  /** Addresses remembered at most, about 300 bytes each. */
  readonly rememberedMax?: number;
}

export interface AddressFactsTable {
  /** Of an address as text; undefined when it is none. Remembered: cheap to ask again. */
  factsOf(address: string): AddressFacts | undefined;
  /** Changes whenever answers may have. */
  readonly generation: number;
}

/** Facts of addresses, derived from configuration and databases, anew when one changes. */
export function createAddressFacts({
  networks,
  geo,
  rememberedMax = 65_536,
}: AddressFactsDependencies): AddressFactsTable {
  const remembered = new Map<string, AddressFacts>();
  /** Neither goes down. */
  const newest = () => geo.generation + networks.generation;
  let generation = newest();

  function derive(bytes: Uint8Array): AddressFacts {
    const own = networks.find(bytes);
    const { country = "", city = "", latitude, longitude, asNumber, asName = "" } = geo.find(bytes);
    return {
      isInside: networks.isInside(bytes),
      network: networks.nameOf(bytes),
      site: own?.site ?? "",
      vlan: own?.vlan ?? null,
      country,
      countryName: country === "" ? "" : countryName(country),
      city,
      latitude: latitude ?? null,
      longitude: longitude ?? null,
      asNumber: asNumber ?? null,
      asName,
    };
  }

  return {
    factsOf(address) {
      if (generation !== newest()) {
        generation = newest();
        remembered.clear();
      }
      const known = remembered.get(address);
      if (known !== undefined) return known;
      const bytes = parseAddress(address);
      if (bytes === undefined) return undefined;
      if (remembered.size >= rememberedMax) remembered.clear();
      const facts = derive(bytes);
      remembered.set(address, facts);
      return facts;
    },
    get generation() {
      return newest();
    },
  };
}
