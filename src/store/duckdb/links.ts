import type { Grouping, LinkEnd } from "../../topology/index.ts";
import type { Links, LinksQuery, ObserverTotals } from "../store.ts";
import { otherEnd } from "./known-ends.ts";
import {
  chosenRows,
  countedSeen,
  countedSums,
  duplicateSums,
  groupTotals,
  linkIdentity,
  metricColumns,
  metricWeights,
  seenSums,
  summedRows,
  sums,
  totalsReader,
  windowRows,
} from "./link-totals.ts";
import type { Question } from "./questions.ts";
import { SqlParameters } from "./sql-parameters.ts";
import { type Window, windowOf } from "./window-parts.ts";

/** Rows of an answer at most: what the main thread can take in well under a second. */
const rowsMax = 50_000;
/** Addresses told per end at most. */
const addressesMax = 32;

/**
 * Behind the steps of `windowRows`
 *
 *     heaviest  where there are many pairs: the peers between which the heaviest are, found by the metric alone
 *     links     per link and observer: what counts apart from what is duplicate
 *     known     the links that somebody's figures count of: not those that only duplicates speak of
 *     drawn     what each peer is drawn as: `drawnPeer` of topology/build.ts in SQL
 *     between   links that are known, by what their ends are drawn as
 *     top       the heaviest pairs over the window
 *     reported  of these, per called peer, port, protocol and observer: what counts, and what that observer saw
 *
 * Most links are lighter than the heaviest: all that is told of a pair is put together of those few. Of each end the row has one peer
 * that is drawn as it; its facts are read by a second statement.
 */
export async function links(question: Question, query: LinksQuery): Promise<Links> {
  const window = windowOf(query, question.marks);
  const parameters = new SqlParameters();
  const columns = await question.columns(linksStatement(query, window, question, parameters), parameters);
  const [clients, servers, called] = ["client_key", "server_key", "called_key"].map(
    (name) => columns[name] as readonly number[],
  ) as [readonly number[], readonly number[], readonly number[]];
  const keys = new Set([...clients, ...servers, ...called]);
  keys.delete(0);
  const ends = await question.ends.read(keys, question.rows);
  const endOf = (key: number, addresses: readonly string[]): LinkEnd => ({
    ...(ends.get(key) ?? otherEnd),
    addresses: addresses.filter((address) => address !== ""),
  });
  const totalsOf = totalsReader(columns);
  const told = columns.told as readonly string[];
  return {
    from: window.from,
    to: window.to,
    rows: told.map((json, row) => {
      const { clients: clientAddresses, servers: serverAddresses, observers } = JSON.parse(json) as Told;
      return {
        ...totalsOf(row),
        client: endOf(clients[row]!, clientAddresses),
        server: endOf(servers[row]!, serverAddresses),
        called: called[row] === 0 ? undefined : endOf(called[row]!, []),
        port: columns.server_port![row] as number,
        protocol: columns.protocol![row] as number,
        observers: observers.sort((a, b) => (a.id < b.id ? -1 : 1)),
      };
    }),
    linksLeftOut: Number(columns.pair_count![0] ?? 0) - new Set(columns.rank).size,
  };
}

/** What is told of a link in lists: as one text, which is read much faster than lists and structures are. */
interface Told {
  readonly clients: readonly string[];
  readonly servers: readonly string[];
  readonly observers: ObserverTotals[];
}

