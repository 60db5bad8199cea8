import type { FastifyInstance } from "fastify";
import type { Filter } from "../../query/index.ts";
import type { Store } from "../../store/index.ts";
import { buildTopology, type PortLink, type TopologyPeer } from "../../topology/index.ts";
import { readLinks } from "../history.ts";
import type { PeerFactsTable } from "../peer-facts.ts";
import { Problem } from "../problem.ts";
import { linkDetails } from "./answers/details.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { type Description, readQuery } from "./description.ts";
import { filter, sampling, windowParameters } from "./parameter-kinds.ts";
import { windowOf } from "./parameters.ts";
import {
  type DetailDependencies,
  drawnHistory,
  livePeer,
  peerUnknown,
  withFacts,
  withPeer,
} from "./peer-answer.ts";
import { detailMetric } from "./peers.ts";
import { chooseStep, seriesOf, step } from "./steps.ts";

const describes = {
  summary: "A link: both ends, and what it carries in the window, by port and in time.",
  parameters: { ...windowParameters, filter: filter(), metric: detailMetric, step, sampling },
  inPath: { id: "`CLIENT>SERVER`, of two peers' ids as /api/v1/map gives them without `group`." },
  answer: linkDetails,
  statuses: [404],
} satisfies Description;

/** `GET /api/v1/links/CLIENT>SERVER`. */
export function routeLinks(
  app: FastifyInstance,
  dependencies: DetailDependencies<Pick<Store, "peersById" | "links" | "aggregate" | "compare">>,
): void {
  const { store, peerFacts, liveLinks, now } = dependencies;
  const options = { config: { cost: "question", describes } } as const;
  app.get<{ Params: { id: string } }>("/api/v1/links/:id", options, async (request) => {
    const { id } = request.params;
    const given = readQuery(describes, request.query, now());
    const { metric, sampling: sampled } = given;
    const window = windowOf(given, now());
    const step = chooseStep(given.step, window);
    return askInTurn(request, async (signal) => {
      const pairs = pairsOf(id);
      const stored = await store.peersById(pairs.flat(), signal);
      const byId = new Map(stored.map((peer) => [peer.id, withFacts(drawnHistory(peer), peerFacts)]));
      const ends = endsAmong(byId, pairs) ?? liveEnds(id, liveLinks(), peerFacts);
      if (ends === undefined) throw peerUnknown(pairs[0].find((end) => !byId.has(end)) ?? id);
      const [client, server] = ends;
      const wanted = between(client.id, server.id, given.filter);
      const question = { ...window, metric, sampled, filter: wanted, signal };
      const { from, to, links } = await readLinks(store, { ...question, limit: 1 }, undefined);
      const built = buildTopology(links, { from, to, metric, linksMax: 1 });
      const perStep = await store.aggregate({ ...question, by: [], step, limit: 1 });
      // When it was first and last there, in whatever window.
      const ever = { ...question, from: 0, to: now(), baseFrom: 0, baseTo: 1, limit: 1 };
      const compared = await store.compare({ ...ever, by: ["client", "server"] });
      const [all] = compared.rows;
      if (all === undefined && !liveLinks().some(isBetween(client.id, server.id))) throw linkUnknown(id);
      return {
        ...{ from, to, client, server },
        firstSeen: all?.firstSeen ?? null,
        lastSeen: all?.now?.lastSeen ?? all?.firstSeen ?? null,
        link: built.links[0] ?? null,
        series: seriesOf(perStep, step, metric),
      };
    });
  });
}

type Pair = readonly [client: string, server: string];

/** Ids may have `>` in them: what may be meant. */
function pairsOf(id: string): readonly [Pair, ...Pair[]] {
  const pairs: Pair[] = [];
  for (let at = id.indexOf(">"); at >= 0 && pairs.length < 8; at = id.indexOf(">", at + 1))
    pairs.push([id.slice(0, at), id.slice(at + 1)]);
  const [first, ...others] = pairs;
  if (first === undefined) throw linkUnknown(id);
  return [first, ...others];
}

/** The pair of which both are known. */
function endsAmong(byId: ReadonlyMap<string, TopologyPeer>, pairs: readonly Pair[]) {
  for (const [client, server] of pairs) {
    const [first, second] = [byId.get(client), byId.get(server)];
    if (first !== undefined && second !== undefined) return [first, second] as const;
  }
  return undefined;
}

/** Of a link that is too new to be stored. */
function liveEnds(id: string, links: readonly PortLink[], peerFacts: PeerFactsTable) {
  const link = links.find((each) => isCalled(id, each));
  if (link === undefined) return undefined;
  const client = livePeer(links, link.client.id, peerFacts);
  const server = livePeer(links, link.server.id, peerFacts);
  return client && server && ([client, server] as const);
}

/** Whether this is the link's id; without a text put together for each of many links. */
function isCalled(id: string, { client, server }: PortLink): boolean {
  const at = client.id.length;
  const isSameLength = at + 1 + server.id.length === id.length;
  return isSameLength && id[at] === ">" && id.startsWith(client.id) && id.endsWith(server.id);
}

function isBetween(clientId: string, serverId: string) {
  return ({ client, server }: PortLink) => client.id === clientId && server.id === serverId;
}

function between(client: string, server: string, more?: Filter): Filter {
  return withPeer("client", client, withPeer("server", server, more));
}

function linkUnknown(id: string): Problem {
  return new Problem(
    404,
    "link_unknown",
    `no link ${JSON.stringify(id.slice(0, 300))} in what is kept; CLIENT>SERVER of two peers' ids is expected`,
  );
}
