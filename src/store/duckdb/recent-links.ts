import { otherPeer, type Peer } from "../../topology/index.ts";
import type { LinkMinute } from "../store.ts";
import { linkRowsOfWindow } from "./link-rows.ts";
import { totalsReader } from "./link-totals.ts";
import { peerTextColumns, readPeer } from "./peer-columns.ts";
import type { Question } from "./questions.ts";
import { leastRtt, linkSumColumns, sampledColumns } from "./schema.ts";
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
  const columns = await question.columns(
    `FROM (SELECT "time"::DOUBLE AS "time", client_key::DOUBLE AS client_key, server_key::DOUBLE AS server_key,
      called_key::DOUBLE AS called_key, server_port, protocol, coalesce(o.id, '') AS observer, is_duplicate, client_interface, server_interface,
      ${linkSumColumns.map((name) => `${sum(name)}::DOUBLE AS ${name}`).join(", ")},
      ${leastRtt("rtt_min")}::DOUBLE AS rtt_min, min(first_seen)::DOUBLE AS first_seen, max(last_seen)::DOUBLE AS last_seen
    FROM (${linkRowsOfWindow(window, question.marks, parameters)}) r LEFT JOIN observers o ON o.key = r.observer_key
    GROUP BY r."time", ${keys}, o.id ORDER BY r."time" DESC LIMIT ${parameters.integer(linksMax)}) ORDER BY "time"`,
    parameters,
  );
  const column = <T>(name: string) => columns[name] as readonly T[];
  const [clients, servers, called] = [
    column<number>("client_key"),
    column<number>("server_key"),
    column<number>("called_key"),
  ];
  const peers = await readPeers(question, new Set([...clients, ...servers, ...called]));
  const peerOf = (key: number) => peers.get(key) ?? otherPeer;
  const totalsOf = totalsReader(columns);
  const [ports, protocols, observers] = [
    column<number>("server_port"),
    column<number>("protocol"),
    column<string>("observer"),
  ];
  const [clientInterfaces, serverInterfaces] = [
    column<number>("client_interface"),
    column<number>("server_interface"),
  ];
  const [duplicate, rttCounts] = [column<boolean>("is_duplicate"), column<number>("rtt_count")];
  return column<number>("time").map((minute, row) => ({
    ...totalsOf(row),
    minute,
    client: peerOf(clients[row]!),
    server: peerOf(servers[row]!),
    called: called[row] === 0 ? undefined : peerOf(called[row]!),
    port: ports[row]!,
    protocol: protocols[row]!,
    observer: observers[row]!,
    isDuplicate: duplicate[row]!,
    clientInterface: clientInterfaces[row]!,
    serverInterface: serverInterfaces[row]!,
    rttCount: rttCounts[row]!,
  }));
}

/** As they are made: what follows from their addresses is derived anew. */
async function readPeers(question: Question, keys: ReadonlySet<number>): Promise<Map<number, Peer>> {
  const peers = new Map<number, Peer>();
  const rows = await question.rows(`SELECT key::DOUBLE AS key, ${peerTextColumns.join(", ")} FROM peers`);
  for (const row of rows) if (keys.has(row.key as number)) peers.set(row.key as number, readPeer(row));
  return peers;
}
