import { FlowBatch, ObserverTable, parseAddress } from "../../flow/index.ts";
import { clientEnd, observedEnd, type Peer, PeerTable } from "../../topology/index.ts";

/** A record of a test: from client to server unless `isAnswer`. */
export interface TestRow {
  readonly client?: string;
  readonly server?: string;
  readonly clientPort?: number;
  readonly serverPort?: number;
  readonly protocol?: number;
  readonly sent?: number;
  readonly received?: number;
  readonly packets?: number;
  readonly sampling?: number;
  readonly connections?: number;
  readonly failed?: number;
  readonly refused?: number;
  readonly reset?: number;
  readonly rtt?: number;
  readonly isDuplicate?: boolean;
  /** A router's one-way record from the server to the client. */
  readonly isAnswer?: boolean;
  readonly isExported?: boolean;
  readonly isLast?: boolean;
  readonly start?: number;
  readonly end?: number;
}

export function hostPeer(address: string, changes: Partial<Peer> = {}): Peer {
  return {
    ...{ id: `host:${address}`, kind: "host", name: address, address, node: "", network: "", process: "", container: "" },
    ...changes,
  };
}

/** Tables, and batches whose peers are hosts unless others were made known for an address. */
export function createRows() {
  const peers = new PeerTable(10_000, () => {});
  const observers = new ObserverTable();
  const agent = observers.intern({ id: "agent:vm", kind: "agent", name: "vm" });
  const exporter = observers.intern({ id: "exporter:192.0.2.1", kind: "exporter", name: "192.0.2.1" });
  const known = new Map<string, Peer>();
  const rowOf = (address: string) => peers.intern(known.get(address) ?? hostPeer(address));

  function batchOf(rows: readonly TestRow[]): FlowBatch {
    const batch = new FlowBatch(Math.max(1, rows.length));
    const { columns } = batch;
    for (const row of rows) {
      const { client = "10.0.0.1", server = "10.0.0.2", isAnswer = false, isExported = isAnswer } = row;
      const at = batch.append();
      const [source, destination] = isAnswer ? [server, client] : [client, server];
      columns.sourceAddress.set(parseAddress(source)!, at * 16);
      columns.destinationAddress.set(parseAddress(destination)!, at * 16);
      const [clientPort, serverPort] = [row.clientPort ?? 40_000, row.serverPort ?? 443];
      columns.sourceTransportPort[at] = isAnswer ? serverPort : clientPort;
      columns.destinationTransportPort[at] = isAnswer ? clientPort : serverPort;
      columns.sourcePeer[at] = rowOf(source);
      columns.destinationPeer[at] = rowOf(destination);
      columns.clientEnd[at] = isAnswer ? clientEnd.destination : clientEnd.source;
      columns.protocolIdentifier[at] = row.protocol ?? 6;
      columns.octetDeltaCount[at] = (isAnswer ? row.received : row.sent) ?? 0;
      columns.reverseOctetDeltaCount[at] = isAnswer ? 0 : (row.received ?? 0);
      columns.packetDeltaCount[at] = row.packets ?? 0;
      columns.samplingInterval[at] = row.sampling ?? 1;
      columns.connectionCount[at] = row.connections ?? 0;
      columns.failedConnectionCount[at] = row.failed ?? 0;
      columns.refusedConnectionCount[at] = row.refused ?? 0;
      columns.resetConnectionCount[at] = row.reset ?? 0;
      columns.roundTripTimeMicroseconds[at] = row.rtt ?? 0;
      columns.isDuplicate[at] = row.isDuplicate === true ? 1 : 0;
      columns.observer[at] = isExported ? exporter : agent;
      columns.observedEnd[at] = isExported ? observedEnd.neither : observedEnd.client;
      columns.flowEndReason[at] = row.isLast === true ? 3 : 2;
      columns.flowStartMilliseconds[at] = row.start ?? 0;
      columns.flowEndMilliseconds[at] = row.end ?? 0;
    }
    return batch;
  }

  return { peers, observers, batchOf, rowOf, know: (peer: Peer) => void known.set(peer.address, peer) };
}