function linksStatement(
  query: LinksQuery,
  window: Window,
  question: Question,
  parameters: SqlParameters,
): string {
  const { grouping = "none" } = query;
  const limit = parameters.integer(query.limit);
  const isRankedFirst = query.filter === undefined && manyPairs.has(grouping);
  const rows = isRankedFirst
    ? "(FROM rows SEMI JOIN heaviest USING (client_key, server_key))"
    : chosenRows(query);
  return `
  WITH ${windowRows(query, window, question, parameters)},
  drawn AS (SELECT key, address, ${grouping === "address" ? "id" : "address"} AS least, ${drawnAs[grouping]} AS drawn FROM peers),
  ${isRankedFirst ? heaviestPeers(query, limit) : ""}
  links AS MATERIALIZED (
    SELECT ${[linkIdentity, "observer_key", "bool_or(NOT l.is_duplicate) AS counts", ...countedSums(), ...duplicateSums(), ...countedSeen].join(", ")}
    FROM (${summedRows(`${rows} l`, [linkIdentity, "observer_key"], query.sampled)}) l
    GROUP BY ${linkIdentity}, observer_key
  ),
  known AS (SELECT DISTINCT ${linkIdentity} FROM links WHERE counts),
  between AS MATERIALIZED (
    SELECT l.*, coalesce(c.drawn, '') AS client, coalesce(s.drawn, '') AS server,
      coalesce(c.address, '') AS client_address, coalesce(s.address, '') AS server_address,
      coalesce(c.least, '') AS client_least, coalesce(s.least, '') AS server_least
    FROM (FROM links SEMI JOIN known USING (${linkIdentity})) l
    LEFT JOIN drawn c ON c.key = l.client_key LEFT JOIN drawn s ON s.key = l.server_key
  ),
  top AS MATERIALIZED (
    SELECT client, server, row_number() OVER (ORDER BY ${metricWeights[query.metric]} DESC, client, server) AS rank,
      ${isRankedFirst ? "(SELECT any_value(pair_count) FROM heaviest)" : "count(*) OVER ()"} AS pair_count
    FROM between GROUP BY client, server
    QUALIFY rank <= ${limit}
  ),
  reported AS MATERIALIZED (
    SELECT rank, pair_count, l.called_key, l.server_port, l.protocol,
      o.id AS observer_id, ${leastEnd("client")}, ${leastEnd("server")},
      list(client_address) AS client_addresses, list(server_address) AS server_addresses,
      ${groupTotals("l.")}, ${seenSums()}
    FROM between l JOIN top USING (client, server) LEFT JOIN observers o ON o.key = l.observer_key
    GROUP BY ALL
  )
  SELECT rank::DOUBLE AS rank, called_key::DOUBLE AS called_key, server_port, protocol,
    arg_min(client_key, least_client)::DOUBLE AS client_key, arg_min(server_key, least_server)::DOUBLE AS server_key,
    ${groupTotals()}, any_value(pair_count)::DOUBLE AS pair_count,
    to_json({ 'clients': ${someOf("client_addresses")}, 'servers': ${someOf("server_addresses")}, 'observers': ${observers} }) AS told
  FROM reported GROUP BY reported.rank, reported.called_key, server_port, protocol
  ORDER BY reported.rank, ${metricWeights[query.metric]} DESC, server_port, protocol, reported.called_key LIMIT ${rowsMax}`;
}

const someOf = (lists: string) => `list_sort(list_distinct(flatten(list(${lists}))))[:${addressesMax}]`;

/** Of these there are about as many pairs as links; a filter leaves few rows. */
const manyPairs: ReadonlySet<Grouping | "none"> = new Set(["none", "pod", "workload", "address"]);

/**
 * Two or three sums per pair of peers instead of twenty per link and observer: those of the few that are told of are put together
 * afterwards. Every link of a pair that is drawn is kept, so nothing of the answer depends on it.
 */
function heaviestPeers({ sampled, metric }: LinksQuery, limit: string): string {
  return `
  pairs AS MATERIALIZED (
    SELECT l.*, coalesce(c.drawn, '') AS client, coalesce(s.drawn, '') AS server
    FROM (
      SELECT ${["client_key", "server_key", ...sums(sampled, metricColumns[metric])].join(", ")}
      FROM rows l WHERE NOT l.is_duplicate GROUP BY client_key, server_key
    ) l LEFT JOIN drawn c ON c.key = l.client_key LEFT JOIN drawn s ON s.key = l.server_key
  ),
  heaviest AS MATERIALIZED (
    SELECT client_key, server_key, pair_count FROM pairs JOIN (
      SELECT client, server, count(*) OVER () AS pair_count FROM pairs GROUP BY client, server
      ORDER BY ${metricWeights[metric]} DESC, client, server LIMIT ${limit}
    ) USING (client, server)
  ),`;
}

/** In no order, which costs as much again. */
const observers = `coalesce(list({ 'id': observer_id, 'bytesSent': seen_bytes_sent, 'bytesReceived': seen_bytes_received,
      'packets': seen_packets }) FILTER (observer_id IS NOT NULL), [])`;

/** The peer at the least address tells what the end is like, of several there the one with the least id, as in `buildTopology`: only where peers are drawn by their address are there several that differ. */
function leastEnd(end: "client" | "server"): string {
  return `arg_min(l.${end}_key, ${end}_least) AS ${end}_key, min(${end}_least) AS least_${end}`;
}

const networkOr = (condition: string, drawn: string) =>
  `CASE WHEN ${condition} THEN ${drawn} ELSE 'network:' || network END`;

/** As `drawnPeer` has it: equal texts are one peer on the map. */
const drawnAs: Readonly<Record<Grouping | "none", string>> = {
  none: "id",
  pod: "id",
  node: "CASE WHEN node <> '' THEN 'node:' || node ELSE id END",
  namespace: "CASE WHEN namespace <> '' THEN 'namespace:' || namespace ELSE id END",
  workload:
    "CASE WHEN workload <> '' THEN 'workload:' || namespace || '/' || workload_kind || '/' || workload ELSE id END",
  address: "'host:' || CASE WHEN address <> '' THEN address ELSE name END",
  network: "'network:' || network",
  country: networkOr("country <> ''", "'country:' || country"),
  asn: networkOr("as_number IS NOT NULL", "'as:' || as_number"),
  domain: networkOr("domain <> ''", "'domain:' || domain"),
};
