import {
  FlowBatch,
  flowEndReason,
  type ObserverTable,
  observerOf,
  parseAddress,
  parseProtocol,
} from "../flow/index.ts";
import type { FlowRecordRow, Store } from "../store/index.ts";
import {
  clientEnd,
  type LiveFold,
  type Nat,
  type PeerTable,
  type Stitcher,
  stitchDefaults,
  type Translation,
} from "../topology/index.ts";

export interface RestoreDependencies {
  readonly store: Pick<Store, "recentLinks" | "flows">;
  readonly fold: LiveFold;
  readonly stitcher: Pick<Stitcher, "restore">;
  readonly nat: Pick<Nat, "learn">;
  readonly peers: PeerTable;
  readonly observers: ObserverTable;
}

/**
 * The live window as it was before a restart; of each connection, which end was counted at its end, and whom its client called. What else
 * was translated agents tell again. `now` in unix ms.
 */
export async function restoreLive(dependencies: RestoreDependencies, now: number): Promise<void> {
  const { store, fold, peers, observers } = dependencies;
  fold.tick(now, () => {});
  for (const link of await store.recentLinks(now - fold.windowMilliseconds)) {
    const { client, server, called, observer, rttMicroseconds, rttMinMicroseconds, minute, ...rest } = link;
    fold.restore(
      {
        ...rest,
        totals: rest,
        clientPeer: peers.intern(client),
        serverPeer: peers.intern(server),
        calledPeer: called === undefined ? 0 : peers.intern(called),
        observer: observers.intern(observerOf(observer)),
        rttMicroseconds: rttMicroseconds ?? 0,
        rttMinMicroseconds: rttMinMicroseconds ?? 0,
      },
      Math.floor(minute / 60_000),
    );
  }
  await restoreConnections(dependencies, now);
}

/** An agent's message that was on its way when this program ended, or that waits in a spool, may tell of them, however long it was away. */
const connectionMilliseconds = stitchDefaults.rememberSeconds * 1000;
const pageRows = 5000;
const pagesMax = 10;

async function restoreConnections(
  { store, stitcher, nat, peers, observers }: RestoreDependencies,
  now: number,
): Promise<void> {
  const to = now + 1;
  const [newest] = (await store.flows({ from: 0, to, limit: 1 })).records;
  if (newest === undefined) return;
  const from = Number(newest.collectionTimeMilliseconds) - connectionMilliseconds;
  let cursor: string | undefined;
  /** The newest first. */
  const translations: Translation[] = [];
  for (let page = 0; page < pagesMax; page++) {
    const { records, nextCursor } = await store.flows({ from, to, limit: pageRows, cursor });
    const ofAgents = records.filter(({ observedEnd }) => observedEnd !== 0);
    stitcher.restore(batchOf(ofAgents, peers, observers), Math.floor(now / 1000));
    for (const record of records) {
      const translation = translationOf(record);
      if (translation !== undefined) translations.push(translation);
    }
    if (nextCursor === null) break;
    cursor = nextCursor;
  }
  for (const translation of translations.reverse()) {
    // A connection may be over in the record that told of it first: what was never entered has no end.
    nat.learn({ ...translation, endedMilliseconds: 0 }, Math.floor(now / 1000));
    if (translation.endedMilliseconds > 0) nat.learn(translation, Math.floor(now / 1000));
  }
}

/** What led a record's client from whom it called to its server; undefined where nothing did. Its namespace is not known any more. */
function translationOf(record: FlowRecordRow): Translation | undefined {
  const isTurned = record.clientEnd === clientEnd.destination;
  const [client, server] = isTurned
    ? (["destination", "source"] as const)
    : (["source", "destination"] as const);
  const called = parseAddress(String(record.originalDestinationAddress)); // "" where nobody else was called
  const clientAddress = parseAddress(String(record[`${client}Address`]));
  const serverAddress = parseAddress(String(record[`${server}Address`]));
  if (called === undefined || clientAddress === undefined || serverAddress === undefined) return undefined;
  const addresses = new Uint8Array(64);
  addresses.set(clientAddress, 0);
  addresses.set(called, 16);
  addresses.set(serverAddress, 32);
  addresses.set(clientAddress, 48);
  const isOver = record.flowEndReason === flowEndReason.endOfFlow;
  const clientPort = Number(record[`${client}TransportPort`]);
  return {
    addresses,
    originalSourcePort: clientPort,
    originalDestinationPort: Number(record.originalDestinationTransportPort),
    replySourcePort: Number(record[`${server}TransportPort`]),
    replyDestinationPort: clientPort,
    protocol: parseProtocol(String(record.protocolIdentifier)) ?? 0,
    networkNamespace: 0,
    endedMilliseconds: isOver ? Number(record.flowEndMilliseconds) : 0,
  };
}

/** What the stitcher asks of a record. */
const numbers = [
  "sourceTransportPort",
  "destinationTransportPort",
  "flowStartMilliseconds",
  "flowEndReason",
  "observedEnd",
  "connectionScope",
  "connectionCount",
] as const;

function batchOf(records: readonly FlowRecordRow[], peers: PeerTable, observers: ObserverTable): FlowBatch {
  const batch = new FlowBatch(records.length);
  const { columns } = batch;
  for (const record of records) {
    const row = batch.append();
    for (const end of ["source", "destination"] as const) {
      const address = String(record[`${end}Address`]);
      columns[`${end}Address`].set(parseAddress(address) ?? new Uint8Array(16), row * 16);
      columns[`${end}Peer`][row] = peers.find({ id: String(record[`${end}Peer`]), address });
    }
    for (const name of numbers) columns[name][row] = Number(record[name]);
    columns.protocolIdentifier[row] = parseProtocol(String(record.protocolIdentifier)) ?? 0;
    columns.isDuplicate[row] = record.isDuplicate === true ? 1 : 0;
    columns.observer[row] = observers.intern(observerOf(String(record.observer)));
  }
  return batch;
}
