import { type DerivedFacts, type Peer, type PeerKind, peerTexts } from "../../topology/index.ts";
import type { StoredPeer } from "../store.ts";
import { peerAddressColumns } from "./address-value.ts";
import type { SqlRow } from "./questions.ts";

/** Facts that follow from a peer's address and name, by their columns: texts are "" and numbers NULL where nothing is known. */
const derivedTexts = {
  country: "country",
  countryName: "country_name",
  city: "city",
  asName: "as_name",
  domain: "domain",
  site: "site",
} as const satisfies Partial<Record<keyof DerivedFacts, string>>;
const derivedNumbers = {
  latitude: "latitude",
  longitude: "longitude",
  asNumber: "as_number",
  vlan: "vlan",
} as const satisfies Partial<Record<keyof DerivedFacts, string>>;

type TextName = (typeof peerTexts)[number] | keyof typeof derivedTexts;

/** The column of `peers` that holds a text of a peer: `workloadKind` is in `workload_kind`. */
export function peerColumn(name: TextName | keyof typeof derivedNumbers): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export const peerTextColumns: readonly string[] = peerTexts.map(peerColumn);
export const derivedTextColumns: readonly string[] = Object.values(derivedTexts);
export const derivedNumberColumns: readonly string[] = Object.values(derivedNumbers);
const numberTypes: Readonly<Record<string, string>> = {
  latitude: "DOUBLE",
  longitude: "DOUBLE",
  as_number: "UINTEGER",
  vlan: "USMALLINT",
};

/** `key` first, then texts, numbers, the halves of the address, the time of the first record, and the identity: in this order they are appended. */
export const peerColumnDefinitions = [
  "key BIGINT NOT NULL",
  ...[...peerTextColumns, ...derivedTextColumns].map((name) => `${name} VARCHAR NOT NULL`),
  ...derivedNumberColumns.map((name) => `${name} ${numberTypes[name]}`),
  `${peerAddressColumns.high} UBIGINT`,
  `${peerAddressColumns.low} UBIGINT`,
  "first_seen BIGINT NOT NULL",
  "identity BIGINT NOT NULL",
].join(", ");

/** Everything but key and identity, the halves of the address and the first time: what is replaced when a peer gets other facts. */
export const replacedColumns: readonly string[] = [
  ...peerTextColumns,
  ...derivedTextColumns,
  ...derivedNumberColumns,
];

/** The texts to append, in the order of the columns. */
export function textsOf(peer: Peer, facts: DerivedFacts): string[] {
  return [...peerTexts.map((name) => peer[name] ?? ""), ...derivedTextsOf(facts)];
}

export function derivedTextsOf(facts: DerivedFacts): string[] {
  return (Object.keys(derivedTexts) as (keyof typeof derivedTexts)[]).map((name) => facts[name] ?? "");
}

export function numbersOf(facts: DerivedFacts): (number | undefined)[] {
  return (Object.keys(derivedNumbers) as (keyof typeof derivedNumbers)[]).map((name) => facts[name]);
}

const alwaysThere: ReadonlySet<string> = new Set([
  ...["id", "kind", "name", "address", "node", "network", "process", "container"],
]);

/** A peer out of a row that has `replacedColumns`; only what is known is set. */
export function readPeer(row: SqlRow): StoredPeer {
  const peer: Record<string, string | number> = {};
  for (const name of [...peerTexts, ...(Object.keys(derivedTexts) as (keyof typeof derivedTexts)[])]) {
    const text = (row[peerColumn(name)] as string | undefined) ?? ""; // the question may not have asked for it
    if (text !== "" || alwaysThere.has(name)) peer[name] = text;
  }
  for (const [name, column] of Object.entries(derivedNumbers))
    if (typeof row[column] === "number") peer[name] = Number(row[column]);
  return { ...peer, kind: peer.kind as PeerKind } as unknown as StoredPeer;
}
