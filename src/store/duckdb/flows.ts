import { coreFields, type FieldName, formatAddress, formatProtocol } from "../../flow/index.ts";
import type { Filter } from "../../query/index.ts";
import { OperatingError } from "../errors.ts";
import type { FlowRecordRow, FlowsPage, FlowsQuery } from "../store.ts";
import { addressBytes, addressColumns, mapHalves } from "./address-value.ts";
import { type FilterColumns, filterCondition, type Measure, type PinnedEnd } from "./filter-sql.ts";
import type { Question, SqlRow } from "./questions.ts";
import { keyColumns } from "./schema.ts";
import { SqlParameters } from "./sql-parameters.ts";

/** The place of a record in the order newest first. Ids grow, so records that arrive later do not move a page. */
interface Place {
  readonly time: number;
  readonly id: number;
}

/** A stretch of time, and how much is still wanted of it. */
interface Slice {
  readonly from: number;
  readonly to: number;
  readonly after: Place | undefined;
  readonly limit: number;
}

const firstSliceMilliseconds = 1000;
/** How much longer each slice is than the one before. */
const sliceGrowth = 8;

const seen = `f."collectionTimeMilliseconds"`;

/**
 * Looks backwards from the newest end in slices of time that grow, so that a page near the end of a long history reads
 * little, and a rare match reads everything once, in as many pages as the asker's patience makes of it.
 */
export async function flows(question: Question, query: FlowsQuery): Promise<FlowsPage> {
  const after = query.cursor === undefined ? undefined : readCursor(query.cursor);
  const from = Math.floor(query.from);
  const { patienceMilliseconds: patience = Number.POSITIVE_INFINITY } = query;
  const begun = performance.now();
  const found: Place[] = [];
  let to = after === undefined ? Math.ceil(query.to) : Math.min(Math.ceil(query.to), after.time + 1);
  for (let length = firstSliceMilliseconds; to > from && found.length < query.limit; length *= sliceGrowth) {
    const sliceFrom = Math.max(from, to - length);
    const slice = { from: sliceFrom, to, after, limit: query.limit - found.length };
    found.push(...(await findPlaces(question, query.filter, slice)));
    to = sliceFrom;
    if (performance.now() - begun >= patience) break;
  }
  const records = found.length === 0 ? [] : await question.rows(recordsStatement(found.map(({ id }) => id)));
  return { records: records.map(readFlowRecord), nextCursor: nextCursor(found, query.limit, { from, to }) };
}

/** Behind the last record of a full page; of one that was given up, behind what was looked through. */
function nextCursor(found: readonly Place[], limit: number, left: { from: number; to: number }) {
  const last = found.length === limit ? found.at(-1) : undefined;
  if (last !== undefined) return writeCursor(last.time, last.id);
  return left.to > left.from ? writeCursor(left.to - 1, idMax) : null;
}

/** From few columns: only the records of the page are read whole, once all of them are found. */
async function findPlaces(question: Question, filter: Filter | undefined, slice: Slice): Promise<Place[]> {
  const parameters = new SqlParameters();
  const rows = await question.rows(placesStatement(filter, slice, parameters), parameters);
  return rows as unknown as Place[];
}

function placesStatement(
  filter: Filter | undefined,
  { from, to, after, limit }: Slice,
  parameters: SqlParameters,
): string {
  const conditions = [`${seen} >= ${parameters.integer(from)}`, `${seen} < ${parameters.integer(to)}`];
  if (after !== undefined) {
    const [time, id] = [parameters.integer(after.time), parameters.integer(after.id)];
    conditions.push(`(${seen} < ${time} OR (${seen} = ${time} AND f.record_id < ${id}))`);
  }
  const chosen = filter === undefined ? "" : filterCondition(filter, recordColumns, parameters);
  if (chosen !== "") conditions.push(chosen);
  return `
    SELECT f.record_id::DOUBLE AS id, ${seen}::DOUBLE AS "time" FROM flow_records f ${joinsOf(chosen)}
    WHERE ${conditions.join(" AND ")}
    ORDER BY ${seen} DESC, f.record_id DESC LIMIT ${parameters.integer(limit)}`;
}

/** The ids are ours, out of the statement before. */
function recordsStatement(ids: readonly number[]): string {
  const [first, last] = [ids.reduce((a, b) => Math.min(a, b)), ids.reduce((a, b) => Math.max(a, b))];
  return `
    SELECT f.*, source.id AS "sourcePeer", source.name AS "sourcePeerName",
      destination.id AS "destinationPeer", destination.name AS "destinationPeerName",
      called.id AS "calledPeer", called.name AS "calledPeerName",
      o.id AS observer, o.name AS "observerName"
    FROM flow_records f ${peersAndObserver}
    WHERE f.record_id BETWEEN ${first} AND ${last} AND f.record_id IN (${ids.join(", ")})
    ORDER BY ${seen} DESC, f.record_id DESC`;
}

const joins = {
  source: "LEFT JOIN peers source ON source.key = f.source_peer_key",
  destination: "LEFT JOIN peers destination ON destination.key = f.destination_peer_key",
  called: "LEFT JOIN peers called ON called.key = f.called_peer_key",
  o: "LEFT JOIN observers o ON o.key = f.observer_key",
} as const;
const peersAndObserver = Object.values(joins).join(" ");

