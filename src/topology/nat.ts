import { type FlowBatch, protocolTcp, type ReportDrop } from "../flow/index.ts";
import { NatTable, type NatTableConfig, ownEnd, type Translation } from "./nat-table.ts";
import { observedEnd } from "./observed-end.ts";
import { attemptControlBits, type Stitcher } from "./stitcher.ts";
import { turnRound } from "./turn-round.ts";

export interface Nat {
  /** What a translator told of a connection: that it translates it, or that it does no more. The entry may be used again when this returns. */
  learn(translation: Translation, seconds: number): void;
  /**
   * Writes the true ends over translated ones. The batch is changed in place; an end that changed has no peer any more, unless
   * an agent read its socket. To be called before rows are given peers, and again before those that waited are judged. Returns
   * whether there were any.
   */
  undo(batch: FlowBatch, seconds: number): boolean;
  /** Forgets translations that were not used since `seconds`. */
  sweep(seconds: number): void;
  /** Translations remembered. */
  readonly count: number;
}

/** An exporter's clock may differ by so much from that of whoever told when a translation was over. */
const exporterSlackMilliseconds = 10_000;

/** Address translation undone, so that everybody's records of a connection have the ends that opened it and that answer. */
export function createNat(
  config: NatTableConfig,
  stitcher: Pick<Stitcher, "forgetTuple">,
  drop: ReportDrop,
): Nat {
  const table = new NatTable(config, drop);
  const tuple = emptyTuple();

  function undoRow(batch: FlowBatch, row: number): void {
    const { columns, sourceWords, destinationWords } = batch;
    const { source, destination, sourcePort, destinationPort } = table.result;
    const end = columns.observedEnd[row];
    if (writeAddress(sourceWords, row * 4, source) && end !== observedEnd.client) columns.sourcePeer[row] = 0;
    if (writeAddress(destinationWords, row * 4, destination) && end !== observedEnd.server)
      columns.destinationPeer[row] = 0;
    columns.sourceTransportPort[row] = sourcePort;
    columns.destinationTransportPort[row] = destinationPort;
    columns.connectionScope[row] = table.result.scope;
    // A socket's datagrams may be seen translated one way only: then the other way looked like a flow that the remote end began.
    if (end !== observedEnd.neither && !table.isFromOpener) {
      turnRound(batch, row);
      columns.connectionCount[row] = 0; // the other way has told it
    }
  }

  /** What the client called, where another answers: whoever saw the record where, so that all records of a connection agree. */
  function keepCalled({ columns, calledWords }: FlowBatch, row: number): void {
    const { called, calledPort, isFromOpener } = table;
    const { source, destination, sourcePort, destinationPort } = table.result;
    const [answerer, port] = isFromOpener ? [destination, destinationPort] : [source, sourcePort];
    if (calledPort === port && answerer.every((word, i) => word === called[i])) return;
    calledWords.set(called, row * 4);
    columns.originalDestinationTransportPort[row] = calledPort;
  }

  return {
    learn(translation, seconds) {
      if (translation.endedMilliseconds > 0) return table.end(translation);
      if (!table.enter(translation, seconds)) return;
      // Records that came before this may have been entered as connections of their own.
      for (const known of [table.before, table.after])
        if (table.undo(known, seconds)) stitcher.forgetTuple(known);
    },
    undo(batch, seconds) {
      if (table.count === 0) return false;
      let isAny = false;
      const { columns, count, sourceWords, destinationWords } = batch;
      tuple.source = sourceWords;
      tuple.destination = destinationWords;
      for (let row = 0; row < count; row++) {
        tuple.at = row * 4;
        tuple.sourcePort = columns.sourceTransportPort[row]!;
        tuple.destinationPort = columns.destinationTransportPort[row]!;
        tuple.protocol = columns.protocolIdentifier[row]!;
        tuple.scope = columns.connectionScope[row]!;
        const end = columns.observedEnd[row]!;
        const isOwn = end !== observedEnd.neither && tuple.protocol === protocolTcp;
        const own = !isOwn ? ownEnd.neither : end === observedEnd.client ? ownEnd.source : ownEnd.destination;
        const began = isOwn && !isOpening(batch, row) ? 0 : beganMilliseconds(batch, row);
        const isChanged = table.undo(tuple, seconds, began, own);
        if (table.isTranslated) keepCalled(batch, row);
        if (!isChanged) continue;
        undoRow(batch, row);
        isAny = true;
      }
      return isAny;
    },
    sweep: (seconds) => table.sweep(seconds),
    get count() {
      return table.count;
    },
  };
}

/**
 * When that began of which a row tells; 0 when it does not say. What an agent's row tells of needs no slack: an entry of connection
 * tracking outlives its last packet by ten seconds at least.
 */
function beganMilliseconds({ columns }: FlowBatch, row: number): number {
  const slack = columns.observedEnd[row] === observedEnd.neither ? exporterSlackMilliseconds : 0;
  return Math.max(0, columns.flowStartMilliseconds[row]! - slack);
}

/** Whether a TCP socket's row begins where its connection does: others go on from the row before. */
function isOpening({ columns }: FlowBatch, row: number): boolean {
  if (columns.connectionCount[row]! > 0 || columns.failedConnectionCount[row]! > 0) return true;
  return columns.tcpControlBits[row] === attemptControlBits;
}

/** One object, filled per row: the hot path allocates nothing. */
function emptyTuple() {
  return {
    source: new Uint32Array() as Uint32Array,
    destination: new Uint32Array() as Uint32Array,
    at: 0,
    sourcePort: 0,
    destinationPort: 0,
    protocol: 0,
    scope: 0,
  };
}

/** Returns whether it was another. */
function writeAddress(words: Uint32Array, at: number, address: Uint32Array): boolean {
  let isChanged = false;
  for (let i = 0; i < 4; i++) {
    isChanged ||= words[at + i] !== address[i];
    words[at + i] = address[i]!;
  }
  return isChanged;
}
