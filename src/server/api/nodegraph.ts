import type { FastifyInstance, FastifyRequest } from "fastify";
import { peerLabels } from "../../metrics/index.ts";
import { compileFilter, type Filter } from "../../query/index.ts";
import type { Store } from "../../store/index.ts";
import {
  buildTopology,
  type Grouping,
  groupings,
  type LinkEnd,
  liveParts,
  mergeParts,
  type PortLink,
} from "../../topology/index.ts";
import { createGroupedGraphs, graphNodesMax, groupedFields } from "../grouped-graph.ts";
import { readLinks } from "../history.ts";
import { filterSubject, type LiveHubDependencies } from "../live-hub.ts";
import { buildNodeGraph, graphFields, nodeId, type StatsType, statsTypes } from "../node-graph.ts";
import { compilePattern, filterPatiently } from "../safe-pattern.ts";
import { Parameters } from "./parameters.ts";
import { withTimeout } from "./timeout.ts";

/** Links of a past window that are looked at, the heaviest. */
const linksMax = 10_000;
const accepted = ["stats-type", "from", "to", "namespace", "include", "exclude", "group", "filter", "limit"];
/** What nodes may stand for, beside what the map groups by: its peers as they are. */
const graphGroupings = ["peer", ...groupings] as const;

/**
 * The Node Graph API, as k8spacket serves it: `/api/health`, `/api/graph/fields`, `/api/graph/data`, also under `/nodegraph`. With `group` it is
 * the map's own peers, placed. The window that the live map covers comes from there, with what is open now; any other from the store.
 */
export function routeNodeGraph(app: FastifyInstance, store: Store, live: LiveHubDependencies): void {
  const grouped = createGroupedGraphs();
  for (const prefix of ["", "/nodegraph"]) {
    app.get(`${prefix}/api/health`, async (_request, reply) => reply.send());
    app.get(`${prefix}/api/graph/fields`, async (request) => {
      const parameters = readParameters(request, live.now());
      return parameters.oneOf("group", graphGroupings) === undefined
        ? graphFields(statsType(parameters))
        : groupedFields();
    });
    app.get(`${prefix}/api/graph/data`, async (request) => {
      const parameters = readParameters(request, live.now());
      const isWanted = linkPatterns(parameters);
      const group = parameters.oneOf("group", graphGroupings);
      const grouping = group === undefined ? "address" : group === "peer" ? undefined : group;
      const nodesMax = parameters.integer("limit", { fallback: graphNodesMax, min: 10, max: graphNodesMax });
      const filter = parameters.filter();
      const question = { ...parameters.window(), filter, grouping };
      const { links, from, to } = await linksOf(request, store, live, question);
      const wanted = await filterPatiently(links, isWanted);
      if (group === undefined) return buildNodeGraph(wanted, statsType(parameters), (to - from) / 1000);
      const topology = buildTopology(wanted, { from, to, metric: "bytes", grouping, linksMax });
      const asked = ["filter", "namespace", "include", "exclude"].map((name) => parameters.text(name));
      return grouped.draw(JSON.stringify([group, ...asked]), live.peerFacts.describe(topology), nodesMax);
    });
  }
}

/** Others than these parameters are passed over, as k8spacket does: panels add their own. */
function readParameters({ query }: FastifyRequest, now: number): Parameters {
  const known = Object.entries(query as object).filter(([name]) => accepted.includes(name));
  return new Parameters(Object.fromEntries(known), accepted, now);
}

/** k8spacket's three patterns. */
function linkPatterns(parameters: Parameters): (link: PortLink) => boolean {
  const namespace = compilePattern("namespace", parameters.text("namespace"));
  const include = compilePattern("include", parameters.text("include"));
  const exclude = compilePattern("exclude", parameters.text("exclude"));
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
function statsType(parameters: Parameters): StatsType {
  const given = parameters.text("stats-type");
  return statsTypes.find((type) => type === given) ?? "connection";
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
  { fold, peers, observers, peerFacts, now }: LiveHubDependencies,
  { from, to, filter, grouping }: LinksQuestion,
): Promise<{ from: number; to: number; links: readonly PortLink[] }> {
  const isLive = to >= now() - 60_000 && from >= now() - fold.windowMilliseconds - 60_000;
  if (isLive) {
    const links = mergeParts(liveParts(fold, peers, observers), peerFacts.derivedOf);
    const matches = filter === undefined ? undefined : compileFilter(filter);
    // Who was seen since `from`, with what there is of them: the live map's totals are over its own window.
    const seen = links.filter(
      (link) =>
        (link.lastSeen > from || link.active > 0) && (matches === undefined || matches(filterSubject(link))),
    );
    return { from: now() - fold.windowMilliseconds, to: now(), links: seen };
  }
  const question = { from, to, filter, metric: "bytes" as const, limit: linksMax };
  return withTimeout(request, (signal) => readLinks(store, { ...question, signal }, grouping));
}

function namespaceOf(end: LinkEnd): string {
  return peerLabels({ ...end, address: nodeId(end) }).namespace;
}