/** Those that a condition needs: a join that is not needed is carried out all the same. */
function joinsOf(condition: string): string {
  return Object.entries(joins)
    .filter(([alias]) => new RegExp(`\\b${alias}\\.`).test(condition))
    .map(([, join]) => join)
    .join(" ");
}

const addressOf = (field: FieldName) => mapHalves(addressColumns(field), (half) => `f."${half}"`);
const addresses = {
  source: addressOf("sourceAddress"),
  destination: addressOf("destinationAddress"),
  called: addressOf("originalDestinationAddress"),
};
/** Of records in which nobody was, the address is ::, which is in some ranges. */
const wasCalled = `(${addresses.called.high} > 0 OR ${addresses.called.low} > 0)`;

/** A record knows both ports and both directions; figures are as they came, not corrected for sampling. */
const recordColumns: FilterColumns = {
  ends: ["source", "destination"],
  peer: (end, column) => pinned(end, `source.${column}`, `destination.${column}`),
  called: (end, column) => calledAt(end, `called.${column}`),
  // A condition has parameters: none is made that is not part of the statement.
  address: (end, conditionOf) =>
    end === "source" || end === "destination"
      ? conditionOf(addresses[end])
      : pinned(end, conditionOf(addresses.source), conditionOf(addresses.destination)),
  calledAddress: (end, conditionOf) =>
    end === "client" ? undefined : calledAt(end, `(${conditionOf(addresses.called)} AND ${wasCalled})`),
  port: (end) => pinned(end, `f."sourceTransportPort"`, `f."destinationTransportPort"`),
  interface: (end) => pinned(end, `f."ingressInterface"`, `f."egressInterface"`),
  vlan: `f."vlanId"`,
  protocol: `f."protocolIdentifier"`,
  seenBy: (condition) => condition,
  measure: (name) => recordMeasures[name],
};

const recordMeasures: Readonly<Record<Measure, string>> = {
  bytes: `(f."octetDeltaCount" + f."reverseOctetDeltaCount")`,
  packets: `(f."packetDeltaCount" + f."reversePacketDeltaCount")`,
  connections: `f."connectionCount"`,
  failed: `f."failedConnectionCount"`,
  retransmits: `f."retransmittedSegmentCount"`,
  refused: `f."refusedConnectionCount"`,
  timedOut: `f."timedOutConnectionCount"`,
  unreachable: `f."unreachableConnectionCount"`,
  reset: `f."resetConnectionCount"`,
  lost: `f."lostConnectionCount"`,
  rtt: `(nullif(f."roundTripTimeMicroseconds", 0) / 1000)`,
};

/** Who was called stands where the server does. */
function calledAt(end: PinnedEnd, called: string): string | undefined {
  switch (end) {
    case "client":
      return undefined;
    case "server":
      return called;
    case "source":
      return `(CASE WHEN f."clientEnd" = 2 THEN ${called} END)`;
    case "destination":
      return `(CASE WHEN f."clientEnd" = 2 THEN NULL ELSE ${called} END)`;
  }
}

function pinned(end: PinnedEnd, source: string, destination: string): string {
  switch (end) {
    case "source":
      return source;
    case "destination":
      return destination;
    case "client":
      return `(CASE WHEN f."clientEnd" = 2 THEN ${destination} ELSE ${source} END)`;
    case "server":
      return `(CASE WHEN f."clientEnd" = 2 THEN ${source} ELSE ${destination} END)`;
  }
}

function readFlowRecord(row: SqlRow): FlowRecordRow {
  const record: Record<string, string | number | boolean | null> = { recordId: Number(row.record_id) };
  for (const { name, column } of coreFields) {
    if (name in keyColumns) record[name] = (row[name] as string | null) ?? "";
    else if (column === "address") record[name] = readAddress(name, row);
    else record[name] = readNumber(name, Number(row[name]));
  }
  if (record.originalDestinationAddress === "::") record.originalDestinationAddress = ""; // nobody was called
  for (const name of ["sourcePeerName", "destinationPeerName", "calledPeerName", "observerName"]) {
    record[name] = (row[name] as string | null) ?? "";
  }
  return record;
}

function readAddress(name: FieldName, row: SqlRow): string {
  return formatAddress(addressBytes(mapHalves(addressColumns(name), (half) => row[half] as bigint)));
}

function readNumber(name: FieldName, value: number): string | number | boolean {
  if (name === "protocolIdentifier") return formatProtocol(value);
  return name === "isDuplicate" ? value !== 0 : value;
}

/** Beyond every id; what a cursor can say. */
const idMax = 999_999_999_999_999;

function writeCursor(time: number, id: number): string {
  return `${time}-${id}`;
}

function readCursor(cursor: string): Place {
  const [, time, id] = /^(\d{1,15})-(\d{1,15})$/.exec(cursor) ?? [];
  if (time === undefined || id === undefined) {
    throw new OperatingError(
      "store_cursor",
      `cursor ${JSON.stringify(cursor.slice(0, 60))}: not one that was given out`,
    );
  }
  return { time: Number(time), id: Number(id) };
}
