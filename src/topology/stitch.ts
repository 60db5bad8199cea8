import {
  type FlowBatch,
  flowEndReason,
  hasPorts,
  isLoopback,
  protocolTcp,
  type ReportDrop,
} from "../flow/index.ts";
import { clientEnd, guessClientEnd, isAsked } from "./client-end.ts";
import { ConnectionTable, connectionState as state } from "./connection-table.ts";
import { createExporterClaims } from "./exporter-claims.ts";
import { observedEnd } from "./observed-end.ts";
import { ReportedAddresses } from "./reported-addresses.ts";
import { attemptControlBits, type StitchConfig, type Stitcher } from "./stitcher.ts";
import { turnRound } from "./turn-round.ts";
import { WaitingRows } from "./waiting-rows.ts";

/** Who asks, in place of the port that ICMP has not: two hosts that ask each other are two flows. */
const askerPort = 1;
const observed = state.clientObserved | state.serverObserved;
const decided = state.clientCounts | state.serverCounts;
/** A full table is gone through at most this often. */
const makeRoomSeconds = 5;
/** One end tells the opening of a connection once; the same addresses and ports opened so much later are another one. */
const reuseMilliseconds = 2000;
/**
 * The two ends of one connection tell openings that lie at most this far apart: the client's first packet may get lost a few times, and
 * the clocks of two machines may differ. When they are reported is no matter: an agent may have been cut off for an hour.
 */
const reuseOtherEndMilliseconds = 10_000;

/** Machines told apart at most. */
const machinesMax = 8192;
/** Rows that wait at most; beyond, a server's end is judged at once. */
const waitingMax = 16_384;

/**
 * One truth per connection. The client's own socket is the best observer, then the server's, then exporters: whoever is
 * not the best one known at first is marked duplicate. So is a second agent that reports an end which another one reports. A server's end
 * whose client's end is not known waits: the client may be on this machine, or on another with an agent, and its report on the way. So does
 * an exporter's record about an address that an agent elsewhere reports. Agents' rows of a batch are entered before any row is judged, so the order within a
 * batch does not matter.
 *
 * Of a flow that no agent knows, the exporter's interface that reported it first counts, each direction for itself; the records of
 * other interfaces (a router that reports at ingress and egress, two routers on one path) are duplicates. When an agent tells of it after all,
 * its rows of the time that an exporter's counted ones told of are.
 *
 * Without ports there is one flow of a protocol between two addresses, whichever sockets have a part in it, each of which keeps its own
 * peer; of ICMP there are two, one for each end that asks. Of the others, both ends may take themselves for who began: the first that
 * reports is believed.
 */
