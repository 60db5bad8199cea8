import { otherPeer, type Peer, type PeerKind } from "../../topology/index.ts";
import type { LinkMinute } from "../store.ts";
import { linkRowsOfWindow, minuteMilliseconds } from "./link-rows.ts";
import type { Question, SqlRow } from "./questions.ts";
import { leastRtt, linkKeyColumns, linkSumColumns, peerColumns, readCounters } from "./schema.ts";
import { SqlParameters } from "./sql-parameters.ts";

/** Links per minute since a time, oldest first. Rows of one peer share one object. */
export async function recentLinks(question: Question, fromMilliseconds: number): Promise<LinkMinute[]> {
  const parameters = new SqlParameters();
  const from = parameters.integer(Math.floor(fromMilliseconds / minuteMilliseconds) * minuteMilliseconds);
  const rows = linkRowsOfWindow(question.rolledUpId, from, parameters.integer(Number.MAX_SAFE_INTEGER));
  const links = await question.rows(
    `SELECT minute::DOUBLE AS minute, client_key::DOUBLE AS client_key, server_key::DOUBLE AS server_key, server_port,
      protocol, coalesce(o.id, '') AS observer, is_duplicate,
      ${linkSumColumns.map((name) => `sum(${name})::DOUBLE AS ${name}`).join(", ")},
      ${leastRtt("rtt_min")}::DOUBLE AS rtt_min, max(last_seen)::DOUBLE AS last_seen
    FROM (${rows}) r LEFT JOIN observers o ON o.key = r.observer_key
    GROUP BY ${linkKeyColumns}, o.id ORDER BY r.minute`,
    parameters,
  );
  const peers = await readPeers(question, links);
  const peerOf = (key: unknown) => peers.get(key as number) ?? otherPeer;
  return links.map((row) => readLinkMinute(row, peerOf(row.client_key), peerOf(row.server_key)));
}

async function readPeers(question: Question, links: readonly SqlRow[]): Promise<Map<number, Peer>> {
  const keys = new Set(links.flatMap((row) => [row.client_key as number, row.server_key as number]));
  const peers = new Map<number, Peer>();
  const rows = await question.rows(`SELECT key::DOUBLE AS key, ${peerColumns.join(", ")} FROM peers`);
  for (const { key, kind, ...facts } of rows) {
    if (!keys.has(key as number)) continue;
    peers.set(key as number, {
      ...(facts as Omit<Record<keyof Peer, string>, "kind">),
      kind: kind as PeerKind,
    });
  }
  return peers;
}

function readLinkMinute(row: SqlRow, client: Peer, server: Peer): LinkMinute {
  const number = (name: string) => row[name] as number;
  const rttCount = number("rtt_count");
  return {
    minute: number("minute"),
    client,
    server,
    port: number("server_port"),
    protocol: number("protocol"),
    observer: row.observer as string,
    isDuplicate: row.is_duplicate as boolean,
    ...readCounters(row),
    rttMicroseconds: rttCount === 0 ? null : number("rtt_sum") / rttCount,
    rttMinMicroseconds: number("rtt_min") || null,
    rttCount,
    lastSeen: number("last_seen"),
  };
}
