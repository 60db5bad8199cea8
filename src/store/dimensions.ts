/** Facts of a peer that links can be grouped by, by their names in the API. "" is the peer itself, by its id. */
export const endFacts = [
  "",
  "name",
  "kind",
  "namespace",
  "workload",
  "workloadKind",
  "pod",
  "service",
  "node",
  "process",
  "container",
  "address",
  "network",
  "site",
  "vlan",
  "country",
  "countryName",
  "city",
  "asn",
  "asName",
  "domain",
  "unresolved",
] as const;
export type EndFact = (typeof endFacts)[number];

type End = "client" | "server";
type OfEnd<E extends End> = `${E}.${Exclude<EndFact, "">}` | E;

/**
 * Of the whole link; `port` is the server's, `called` whom the client called where translation led to the server, an interface the
 * number that the exporter whose figures count gave, at the client's or the server's side.
 */
export const linkDimensions = [
  "port",
  "protocol",
  "called",
  "observer",
  "client.interface",
  "server.interface",
] as const;
export type LinkDimension = (typeof linkDimensions)[number];

/**
 * Things to group by: `client` and `server` are peers by id, `client.name` and so on a fact of that end, `client.label.KEY` a label's
 * value. With `observer` each group is what one observer reported. What has no such fact is in the group "".
 */
export type Dimension = OfEnd<"client"> | OfEnd<"server"> | LinkDimension | `${End}.label.${string}`;

/** All but labels, of which everybody has others. */
export const dimensions: readonly Dimension[] = [
  ...endFacts.flatMap((fact) =>
    (["client", "server"] as const).map((end) => (fact === "" ? end : (`${end}.${fact}` as const))),
  ),
  ...linkDimensions,
];

/** Reads a dimension, its fields without regard to case; undefined for what is none. */
export function parseDimension(text: string): Dimension | undefined {
  const label = /^(client|server)\.label\.(.{1,317})$/i.exec(text);
  if (label !== null) return `${label[1]!.toLowerCase() as End}.label.${label[2]!}`;
  return dimensions.find((dimension) => dimension.toLowerCase() === text.toLowerCase());
}

/** The end, fact and label's key that a dimension names; undefined for one of the whole link. */
export function endOfDimension(
  dimension: Dimension,
): { readonly end: End; readonly fact: EndFact | "label"; readonly key: string } | undefined {
  if ((linkDimensions as readonly string[]).includes(dimension)) return undefined;
  const [, end, fact = "", key = ""] =
    /^(client|server)(?:\.(label|\w+))?(?:\.(.*))?$/s.exec(dimension) ?? [];
  return end === undefined ? undefined : { end: end as End, fact: fact as EndFact | "label", key };
}
