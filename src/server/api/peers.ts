import type { FastifyInstance } from "fastify";
import type { PeerHistory, Store } from "../../store/index.ts";
import { buildTopology } from "../../topology/index.ts";
import { readLinks } from "../history.ts";
import { peerDetails } from "./answers/details.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { type Description, readQuery } from "./description.ts";
import { figuresOf } from "./link-cells.ts";
import { filter, integer, oneOf, sampling, windowParameters } from "./parameter-kinds.ts";
import { windowOf } from "./parameters.ts";
import {
  type DetailDependencies,
  drawnHistory,
  livePeer,
  peerUnknown,
  withFacts,
  withPeer,
} from "./peer-answer.ts";
import { chooseStep, seriesOf, step } from "./steps.ts";

/** What links of one peer or one link are ranked by. */
export const detailMetric = oneOf(
  "What the series is of, and what links are ordered by.",
  ["bytes", "packets", "connections", "failed", "retransmits"],
  "bytes",
);
const portsMax = 100;

const describes = {
  summary: "A peer: what is known of it, its addresses and names, the ports at which it serves, its links.",
  parameters: {
    ...windowParameters,
    filter: filter(),
    metric: detailMetric,
    step,
    limit: integer("Links at most, the heaviest.", { fallback: 100, min: 1, max: 5000 }),
    sampling,
  },
  inPath: { id: "As /api/v1/map gives it without `group`." },
  answer: peerDetails,
  statuses: [404],
} satisfies Description;

/** `GET /api/v1/peers/ID`. */
export function routePeers(
  app: FastifyInstance,
  { store, peerFacts, liveLinks, now }: DetailDependencies<Pick<Store, "peer" | "links" | "aggregate">>,
): void {
  const options = { config: { cost: "question", describes } } as const;
  app.get<{ Params: { id: string } }>("/api/v1/peers/:id", options, async (request) => {
    const { id } = request.params;
    const given = readQuery(describes, request.query, now());
    const { metric, limit, sampling: sampled } = given;
    const window = windowOf(given, now());
    const step = chooseStep(given.step, window);
    return askInTurn(request, async (signal) => {
      const history = await store.peer(id, signal);
      const peer =
        history === undefined
          ? livePeer(liveLinks(), id, peerFacts)
          : withFacts(drawnHistory(history), peerFacts);
      if (peer === undefined) throw peerUnknown(id);
      const question = { ...window, metric, sampled, signal };
      const ofPeer = { ...question, filter: withPeer("either", id, given.filter) };
      const served = { ...question, filter: withPeer("server", id, given.filter) };
      const found = await readLinks(store, { ...ofPeer, limit }, undefined);
      const ports = await store.aggregate({ ...served, by: ["port", "protocol"], limit: portsMax });
      const perStep = await store.aggregate({ ...ofPeer, by: [], step, limit: 1 });
      const { from, to } = found;
      const built = buildTopology(found.links, { from, to, metric, linksMax: limit });
      const { peers, links, truncated } = peerFacts.describe(built);
      return {
        ...{ from, to, peer },
        ...rememberedOf(history),
        ports: ports.rows.map(({ group: [port, protocol = ""], ...totals }) => ({
          ...{ port: Number(port), protocol },
          ...figuresOf(totals),
        })),
        peers: peers.filter((other) => other.id !== id),
        links,
        linksLeftOut: truncated.links + found.linksLeftOut,
        series: seriesOf(perStep, step, metric),
      };
    });
  });
}

/** Of a peer of which nothing is stored yet, nothing. */
function rememberedOf(history: PeerHistory | undefined) {
  return {
    firstSeen: history?.firstSeen ?? null,
    lastSeen: history?.lastSeen ?? null,
    addresses: (history?.peers ?? []).map(({ address, name, firstSeen, lastSeen }) => ({
      ...{ address, name, firstSeen, lastSeen },
    })),
    addressesLeftOut: history?.addressesLeftOut ?? 0,
    names: history?.names ?? [],
  };
}
