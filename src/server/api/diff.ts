import type { FastifyInstance } from "fastify";
import type { ComparedRow, Comparison, Store } from "../../store/index.ts";
import { diff } from "./answers/details.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { type Description, type Parameter, readQuery } from "./description.ts";
import { chooseForm, type Row, sendTable } from "./form.ts";
import { figureCells, figureColumns, figuresOf, type LinkFigures, metricOf } from "./link-cells.ts";
import { filter, format, integer, sampling, time, windowParameters } from "./parameter-kinds.ts";
import { invalid, windowOf } from "./parameters.ts";
import { detailMetric } from "./peers.ts";

/** Links that are compared at most, and with their peers. */
const comparedMax = 20_000;
const peersMax = 1000;

const factor: Parameter<number> = {
  description:
    "A link in both windows is told when its metric per second grew or shrank by this factor or more.",
  schema: { type: "number", minimum: 1, maximum: 1_000_000, default: 2 },
  read(parameters, name) {
    const given = parameters.text(name, 20) ?? "2";
    const value = Number(given);
    if (/^\d+(\.\d+)?$/.test(given) && value >= 1 && value <= 1_000_000) return value;
    throw invalid(name, `"${given}" is not a number from 1 to 1000000`);
  },
};

const describes = {
  summary: "Links and peers that are new, gone or changed between a window and a base before it.",
  parameters: {
    ...windowParameters,
    baseFrom: time("Start of the base; it is as long as the window when not given."),
    baseTo: time("End of the base; the start of the window when not given."),
    filter: filter(),
    metric: detailMetric,
    factor,
    limit: integer("Links at most.", { fallback: 100, min: 1, max: 5000 }),
    sampling,
    format,
  },
  answer: diff,
  forms: ["csv", "ndjson"],
} satisfies Description;

type Metric = ReturnType<(typeof describes)["parameters"]["metric"]["read"]>;

/** `GET /api/v1/diff`. */
export function routeDiff(
  app: FastifyInstance,
  store: Pick<Store, "compare" | "peersById">,
  now: () => number,
): void {
  app.get("/api/v1/diff", { config: { cost: "question", describes } }, async (request, reply) => {
    const given = readQuery(describes, request.query, now());
    const { metric, limit, filter, factor, sampling: sampled } = given;
    const window = windowOf(given, now());
    const base = baseOf(given, window);
    const answer = await askInTurn(request, async (signal) => {
      const compared = await store.compare({
        ...{ ...window, ...base, filter, metric, sampled, signal },
        by: ["client", "server"],
        limit: comparedMax,
      });
      const changes = compared.rows
        .map((row) => describeLink(row, compared, metric))
        .filter(({ change, factor: by }) => change !== "changed" || hasChanged(by, factor));
      const counts = {
        newLinks: compared.newCount,
        goneLinks: compared.goneCount,
        linksInBoth: compared.bothCount,
      };
      const allCount = compared.newCount + compared.goneCount + compared.bothCount;
      const isComplete = allCount <= compared.rows.length;
      const { from, to, baseFrom, baseTo } = compared;
      const told = changes.slice(0, limit);
      const changed = isComplete ? changedPeers(compared, metric) : [];
      const ids = [...told.flatMap(({ client, server }) => [client, server]), ...changed.map(({ id }) => id)];
      const known = await store.peersById([...new Set(ids)], signal);
      const byId = new Map(known.map((peer) => [peer.id, peer]));
      const nameOf = (id: string) => byId.get(id)?.peers[0]?.name ?? "";
      return {
        ...{ from, to, baseFrom, baseTo, metric, factor },
        links: told.map((link) => ({
          ...link,
          clientName: nameOf(link.client),
          serverName: nameOf(link.server),
        })),
        peers: changed.map((peer) => ({
          ...peer,
          kind: byId.get(peer.id)?.peers[0]?.kind ?? "",
          name: nameOf(peer.id),
          firstSeen: byId.get(peer.id)?.firstSeen ?? 0,
        })),
        ...{ counts, isComplete },
      };
    });
    const form = chooseForm(given.format, request.headers.accept);
    if (form === "json") return answer;
    return sendTable(reply, form, "diff", { columns, rows: answer.links.map(cellsOf) });
  });
}

