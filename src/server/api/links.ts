import type { FastifyInstance } from "fastify";
import type { Store } from "../../store/index.ts";
import { buildTopology } from "../../topology/index.ts";
import { readLinks } from "../history.ts";
import type { PeerFactsTable } from "../peer-facts.ts";
import { Problem } from "../problem.ts";
import { linkDetails } from "./answers/details.ts";
import { type Description, readQuery } from "./description.ts";
import { filter, sampling, windowParameters } from "./parameter-kinds.ts";
import { windowOf } from "./parameters.ts";
import { drawnHistory, peerUnknown, withPeer } from "./peer-answer.ts";
import { detailMetric } from "./peers.ts";
import { chooseStep, seriesOf, step } from "./steps.ts";
import { withTimeout } from "./timeout.ts";

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
  store: Pick<Store, "peersById" | "links" | "aggregate" | "compare">,
  peerFacts: PeerFactsTable,
  now: () => number,
): void {
  const options = { config: { cost: "question", describes } } as const;
  app.get<{ Params: { id: string } }>("/api/v1/links/:id", options, async (request) => {
    const { id } = request.params;
    const given = readQuery(describes, request.query, now());
    const { metric, sampling: sampled } = given;
    const window = windowOf(given, now());
    const step = chooseStep(given.step, window);
    return withTimeout(request, async (signal) => {
      const [client, server] = await endsOf(store, id, signal);
      const wanted = withPeer("client", client.id, withPeer("server", server.id, given.filter));
      const question = { ...window, metric, sampled, filter: wanted, signal };
      const { from, to, links } = await readLinks(store, { ...question, limit: 1 }, undefined);
      const built = buildTopology(links, { from, to, metric, linksMax: 1 });
      const perStep = await store.aggregate({ ...question, by: [], step, limit: 1 });
      // When it was first and last there, in whatever window.
      const ever = { ...question, from: 0, to: now(), baseFrom: 0, baseTo: 1, limit: 1 };
      const compared = await store.compare({ ...ever, by: ["client", "server"] });
      const [all] = compared.rows;
      if (all === undefined) throw linkUnknown(id);
      const [drawnClient, drawnServer] = [drawnHistory(client), drawnHistory(server)];
      return {
        ...{ from, to },
        client: { ...drawnClient, ...peerFacts.factsOf(drawnClient) },
        server: { ...drawnServer, ...peerFacts.factsOf(drawnServer) },
        firstSeen: all.firstSeen,
        lastSeen: all.now?.lastSeen ?? all.firstSeen,
        link: built.links[0] ?? null,
        series: seriesOf(perStep, step, metric),
      };
    });
  });
}

/** Ids may have `>` in them: the pair of which both are known. */
async function endsOf(store: Pick<Store, "peersById">, id: string, signal: AbortSignal) {
  const pairs: [string, string][] = [];
  for (let at = id.indexOf(">"); at >= 0 && pairs.length < 8; at = id.indexOf(">", at + 1))
    pairs.push([id.slice(0, at), id.slice(at + 1)]);
  if (pairs.length === 0) throw linkUnknown(id);
  const known = await store.peersById(pairs.flat(), signal);
  const byId = new Map(known.map((peer) => [peer.id, peer]));
  for (const [client, server] of pairs) {
    const [first, second] = [byId.get(client), byId.get(server)];
    if (first !== undefined && second !== undefined) return [first, second] as const;
  }
  const [client, server] = pairs[0]!;
  throw peerUnknown(byId.has(client) ? server : client);
}

function linkUnknown(id: string): Problem {
  return new Problem(
    404,
    "link_unknown",
    `no link ${JSON.stringify(id.slice(0, 300))} in what is kept; CLIENT>SERVER of two peers' ids is expected`,
  );
}