export function createStitcher(config: StitchConfig, drop: ReportDrop): Stitcher {
  const table = new ConnectionTable(config.connectionsMax, config.claimsMax);
  let lastMadeRoom = 0;
  let lastMadeClaimRoom = 0;
  const waiting = new WaitingRows(waitingMax);
  const elsewhere = new ReportedAddresses();
  const claims = createExporterClaims(config, { table, waiting, drop });
  /** By row of the ObserverTable: the number of its machine, from 1 on; 0 for an agent that said nothing. */
  const machineOf: number[] = [];
  const machines = new Map<string, number>();
  let machineCount = 0;
  // One object, filled per row: the hot path allocates nothing.
  const tuple = {
    source: new Uint32Array() as Uint32Array,
    destination: new Uint32Array() as Uint32Array,
    at: 0,
    sourcePort: 0,
    destinationPort: 0,
    protocol: 0,
    scope: 0,
  };

  function readTuple({ columns, sourceWords, destinationWords }: FlowBatch, row: number): void {
    tuple.source = sourceWords;
    tuple.destination = destinationWords;
    tuple.at = row * 4;
    tuple.sourcePort = columns.sourceTransportPort[row]!;
    tuple.destinationPort = columns.destinationTransportPort[row]!;
    tuple.protocol = columns.protocolIdentifier[row]!;
    tuple.scope = columns.connectionScope[row]!;
    // What an exporter sees on a loopback interface is of the namespace it runs in: ours, as far as anybody knows.
    if (columns.observedEnd[row] === observedEnd.neither && isLoopback(columns.sourceAddress, row * 16)) {
      tuple.scope = config.loopbackScope;
    }
  }

  /**
   * The tuple of an agent's row. When another machine's agent reads a socket of the same addresses and ports, at the same end, this is
   * a connection of its own.
   */
  function readSocketTuple(batch: FlowBatch, row: number): void {
    readTuple(batch, row);
    if (isAsked(tuple.protocol)) setAsker(true);
    if (machines.size < 2) return;
    const { columns } = batch;
    const machine = machineOf[columns.observer[row]!] ?? 0;
    const shared = table.find(tuple);
    const ofEnd =
      columns.observedEnd[row] === observedEnd.client ? table.clientObserver : table.serverObserver;
    const holder = shared < 0 ? 0 : ofEnd[shared]!;
    if (holder !== 0 && (machineOf[holder] ?? 0) === machine) return;
    const { scope } = tuple;
    tuple.scope = (scope ^ Math.imul(machine, 0x9e3779b1)) >>> 0;
    if (holder === 0 && table.find(tuple) < 0) tuple.scope = scope;
  }

  function setAsker(isSource: boolean): void {
    tuple.sourcePort = isSource ? askerPort : 0;
    tuple.destinationPort = isSource ? 0 : askerPort;
  }

  /** The connection of an exporter's ICMP record, which may be a question or an answer; -1 when no agent knows of either. */
  function findAsked(batch: FlowBatch, row: number): number {
    const isSourceFirst = guessClientEnd(batch, row) === clientEnd.source;
    for (const isSource of [isSourceFirst, !isSourceFirst]) {
      setAsker(isSource);
      const connection = table.find(tuple);
      if (connection >= 0) return connection;
    }
    readTuple(batch, row);
    return -1;
  }

  /** A row of the end that another one, which was believed, said to be the server's. */
  function believeFirst(batch: FlowBatch, row: number): void {
    readTuple(batch, row);
    if (hasPorts(tuple.protocol) || isAsked(tuple.protocol)) return;
    const known = table.find(tuple);
    if (known >= 0 && table.isConnection(known) && !table.isClientSource(known)) turnRound(batch, row);
  }

  /** When the table is full, connections that have ended are forgotten sooner: first those of five minutes ago. */
  function enterOrMakeRoom(end: number, seconds: number): number {
    const connection = table.enter(tuple, end);
    if (connection >= 0 || seconds - lastMadeRoom < makeRoomSeconds) return connection;
    lastMadeRoom = seconds;
    for (const age of [300, 60, 5]) {
      table.sweep(seconds - age, seconds - config.claimSeconds);
      if (table.connectionCount < config.connectionsMax * 0.9) break;
    }
    return table.enter(tuple, end);
  }

  /** The row of an exporter's flow. Flows that are over are forgotten sooner when there are too many. */
  function claimOrMakeRoom(seconds: number): number {
    const flow = table.findOrClaim(tuple);
    if (flow >= 0 || seconds - lastMadeClaimRoom < makeRoomSeconds) return flow;
    lastMadeClaimRoom = seconds;
    for (const age of [120, 30, 5]) {
      table.sweep(seconds - config.rememberSeconds, seconds - age);
      if (table.claimCount < config.claimsMax * 0.9) break;
    }
    return table.findOrClaim(tuple);
  }

  /** An agent's row: the source is the client, and one end's peer is certain. */
  function enter(batch: FlowBatch, row: number, seconds: number): void {
    const { columns } = batch;
    believeFirst(batch, row);
    readSocketTuple(batch, row);
    const isClient = columns.observedEnd[row] === observedEnd.client;
    // Only TCP says when it ends. A flow of another protocol is remembered, but never open.
    const isAttempt = isAttemptRow(batch, row);
    const isOpen =
      tuple.protocol === protocolTcp && !isAttempt && columns.flowEndReason[row] !== flowEndReason.endOfFlow;
    const observed = isClient ? state.clientObserved : state.serverObserved;
    const connection = enterOrMakeRoom(observed, seconds);
    if (connection < 0) {
      drop("connection_limit", "stitch");
      return;
    }
    const open = isClient ? state.clientOpen : state.serverOpen;
    const opened = isClient ? state.clientOpened : state.serverOpened;
    const started = columns.flowStartMilliseconds[row]! || seconds * 1000;
    const isFirst = table.startedMilliseconds[connection] === 0;
    if (isAttempt || columns.connectionCount[row]! > 0) {
      const known = table.state[connection]!;
      const slack = (known & opened) === 0 ? reuseOtherEndMilliseconds : reuseMilliseconds;
      if (!isFirst && !table.isOpen(connection) && started > table.startedMilliseconds[connection]! + slack)
        table.forget(connection, observed); // what was known belongs to the connection before
      if (!isAttempt) table.state[connection]! |= opened;
    }
    if (table.startedMilliseconds[connection] === 0) table.startedMilliseconds[connection] = started;
    const observers = isClient ? table.clientObserver : table.serverObserver;
    observers[connection] ||= columns.observer[row]!;
    if (observers[connection] !== columns.observer[row]) return;
    table.setClient(connection, true);
    if (isOpen) table.state[connection]! |= open;
    else table.state[connection]! &= ~open;
    if (isClient) table.clientPeer[connection] = columns.sourcePeer[row]!;
    else table.serverPeer[connection] = columns.destinationPeer[row]!;
    table.serverPort[connection] = columns.destinationTransportPort[row]!;
    table.lastSeenSeconds[connection] = seconds;
  }

  /** Begins the connection of `tuple` anew. */
  function forgetFound(): void {
    const connection = table.find(tuple);
    if (connection >= 0) table.forget(connection, table.state[connection]! & observed);
  }

  function findExported(batch: FlowBatch, row: number, seconds: number): number {
    const asked = isAsked(tuple.protocol) ? findAsked(batch, row) : -1;
    return asked >= 0 ? asked : claimOrMakeRoom(seconds);
  }

  function judge(batch: FlowBatch, row: number, seconds: number): void {
    const { columns } = batch;
    const isExported = columns.observedEnd[row] === observedEnd.neither;
    if (isExported) readTuple(batch, row);
    else readSocketTuple(batch, row);
    const connection = isExported ? findExported(batch, row, seconds) : table.find(tuple);
    if (connection < 0 || !table.isConnection(connection)) {
      if (columns.clientEnd[row] === 0) columns.clientEnd[row] = guessClientEnd(batch, row);
      if (isExported) claims.judge(batch, row, connection, seconds);
      return;
    }
    const sourceIsClient = table.isClientSource(connection);
    columns.clientEnd[row] = sourceIsClient ? clientEnd.source : clientEnd.destination;
    const [client, server] = sourceIsClient
      ? [columns.sourcePeer, columns.destinationPeer]
      : [columns.destinationPeer, columns.sourcePeer];
    // The end no agent saw keeps the peer its address gave, which the table learns, for `forEachOpen`; and so does the end that this row
    // itself is of: without ports, several sockets have a part in one flow.
    const known = table.state[connection]!;
    const end = columns.observedEnd[row];
    if ((known & state.clientObserved) === 0) table.clientPeer[connection] = client[row]!;
    else if (end !== observedEnd.client) client[row] = table.clientPeer[connection]! || client[row]!;
    if ((known & state.serverObserved) === 0) table.serverPeer[connection] = server[row]!;
    else if (end !== observedEnd.server) server[row] = table.serverPeer[connection]! || server[row]!;
    columns.isDuplicate[row] = counts(batch, row, connection) ? 0 : 1;
  }

  /** Whether this row's figures count. The end that is known when the connection is first judged stays the one. */
  function counts({ columns }: FlowBatch, row: number, connection: number): boolean {
    const end = columns.observedEnd[row];
    if (end === observedEnd.neither) return false;
    const known = table.state[connection]!;
    if ((known & decided) === 0) {
      table.state[connection]! |=
        (known & state.clientObserved) !== 0 ? state.clientCounts : state.serverCounts;
    }
    const clientCounts = (table.state[connection]! & state.clientCounts) !== 0;
    if (end !== (clientCounts ? observedEnd.client : observedEnd.server)) return false;
    const observers = clientCounts ? table.clientObserver : table.serverObserver;
    return observers[connection] === columns.observer[row] && !claims.hasCounted(columns, row, connection);
  }

  function mustWait(batch: FlowBatch, row: number): boolean {
    const end = batch.columns.observedEnd[row];
    if (end === observedEnd.neither) return mustWaitExported(batch, row);
    if (end !== observedEnd.server) return false;
    readSocketTuple(batch, row);
    const connection = table.find(tuple);
    return connection >= 0 && (table.state[connection]! & (decided | state.clientObserved)) === 0;
  }

  /** Of a flow that is not known, but is at an address that an agent elsewhere reports. */
  function mustWaitExported(batch: FlowBatch, row: number): boolean {
    if (elsewhere.count === 0) return false;
    const { sourceWords, destinationWords } = batch;
    if (!elsewhere.has(sourceWords, row * 4) && !elsewhere.has(destinationWords, row * 4)) return false;
    readTuple(batch, row);
    return (isAsked(tuple.protocol) ? findAsked(batch, row) : -1) < 0 && table.find(tuple) < 0;
  }

  /** Judges the rows that can be; those that wait leave the batch, and so do attempts. */
  function judgeOrHold(batch: FlowBatch, seconds: number): void {
    let kept = 0;
    for (let row = 0; row < batch.count; row++) {
      if (isAttemptRow(batch, row)) continue;
      if (!waiting.isFull && mustWait(batch, row)) {
        waiting.hold(batch, row);
        continue;
      }
      if (kept !== row) batch.copyRow(row, kept);
      judge(batch, kept++, seconds);
    }
    batch.truncate(kept);
  }

  /** Whether there were rows of agents. */
  function enterAll(batch: FlowBatch, seconds: number): boolean {
    const { observedEnd: ends } = batch.columns;
    let hasEnds = false;
    for (let row = 0; row < batch.count; row++) {
      if (ends[row] === observedEnd.neither) continue;
      enter(batch, row, seconds);
      hasEnds = true;
    }
    return hasEnds;
  }

  function judgeAll(batch: FlowBatch, seconds: number): void {
    for (let row = 0; row < batch.count; row++) judge(batch, row, seconds);
  }

  return {
    stitch(batch, seconds) {
      if (enterAll(batch, seconds) || elsewhere.count > 0) judgeOrHold(batch, seconds);
      else judgeAll(batch, seconds);
    },
    enter: enterAll,
    settle: judgeOrHold,
    restore(batch, seconds) {
      const { observedEnd: ends, isDuplicate } = batch.columns;
      for (let row = 0; row < batch.count; row++) {
        enter(batch, row, seconds);
        const connection = table.find(tuple);
        if (connection < 0) continue;
        table.state[connection]! &= ~(state.clientOpen | state.serverOpen);
        if (isDuplicate[row] !== 0 || (table.state[connection]! & decided) !== 0) continue;
        table.state[connection]! |=
          ends[row] === observedEnd.client ? state.clientCounts : state.serverCounts;
      }
    },
    enterAgain(batch, seconds) {
      const open = state.clientOpen | state.serverOpen;
      for (let row = 0; row < batch.count; row++) {
        if (batch.columns.observedEnd[row] === observedEnd.neither) continue;
        readSocketTuple(batch, row);
        const known = table.find(tuple);
        const openBefore = known < 0 ? 0 : table.state[known]! & open;
        enter(batch, row, seconds);
        const entered = table.find(tuple);
        if (entered >= 0) table.state[entered] = (table.state[entered]! & ~open) | openBefore;
      }
    },
    judge: judgeAll,
    mustWait(batch) {
      for (let row = 0; row < batch.count; row++) if (mustWait(batch, row)) return true;
      return false;
    },
    elsewhere,
    takeWaited(now, waitMilliseconds = 0, prepare = () => {}) {
      const taken = waiting.take(now, waitMilliseconds);
      prepare(taken);
      taken.columns.collectionTimeMilliseconds.fill(now, 0, taken.count); // history is ordered by when records are handed on
      judgeAll(taken, Math.floor(now / 1000));
      return taken;
    },
    forgetTuple(other) {
      Object.assign(tuple, other);
      if (!isAsked(tuple.protocol)) return forgetFound();
      for (const isSource of [true, false]) {
        setAsker(isSource);
        forgetFound();
      }
    },
    setMachine(observer, machine) {
      let number = machines.get(machine);
      if (number === undefined) {
        if (machines.size >= machinesMax) machines.clear(); // a machine that starts again is another
        number = ++machineCount;
        machines.set(machine, number);
      }
      machineOf[observer] = number;
    },
    forgetObserver(observer) {
      for (let row = 0; row < table.count; row++) table.forgetObserver(row, observer);
      elsewhere.forgetObserver(observer);
    },
    forEachOpen(visit) {
      for (let row = 0; row < table.count; row++) {
        if (!table.isOpen(row)) continue;
        visit(
          table.clientPeer[row]!,
          table.serverPeer[row]!,
          table.serverPort[row]!,
          table.protocol(row),
          table.countingObserver(row),
        );
      }
    },
    markPeers(mark, seconds) {
      for (let row = 0; row < table.count; row++) {
        if (!table.isOpen(row) && table.lastSeenSeconds[row]! < seconds) {
          table.clientPeer[row] = 0;
          table.serverPeer[row] = 0;
        }
        mark(table.clientPeer[row]!);
        mark(table.serverPeer[row]!);
      }
      const { columns, count } = waiting.batch;
      for (let row = 0; row < count; row++) {
        mark(columns.sourcePeer[row]!);
        mark(columns.destinationPeer[row]!);
      }
    },
    sweep(seconds) {
      const late = seconds - config.rememberSeconds;
      // What an agent elsewhere tells late may be what an exporter told long ago.
      table.sweep(late, machines.size > 1 ? late : seconds - config.claimSeconds);
      elsewhere.sweep(late);
    },
    get connectionCount() {
      return table.connectionCount;
    },
    doubledCount: claims.doubledCount,
  };
}

/** Takes out of an entered batch the rows that say only that a client waits for an answer: see `attemptControlBits`. */
export function takeOutAttempts(batch: FlowBatch): void {
  let kept = 0;
  for (let row = 0; row < batch.count; row++) {
    if (isAttemptRow(batch, row)) continue;
    if (kept !== row) batch.copyRow(row, kept);
    kept++;
  }
  batch.truncate(kept);
}

function isAttemptRow({ columns }: FlowBatch, row: number): boolean {
  return (
    columns.observedEnd[row] === observedEnd.client && columns.tcpControlBits[row] === attemptControlBits
  );
}