type Asked = { readonly baseFrom: number | undefined; readonly baseTo: number | undefined };

const minuteMilliseconds = 60_000;

/** As long as the window, just before it, where nothing else is said. */
function baseOf({ baseFrom, baseTo }: Asked, { from, to }: { from: number; to: number }) {
  // The store answers whole minutes: two windows side by side have none in common.
  const begin = Math.floor(from / minuteMilliseconds) * minuteMilliseconds;
  const length = Math.ceil(to / minuteMilliseconds) * minuteMilliseconds - begin;
  const end = baseTo ?? (baseFrom === undefined ? begin : baseFrom + length);
  const start = baseFrom ?? end - length;
  if (start < 0) throw invalid("baseFrom", "lies before 1970");
  if (start >= end) throw invalid("baseFrom", "lies behind `baseTo`: the base is empty");
  return { baseFrom: start, baseTo: end };
}

function describeLink({ group, now, base, firstSeen }: ComparedRow, compared: Comparison, metric: Metric) {
  const [client = "", server = ""] = group;
  const value = now === null ? 0 : metricOf(now, metric);
  const baseValue = base === null ? 0 : metricOf(base, metric);
  return {
    change: base === null ? "new" : now === null ? "gone" : "changed",
    ...{ id: `${client}>${server}`, client, server, value, baseValue },
    factor: factorOf(
      value / (compared.to - compared.from),
      baseValue / (compared.baseTo - compared.baseFrom),
    ),
    now: now && figuresOf(now),
    base: base && figuresOf(base),
    firstSeen,
  };
}

/** Null where there was nothing to grow from. */
function factorOf(rate: number, baseRate: number): number | null {
  return baseRate === 0 ? (rate === 0 ? 1 : null) : rate / baseRate;
}

function hasChanged(by: number | null, factor: number): boolean {
  return by === null || by >= factor || by <= 1 / factor;
}

/** Peers all of whose links are new, or gone; their totals are those of their links. The heaviest first. */
function changedPeers({ rows }: Comparison, metric: Metric) {
  const peers = new Map<string, { value: number; base: number; isNow: boolean; wasBefore: boolean }>();
  for (const { group, now, base } of rows) {
    for (const id of new Set(group)) {
      const peer = peers.get(id) ?? { value: 0, base: 0, isNow: false, wasBefore: false };
      peer.value += now === null ? 0 : metricOf(now, metric);
      peer.base += base === null ? 0 : metricOf(base, metric);
      peer.isNow ||= now !== null;
      peer.wasBefore ||= base !== null;
      peers.set(id, peer);
    }
  }
  return [...peers]
    .filter(([, { isNow, wasBefore }]) => isNow !== wasBefore)
    .map(([id, { isNow, value, base }]) => ({
      change: isNow ? "new" : "gone",
      id,
      value: isNow ? value : base,
    }))
    .sort((a, b) => b.value - a.value || (a.id < b.id ? -1 : 1))
    .slice(0, peersMax);
}

const facts = ["change", "client", "server", "clientName", "serverName"] as const;
const figures = ["value", "baseValue", "factor", "firstSeen"] as const;
const columns = [
  ...facts,
  ...figures,
  ...figureColumns,
  ...figureColumns.map((name) => `base${name[0]!.toUpperCase()}${name.slice(1)}`),
];

type ToldLink = ReturnType<typeof describeLink> & {
  readonly clientName: string;
  readonly serverName: string;
};

function cellsOf(link: ToldLink): Row {
  const side = (of: LinkFigures | null) => (of === null ? figureColumns.map(() => null) : figureCells(of));
  return [
    ...facts.map((name) => link[name]),
    ...figures.map((name) => link[name]),
    ...side(link.now),
    ...side(link.base),
  ];
}
