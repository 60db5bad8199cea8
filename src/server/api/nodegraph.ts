import type { FastifyInstance, FastifyRequest } from "fastify";
import { peerLabels } from "../../metrics/index.ts";
import type { Store } from "../../store/index.ts";
import { type LinkEnd, liveParts, mergeParts, type PortLink } from "../../topology/index.ts";
import { readLinks } from "../history.ts";
import type { LiveHubDependencies } from "../live-hub.ts";
import { buildNodeGraph, graphFields, nodeId, type StatsType, statsTypes } from "../node-graph.ts";
import { compilePattern, filterPatiently } from "../safe-pattern.ts";
import { Parameters } from "./parameters.ts";
import { withTimeout } from "./timeout.ts";

type LiveLinks = Omit<LiveHubDependencies, "peerFacts">;

/** Links of a past window that are looked at, the heaviest. */
const linksMax = 10_000;
const accepted = ["stats-type", "from", "to", "namespace", "include", "exclude"];

/**
 * The Node Graph API, as k8spacket serves it: `/api/health`, `/api/graph/fields`, `/api/graph/data`, also under `/nodegraph`. The window that
 * the live map covers comes from there, with what is open now; any other from the store.
 */
export function routeNodeGraph(app: FastifyInstance, store: Store, live: LiveLinks): void {
  for (const prefix of ["", "/nodegraph"]) {
    app.get(`${prefix}/api/health`, async (_request, reply) => reply.send());
    app.get(`${prefix}/api/graph/fields`, async (request) =>
      graphFields(statsType(readParameters(request, live.now()))),
    );
    app.get(`${prefix}/api/graph/data`, async (request) => {
      const parameters = readParameters(request, live.now());
      const namespace = compilePattern("namespace", parameters.text("namespace"));
      const include = compilePattern("include", parameters.text("include"));
      const exclude = compilePattern("exclude", parameters.text("exclude"));
      const { links, seconds } = await linksOf(request, store, live, parameters.window());
      const wanted = await filterPatiently(links, ({ client, server }) => {
        const texts = [client, server].flatMap((end) => [nodeId(end), end.name]);
        return (
          (namespace === undefined || [client, server].some((end) => namespace.test(namespaceOf(end)))) &&
          (include === undefined || texts.some(include.test)) &&
          (exclude === undefined || !texts.some(exclude.test))
        );
      });
      return buildNodeGraph(wanted, statsType(parameters), seconds);
    });
  }
}

/** Others than k8spacket's parameters are passed over, as it does: panels add their own. */
function readParameters({ query }: FastifyRequest, now: number): Parameters {
  const known = Object.entries(query as object).filter(([name]) => accepted.includes(name));
  return new Parameters(Object.fromEntries(known), accepted, now);
}

/** One that is not known is `connection`, as in k8spacket. */
function statsType(parameters: Parameters): StatsType {
  const given = parameters.text("stats-type");
  return statsTypes.find((type) => type === given) ?? "connection";
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
