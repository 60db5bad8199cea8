import { otherPeer, type Peer } from "../../topology/index.ts";
import type { LinkMinute } from "../store.ts";
import { linkRowsOfWindow } from "./link-rows.ts";
import { peerTextColumns, readPeer } from "./peer-columns.ts";
import type { Question, SqlRow } from "./questions.ts";
import { leastRtt, linkSumColumns, readCounters, sampledColumns } from "./schema.ts";
import { SqlParameters } from "./sql-parameters.ts";
import { floorTo, minuteMilliseconds } from "./window-parts.ts";

/** Links per minute since a time, oldest first. Rows of one peer share one object. */
export async function recentLinks(
  question: Question,
  fromMilliseconds: number,
  linksMax = 200_000,
): Promise<LinkMinute[]> {
  const parameters = new SqlParameters();
  // By minutes, however far it reaches back: nobody asks for more of them than are kept.
  const window = {
    from: floorTo(fromMilliseconds, minuteMilliseconds),
    to: Number.MAX_SAFE_INTEGER,
    step: minuteMilliseconds,
  };
  const keys =
    "client_key, server_key, called_key, server_port, protocol, is_duplicate, client_interface, server_interface";
  const sum = (name: string) =>
    (sampledColumns as readonly string[]).includes(name)
      ? `sum(least(${name}::DOUBLE * sampling_interval, 9007199254740991))`
      : `sum(${name})`;
  const links = await question.rows(
    `FROM (SELECT "time"::DOUBLE AS "time", client_key::DOUBLE AS client_key, server_key::DOUBLE AS server_key,
      called_key::DOUBLE AS called_key, server_port, protocol, coalesce(o.id, '') AS observer, is_duplicate, client_interface, server_interface,
      ${linkSumColumns.map((name) => `${sum(name)}::DOUBLE AS ${name}`).join(", ")},
      ${leastRtt("rtt_min")}::DOUBLE AS rtt_min, min(first_seen)::DOUBLE AS first_seen, max(last_seen)::DOUBLE AS last_seen
    FROM (${linkRowsOfWindow(window, question.marks, parameters)}) r LEFT JOIN observers o ON o.key = r.observer_key
    GROUP BY r."time", ${keys}, o.id ORDER BY r."time" DESC LIMIT ${parameters.integer(linksMax)}) ORDER BY "time"`,
    parameters,
  );
  const peers = await readPeers(question, links);
  const peerOf = (key: unknown) => peers.get(key as number) ?? otherPeer;
  return links.map((row) => ({
    ...readLinkMinute(row, peerOf(row.client_key), peerOf(row.server_key)),
    called: row.called_key === 0 ? undefined : peerOf(row.called_key),
  }));
}

/** As they are made: what follows from their addresses is derived anew. */
async function readPeers(question: Question, links: readonly SqlRow[]): Promise<Map<number, Peer>> {
  const keys = new Set(
    links.flatMap((row) => [row.client_key, row.server_key, row.called_key] as readonly number[]),
  );
  const peers = new Map<number, Peer>();
  const rows = await question.rows(`SELECT key::DOUBLE AS key, ${peerTextColumns.join(", ")} FROM peers`);
  for (const row of rows) if (keys.has(row.key as number)) peers.set(row.key as number, readPeer(row));
  return peers;
}

function readLinkMinute(row: SqlRow, client: Peer, server: Peer): Omit<LinkMinute, "called"> {
  const number = (name: string) => row[name] as number;
  const rttCount = number("rtt_count");
  return {
    minute: number("time"),
    client,
    server,
    port: number("server_port"),
    protocol: number("protocol"),
    observer: row.observer as string,
    isDuplicate: row.is_duplicate as boolean,
    clientInterface: number("client_interface"),
    serverInterface: number("server_interface"),
    ...readCounters(row),
    rttMicroseconds: rttCount === 0 ? null : number("rtt_sum") / rttCount,
    rttMinMicroseconds: number("rtt_min") || null,
    rttCount,
    firstSeen: number("first_seen"),
    lastSeen: number("last_seen"),
  };
}
