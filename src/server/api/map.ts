import type { FastifyInstance } from "fastify";
import type { Store } from "../../store/index.ts";
import { buildTopology, groupings, type Topology } from "../../topology/index.ts";
import { readLinks } from "../history.ts";
import type { PeerFactsTable } from "../peer-facts.ts";
import { topology as topologyAnswer } from "./answers/topology.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { type Description, readQuery } from "./description.ts";
import { chooseForm, sendTable, type Table } from "./form.ts";
import { figureCells, figureColumns } from "./link-cells.ts";
import { filter, format, integer, oneOf, sampling, windowParameters } from "./parameter-kinds.ts";
import { windowOf } from "./parameters.ts";

/** What links of a map are ranked by; the mean of several ports would be no round trip time. */
const metrics = ["bytes", "packets", "connections", "failed", "retransmits"] as const;

/** Of a map, live or past. */
export const viewParameters = {
  filter: filter(),
  group: oneOf("What peers are folded to; left as they are when not given.", groupings),
  metric: oneOf("What the heaviest links have most of.", metrics, "bytes"),
  // Enough to fill a screen by default, and what the page can still draw at most.
  limit: integer("Links at most, the heaviest.", { fallback: 2000, min: 1, max: 50_000 }),
};

const describes = {
  summary: "Peers and links of a window.",
  parameters: { ...windowParameters, ...viewParameters, sampling, format },
  answer: topologyAnswer,
  forms: ["csv", "ndjson"],
} satisfies Description;

/** `GET /api/v1/map`: peers and links of a window. */
export function routeMap(
  app: FastifyInstance,
  store: Pick<Store, "links">,
  peerFacts: PeerFactsTable,
  now: () => number,
): void {
  app.get("/api/v1/map", { config: { cost: "question", describes } }, async (request, reply) => {
    const given = readQuery(describes, request.query, now());
    const { group: grouping, metric, limit: linksMax } = given;
    const { filter, sampling: sampled } = given;
    const question = { ...windowOf(given, now()), filter, metric, limit: linksMax, sampled };
    const { from, to, links, linksLeftOut } = await askInTurn(request, (signal) =>
      readLinks(store, { ...question, signal }, grouping),
    );
    const topology = peerFacts.describe(buildTopology(links, { from, to, metric, grouping, linksMax }));
    const { truncated } = topology;
    const form = chooseForm(given.format, request.headers.accept);
    if (form !== "json") return sendTable(reply, form, "links", linkTable(topology));
    return { ...topology, truncated: { ...truncated, links: truncated.links + linksLeftOut } };
  });
}

/** A row per link; ports as `443/tcp`, the heaviest first. */
function linkTable({ peers, links }: Topology): Table {
  const byId = new Map(peers.map((peer) => [peer.id, peer]));
  const endColumns = ["", "Name", "Kind", "Namespace", "Addresses"];
  const endCells = (id: string) => {
    const { name = "", kind = "", namespace = "", addresses = [] } = byId.get(id) ?? {};
    return [id, name, kind, namespace, addresses.join(" ")];
  };
  return {
    columns: [
      ...endColumns.map((column) => `client${column}`),
      ...endColumns.map((column) => `server${column}`),
      ...["ports", ...figureColumns, "lastSeen", "observers"],
    ],
    rows: links.map((link) => [
      ...endCells(link.client),
      ...endCells(link.server),
      link.ports.map(({ port, protocol }) => `${port}/${protocol}`).join(" "),
      ...figureCells(link),
      link.lastSeen,
      link.observers.map(({ id }) => id).join(" "),
    ]),
  };
}
