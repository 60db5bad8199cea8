import type { FastifyInstance, FastifyRequest } from "fastify";
import { peerLabels } from "../../metrics/index.ts";
import type { Store } from "../../store/index.ts";
import { type LinkEnd, liveParts, mergeParts, type PortLink } from "../../topology/index.ts";
import { readLinks } from "../history.ts";
import type { LiveHubDependencies } from "../live-hub.ts";
import { buildNodeGraph, graphFields, nodeId, type StatsType, statsTypes } from "../node-graph.ts";
import { compilePattern, filterPatiently } from "../safe-pattern.ts";
import { nodeGraph, nodeGraphFields } from "./answers/operation.ts";
import { type Description, readQuery } from "./description.ts";
import { text, windowParameters } from "./parameter-kinds.ts";
import { windowOf } from "./parameters.ts";
import { withTimeout } from "./timeout.ts";

type LiveLinks = Omit<LiveHubDependencies, "peerFacts">;

/** Links of a past window that are looked at, the heaviest. */
const linksMax = 10_000;
const pattern = (what: string) => text(`A regular expression (RE2): ${what}.`, 10_000);
const parameters = {
  ...windowParameters,
  "stats-type": text(`What is shown of each: ${statsTypes.join(", ")}; connection where it is none.`, 10_000),
  namespace: pattern("the namespace of either end"),
  include: pattern("id or name of either end"),
  exclude: pattern("id or name of neither end"),
};
const describes = {
  ...{ summary: "Nodes and edges, as k8spacket serves them to Grafana.", parameters },
  answer: nodeGraph,
} satisfies Description;
const describesFields = { ...describes, summary: "What nodes and edges have.", answer: nodeGraphFields };
const describesHealth: Description = { summary: "Whether the graph can be asked for.", answer: undefined };

/**
 * The Node Graph API, as k8spacket serves it: `/api/health`, `/api/graph/fields`, `/api/graph/data`, also under `/nodegraph`. The window that
 * the live map covers comes from there, with what is open now; any other from the store.
 */
export function routeNodeGraph(app: FastifyInstance, store: Store, live: LiveLinks): void {
  for (const prefix of ["", "/nodegraph"]) {
    app.get(`${prefix}/api/health`, { config: { describes: describesHealth } }, async (_request, reply) =>
      reply.send(),
    );
    app.get(`${prefix}/api/graph/fields`, { config: { describes: describesFields } }, async (request) =>
      graphFields(statsType(readKnown(request, live.now()))),
    );
    app.get(`${prefix}/api/graph/data`, { config: { cost: "question", describes } }, async (request) => {
      const given = readKnown(request, live.now());
      const namespace = compilePattern("namespace", given.namespace);
      const include = compilePattern("include", given.include);
      const exclude = compilePattern("exclude", given.exclude);
      const { links, seconds } = await linksOf(request, store, live, windowOf(given, live.now()));
      const wanted = await filterPatiently(links, ({ client, server }) => {
        const texts = [client, server].flatMap((end) => [nodeId(end), end.name]);
        return (
          (namespace === undefined || [client, server].some((end) => namespace.test(namespaceOf(end)))) &&
          (include === undefined || texts.some(include.test)) &&
          (exclude === undefined || !texts.some(exclude.test))
        );
      });
      return buildNodeGraph(wanted, statsType(given), seconds);
    });
  }
}

/** Others than k8spacket's parameters are passed over, as it does: panels add their own. */
function readKnown({ query }: FastifyRequest, now: number) {
  const known = Object.entries(query as object).filter(([name]) => name in parameters);
  return readQuery(describes, Object.fromEntries(known), now);
}

/** One that is not known is `connection`, as in k8spacket. */
function statsType(given: { readonly "stats-type": string | undefined }): StatsType {
  return statsTypes.find((type) => type === given["stats-type"]) ?? "connection";
}

async function linksOf(
  request: FastifyRequest,
  store: Store,
  { fold, peers, observers, now }: LiveLinks,
  { from, to }: { from: number; to: number },
): Promise<{ links: readonly PortLink[]; seconds: number }> {
  const isLive = to >= now() - 60_000 && from >= now() - fold.windowMilliseconds - 60_000;
  if (isLive) {
    const links = mergeParts(liveParts(fold, peers, observers));
    // Who was seen since `from`, with what there is of them: the live map's totals are over its own window.
    const seen = links.filter(({ lastSeen, active }) => lastSeen > from || active > 0);
    return { links: seen, seconds: fold.windowMilliseconds / 1000 };
  }
  const question = { from, to, filter: undefined, metric: "bytes" as const, limit: linksMax };
  const past = await withTimeout(request, (signal) => readLinks(store, { ...question, signal }, "address"));
  return { links: past.links, seconds: (past.to - past.from) / 1000 };
}

function namespaceOf(end: LinkEnd): string {
  return peerLabels({ ...end, address: nodeId(end) }).namespace;
}
