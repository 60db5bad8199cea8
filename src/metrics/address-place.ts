import type { Peer } from "../topology/index.ts";

/** What series need to know of an address by itself, whoever knows it. Texts are "" and numbers null where nothing is known. */
export interface AddressPlace {
  /** In an own network, or not routed on the internet. */
  readonly isInside: boolean;
  readonly network: string;
  readonly site: string;
  readonly vlan: number | null;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly asNumber: number | null;
  readonly asName: string;
}

/** Undefined for a text that is no address. */
export type FindAddressPlace = (address: string) => AddressPlace | undefined;

/** Undefined of peers that stand for many, which are nowhere. What an agent reports of its own machine is inside, whatever its address. */
export function isInside(peer: Peer, place: AddressPlace | undefined): boolean | undefined {
  if (peer.kind === "other" || place === undefined) return undefined;
  return place.isInside || peer.kind !== "host" || peer.node !== "";
}
