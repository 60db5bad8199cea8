import type { FastifyInstance, FastifyRequest } from "fastify";
import { peerLabels } from "../../metrics/index.ts";
import { compileFilter, type Filter } from "../../query/index.ts";
import type { Store } from "../../store/index.ts";
import {
  buildTopology,
  type Grouping,
  groupings,
  type LinkEnd,
  type PortLink,
} from "../../topology/index.ts";
import { createGroupedGraphs, graphNodesMax, groupedFields } from "../grouped-graph.ts";
import { readLinks } from "../history.ts";
import { filterSubject, type LiveHub, type LiveHubDependencies } from "../live-hub.ts";
import { buildNodeGraph, graphFields, nodeId, type StatsType, statsTypes } from "../node-graph.ts";
import { compilePattern, filterPatiently } from "../safe-pattern.ts";
import { nodeGraph, nodeGraphFields } from "./answers/operation.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { type Description, type Read, readQuery } from "./description.ts";
import { filter, integer, oneOf, text, windowParameters } from "./parameter-kinds.ts";
import { windowOf } from "./parameters.ts";

/** Links of a past window that are looked at, the heaviest. */
const linksMax = 10_000;
/** What nodes may stand for, beside what the map groups by: its peers as they are. */
const graphGroupings = ["peer", ...groupings] as const;
const pattern = (what: string) => text(`A regular expression (RE2): ${what}.`, 10_000);
const parameters = {
  ...windowParameters,
  "stats-type": text(`What is shown of each: ${statsTypes.join(", ")}; connection where it is none.`, 10_000),
  namespace: pattern("the namespace of either end"),
  include: pattern("id or name of either end"),
  exclude: pattern("id or name of neither end"),
  group: oneOf(
    "The map's own peers, folded to this and placed, in place of k8spacket's nodes.",
    graphGroupings,
  ),
  filter: filter(),
  limit: integer("Nodes at most, where `group` is given.", {
    ...{ fallback: graphNodesMax, min: 10, max: graphNodesMax },
  }),
};
const describes = {
  ...{
    summary: "Nodes and edges, as k8spacket serves them to Grafana; with `group`, the map's own.",
    parameters,
  },
  answer: nodeGraph,
} satisfies Description;
const describesFields = { ...describes, summary: "What nodes and edges have.", answer: nodeGraphFields };
const describesHealth: Description = { summary: "Whether the graph can be asked for.", answer: undefined };
type Given = Read<typeof parameters>;

export interface NodeGraphDependencies extends Pick<LiveHubDependencies, "fold" | "peerFacts" | "now"> {
  readonly live: Pick<LiveHub, "links">;
}

/**
 * The Node Graph API, as k8spacket serves it: `/api/health`, `/api/graph/fields`, `/api/graph/data`, also under `/nodegraph`. With `group` it is
 * the map's own peers, placed. The window that the live map covers comes from there, with what is open now; any other from the store.
 */
export function routeNodeGraph(app: FastifyInstance, store: Store, live: NodeGraphDependencies): void {
  const grouped = createGroupedGraphs();
  for (const prefix of ["", "/nodegraph"]) {
    app.get(`${prefix}/api/health`, { config: { describes: describesHealth } }, async (_request, reply) =>
      reply.send(),
    );
    app.get(`${prefix}/api/graph/fields`, { config: { describes: describesFields } }, async (request) => {
      const given = readKnown(request, live.now());
      return given.group === undefined ? graphFields(statsType(given)) : groupedFields();
    });
    app.get(`${prefix}/api/graph/data`, { config: { cost: "question", describes } }, async (request) => {
      const given = readKnown(request, live.now());
      const { group, filter } = given;
      const isWanted = linkPatterns(given);
      const grouping = group === undefined ? "address" : group === "peer" ? undefined : group;
      const question = { ...windowOf(given, live.now()), filter, grouping };
      const { links, from, to } = await linksOf(request, store, live, question);
      const wanted = await filterPatiently(links, isWanted);
      if (group === undefined) return buildNodeGraph(wanted, statsType(given), (to - from) / 1000);
      const topology = buildTopology(wanted, { from, to, metric: "bytes", grouping, linksMax });
      const asked = JSON.stringify([group, filter, given.namespace, given.include, given.exclude]);
      return grouped.draw(asked, live.peerFacts.describe(topology), given.limit);
    });
  }
}

/** Others than these parameters are passed over, as k8spacket does: panels add their own. */
function readKnown({ query }: FastifyRequest, now: number): Given {
  const known = Object.entries(query as object).filter(([name]) => Object.hasOwn(parameters, name));
  return readQuery(describes, Object.fromEntries(known), now);
}

/** k8spacket's three patterns. */
function linkPatterns(given: Given): (link: PortLink) => boolean {
  const namespace = compilePattern("namespace", given.namespace);
  const include = compilePattern("include", given.include);
  const exclude = compilePattern("exclude", given.exclude);
  return ({ client, server }) => {
    const texts = [client, server].flatMap((end) => [nodeId(end), end.name]);
    return (
      (namespace === undefined || [client, server].some((end) => namespace.test(namespaceOf(end)))) &&
      (include === undefined || texts.some(include.test)) &&
      (exclude === undefined || !texts.some(exclude.test))
    );
  };
}

/** One that is not known is `connection`, as in k8spacket. */
function statsType(given: { readonly "stats-type": string | undefined }): StatsType {
  return statsTypes.find((type) => type === given["stats-type"]) ?? "connection";
}

interface LinksQuestion {
  readonly from: number;
  readonly to: number;
  readonly filter: Filter | undefined;
  readonly grouping: Grouping | undefined;
}

async function linksOf(
  request: FastifyRequest,
  store: Store,
  { live, fold, now }: NodeGraphDependencies,
  { from, to, filter, grouping }: LinksQuestion,
): Promise<{ from: number; to: number; links: readonly PortLink[] }> {
  const isLive = to >= now() - 60_000 && from >= now() - fold.windowMilliseconds - 60_000;
  if (isLive) {
    const matches = filter === undefined ? undefined : compileFilter(filter);
    // Who was seen since `from`, with what there is of them: the live map's totals are over its own window.
    const seen = live
      .links()
      .filter(
        (link) =>
          (link.lastSeen > from || link.active > 0) &&
          (matches === undefined || matches(filterSubject(link))),
      );
    return { from: now() - fold.windowMilliseconds, to: now(), links: seen };
  }
  const question = { from, to, filter, metric: "bytes" as const, limit: linksMax };
  return askInTurn(request, (signal) => readLinks(store, { ...question, signal }, grouping));
}

function namespaceOf(end: LinkEnd): string {
  return peerLabels({ ...end, address: nodeId(end) }).namespace;
}
