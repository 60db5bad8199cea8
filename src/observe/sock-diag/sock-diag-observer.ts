import { canReadOthersProcesses } from "../can-run.ts";
import { KernelError } from "../kernel-error.ts";
import { ReceiveRoom } from "../netlink/receive-room.ts";
import { createNamespaceFinder } from "../network-namespaces.ts";
import type { TcpLosses, TcpObserver, TcpObserverConfig } from "../tcp-observer.ts";
import { tcpReportFlags, tcpRole } from "../tcp-report.ts";
import { connected, hasFinReceived, listening, SocketMessage, tcpState } from "./inet-diag.ts";
import { ListenerTable } from "./listener-table.ts";
import { type NamespaceSockets, openNamespaceSockets } from "./namespace-sockets.ts";
import { FinSettlement, roleOf, settleOpening } from "./socket-ends.ts";
import { SocketProcesses } from "./socket-processes.ts";
import { type Owner, phase, SocketTable } from "./socket-table.ts";

export interface SockDiagObserverConfig extends TcpObserverConfig {
  /** Network namespaces looked into at most; two file descriptors each. */
  readonly networkNamespacesMax?: number;
  /** How often ends are taken from the kernel between walks, so that its room for them suffices; 0 for never. */
  readonly eventsIntervalMilliseconds?: number;
  /**
   * What dumps may take of a processor, at most: one of many sockets takes 5 microseconds for each, and is followed by walks without a
   * dump, which report ends only.
   */
  readonly dumpShareMax?: number;
}

/** How far the observer sees. */
export interface SockDiagReach {
  /** Network namespaces whose sockets are read. */
  readonly networkNamespaces: number;
  /** Found and not looked into: no right to enter them, or more than `networkNamespacesMax`. */
  readonly networkNamespacesMissed: number;
  /** Whether the kernel tells of each socket as it is freed, in all of them: short connections are seen, and ends are exact. */
  readonly hasEvents: boolean;
  /** Whether the processes of other users can be read, but for those that something shields. */
  readonly canReadProcesses: boolean;
  /** Processes that the kernel did not let us read. */
  readonly processesMissed: number;
}

/** The same as of the eBPF way, `overwritten` being ends that the kernel had no room for. */
export interface SockDiagObserver extends TcpObserver {
  reach(): SockDiagReach;
  losses(): TcpLosses;
}

const networkNamespacesMaxDefault = 512;
const eventsIntervalDefault = 250;
const roomDatagrams = 32;
/** Reports of one drain: what the agent's batch takes. */
const reportsMax = 32_768;
/** Walks closer to each other than this count as one where we wait for what the kernel tells with a delay. */
const tickMilliseconds = 500;
/** Ticks without a socket in the dump until it counts as ended. A dump may pass over one; and its end may be told any moment. */
const missedMax = { withEvents: 3, withoutEvents: 2 } as const;
/** Ticks that a socket is kept which was reported as closed: one that the kernel has freed, and one that it has not. */
const keptMax = { freed: 2, unfreed: 250 } as const;
const searchesMax = 3;
const dumpShareDefault = 0.2;
const longDumpMilliseconds = 50;
const wantedMax = 65_536;
const hadNoOpening = tcpReportFlags.older | tcpReportFlags.unopened;

interface Place {
  readonly sockets: NamespaceSockets;
  lostEvents: number;
  /** Whether the last dump was read to its end. */
  isWhole: boolean;
  /** Walks in a row that did not find the namespace. */
  goneWalks: number;
}

/**
 * Follows every TCP socket of this machine without eBPF: dumps them in each network namespace (NETLINK_SOCK_DIAG), and has the
 * kernel tell of those that are freed. Reports differences between dumps, as the eBPF way does.
 */
export function createSockDiagObserver({
  connectionsMax,
  networkNamespacesMax = networkNamespacesMaxDefault,
  eventsIntervalMilliseconds = eventsIntervalDefault,
  dumpShareMax = dumpShareDefault,
}: SockDiagObserverConfig): SockDiagObserver {
  const message = new SocketMessage();
  const places = new Map<number, Place>();
  /** Namespaces that could not be entered. */
  let refused = new Set<number>();
  let beyondCount = 0;
  let table = new SocketTable(connectionsMax);
  let listeners = new ListenerTable();
  let processes = new SocketProcesses();
  let settlement = new FinSettlement(connectionsMax);
  let room: ReceiveRoom | undefined;
  let timer: NodeJS.Timeout | undefined;
  let ownNamespace = 0;
  let walkNumber = 0;
  let startNanoseconds = 0;
  let nextDumpMilliseconds = 0;
  let lastTickMilliseconds = 0;
  let isStarting = false;
  /** Next row to report, when the last drain was full. */
  const findNetworkNamespaces = createNamespaceFinder();
  let nextRow = 0;
  let isDrainCut = false;
  let untracked = 0;
  let untrackedEnds = 0;
  let untrackedBefore = 0;
  /** Whether there were more sockets at the start than rows: one found later may be one of those. */
  let hasUntrackedOlder = false;
  const losses = { tableFull: 0, overwritten: 0, walked: 0, deferred: 0, missed: 0 };

  const nowNanoseconds = () => Number(process.hrtime.bigint());
  const listenerOf = (row: number) =>
    listeners.find(table.networkNamespace(row), table.localPort(row), table.bytes, table.localAddress(row));

  function findNamespaces(): void {
    const found = findNetworkNamespaces(networkNamespacesMax);
    beyondCount = found.beyondCount;
    const stillRefused = new Set<number>();
    for (const place of places.values()) place.goneWalks++;
    for (const [i, namespace] of found.namespaces.entries()) {
      const { inode } = namespace;
      if (i === 0) ownNamespace = inode;
      const known = places.get(inode);
      if (known !== undefined) known.goneWalks = 0;
      else if (refused.has(inode)) stillRefused.add(inode);
      else {
        try {
          const sockets = openNamespaceSockets(namespace, i === 0, room!, message);
          places.set(inode, { sockets, lostEvents: 0, isWhole: false, goneWalks: 0 });
        } catch (error) {
          if (!(error instanceof KernelError) || i === 0) throw error;
          // Gone meanwhile, or to be entered by another file; else
          if (error.code !== "ENOENT" && error.code !== "ESTALE") stillRefused.add(inode);
        }
      }
    }
    refused = stillRefused;
  }

  function readEvents(): void {
    for (const place of places.values()) {
      const { inode } = place.sockets;
      place.sockets.readEvents(() => takeFreed(inode));
      const lost = place.sockets.lostEventCount();
      losses.overwritten += lost - place.lostEvents;
      place.lostEvents = lost;
    }
  }

  /** `message` is of a socket that the kernel has freed. */
  function takeFreed(inode: number): void {
    let row = table.find(message, inode);
    const { columns } = table;
    if (message.remotePort === 0) {
      // Aborted, or refused while its program waited: the kernel has forgotten all of it. What was last read stays.
      if (row >= 0) {
        if (columns.phase[row] === phase.reported) columns.phase[row] = phase.done;
        if (columns.phase[row] !== phase.live) return;
        if (columns.isOpened[row] === 0) settleOpening(table, row, () => false);
        columns.missed[row] = 0;
        columns.phase[row] = phase.ended;
        return;
      }
      // It listened, or never connected. Who it accepted since the last dump would have no listener.
      if (message.localPort !== 0) listeners.add(message, inode, walkNumber);
      return;
    }
    if (!message.hasInfo) return;
    const now = nowNanoseconds();
    if (row < 0) {
      // Closed before we started, though its program kept it until now.
      if (message.rtt > 0 && message.lastAckReceived * 1e6 > now - startNanoseconds) return;
      row = table.findOrAdd(message, inode, now);
      if (row < 0) {
        untrackedEnds++;
        return;
      }
      columns.seenWalk[row] = walkNumber;
    } else if (!table.isSameConnection(row, message)) {
      beginAnew(row, inode, now);
      columns.seenWalk[row] = walkNumber;
    }
    if (columns.phase[row] === phase.reported) {
      if (message.payloadSent(table.role(row) === tcpRole.client) > columns.sentReported[row]!)
        losses.overwritten++;
      columns.phase[row] = phase.done;
    }
    if (columns.phase[row] !== phase.live) return;
    table.takeCounters(row, message, table.role(row) === tcpRole.client, 0);
    columns.phase[row] = phase.freed;
    columns.missed[row] = 0;
  }

  /** The socket has another connection than when it was last seen, whose end was not told. */
  function beginAnew(row: number, inode: number, now: number): void {
    const { phase: phases, isOpened } = table.columns;
    if (phases[row] !== phase.reported && phases[row] !== phase.done && isOpened[row] === 1)
      losses.overwritten++;
    table.begin(row, message, inode, now);
  }

  function dumpAll(): void {
    untracked = 0;
    losses.walked = 0;
    const now = nowNanoseconds();
    for (const place of places.values()) {
      const { inode } = place.sockets;
      const hasListeners = place.sockets.dump(listening, () => listeners.add(message, inode, walkNumber));
      place.isWhole = place.sockets.dump(connected, () => takeLive(inode, now)) && hasListeners;
    }
    listeners.forget(walkNumber);
    losses.tableFull += Math.max(untracked - untrackedBefore + untrackedEnds, 0);
    untrackedBefore = untracked;
    untrackedEnds = 0;
  }

  /** `message` is of a socket in the dump. */
  function takeLive(inode: number, now: number): void {
    if (!message.hasInfo) return;
    losses.walked++;
    const row = table.findOrAdd(message, inode, now);
    if (row < 0) {
      untracked++;
      return;
    }
    const { columns } = table;
    const isAgain = !table.isNew && !table.isSameConnection(row, message);
    if (isAgain) beginAnew(row, inode, now);
    const isNew = table.isNew || isAgain;
    if (columns.phase[row] !== phase.live) return;
    const { state } = message;
    columns.seenWalk[row] = walkNumber;
    columns.missed[row] = 0;
    columns.state[row] = state;
    if (state !== tcpState.synSent) columns.isOpened[row] = 1;
    if (isNew)
      table.setRole(
        row,
        roleOf(message, () => listenerOf(row) !== undefined),
      );
    const isClient = table.role(row) === tcpRole.client;
    table.takeCounters(row, message, isClient, hasFinReceived(state) ? 1 : 0);
    if (isNew && state !== tcpState.synSent && (isStarting || hasUntrackedOlder)) {
      table.setFlags(row, tcpReportFlags.older);
      table.startHere(row);
    }
  }

  /** One search for all sockets whose process is not known, listeners first: who accepted a socket is who listens. */
  function findOwners(): void {
    const { columns } = table;
    const wanted = new Map<number, number>();
    for (const listener of listeners.all)
      if (listener.owner === undefined && listener.inode !== 0 && listener.searches < searchesMax)
        wanted.set(listener.inode, listener.networkNamespace);
    const rows: number[] = [];
    for (let row = 0; row < table.count && wanted.size < wantedMax; row++) {
      if (columns.phase[row] !== phase.live || table.process(row) !== 0) continue;
      if (columns.inode[row] === 0 || columns.searches[row]! >= searchesMax) continue;
      const listener = table.role(row) === tcpRole.server ? listenerOf(row) : undefined;
      if (listener?.owner !== undefined) {
        table.setOwner(row, listener.owner);
        continue;
      }
      rows.push(row);
      wanted.set(columns.inode[row]!, table.networkNamespace(row));
    }
    if (wanted.size === 0) return;
    const owners = new Map<number, Owner>();
    const open = new Set(columns.inode.subarray(0, table.count));
    const { isWhole } = processes.find(
      wanted,
      (inode) => open.has(inode),
      (inode, owner) => void owners.set(inode, owner),
    );
    for (const listener of listeners.all) {
      listener.owner ??= owners.get(listener.inode);
      if (listener.owner === undefined && isWhole) listener.searches++;
    }
    for (const row of rows) {
      const listener = table.role(row) === tcpRole.server ? listenerOf(row) : undefined;
      const owner = listener?.owner ?? owners.get(columns.inode[row]!);
      if (owner !== undefined) table.setOwner(row, owner);
      else if (isWhole) columns.searches[row]!++;
    }
  }

  function settleEnds(): void {
    const { columns } = table;
    const freed: number[] = [];
    const now = performance.now();
    const isTick = now - lastTickMilliseconds >= tickMilliseconds;
    if (isTick) lastTickMilliseconds = now;
    for (let row = 0; row < table.count; row++) {
      // What was freed while we dumped waits a walk: the other end's figures are older than it.
      if (columns.phase[row] === phase.freed && columns.seenWalk[row]! < walkNumber) freed.push(row);
      else if (columns.phase[row] === phase.live && columns.seenWalk[row]! < walkNumber) miss(row, isTick);
      else if (columns.phase[row] === phase.reported && isTick && ++columns.missed[row]! >= keptMax.unfreed)
        columns.phase[row] = phase.done;
    }
    if (freed.some((row) => table.networkNamespace(row) !== ownNamespace)) processes.list();
    for (const row of freed) {
      settleOpening(table, row, () => listenerOf(row) !== undefined);
      nameEnd(row);
    }
    settlement.settle(table, freed, isTick);
    for (const row of freed) if (columns.phase[row] === phase.ended) columns.missed[row] = 0;
  }

  /** A row that the dump did not have, and that the kernel did not tell the end of. */
  function miss(row: number, isTick: boolean): void {
    const { columns } = table;
    const place = places.get(table.networkNamespace(row));
    if (place !== undefined && !place.isWhole) return;
    if (isTick) columns.missed[row]!++;
    const max = place?.sockets.hasEvents ? missedMax.withEvents : missedMax.withoutEvents;
    if (place !== undefined && columns.missed[row]! < max) return;
    if (columns.isOpened[row] === 0) settleOpening(table, row, () => false);
    columns.phase[row] = phase.ended;
  }

  /** A connection shorter than the time between two walks was in no dump, which alone tells of files and control groups. */
  function nameEnd(row: number): void {
    const listener = table.role(row) === tcpRole.server ? listenerOf(row) : undefined;
    if (listener !== undefined && !table.hasCgroup(row)) table.setCgroup(row, listener.cgroupId);
    if (table.process(row) !== 0) return;
    const namespace = table.networkNamespace(row);
    const owner =
      listener?.owner ?? (namespace === ownNamespace ? undefined : processes.soleProcess(namespace));
    if (owner !== undefined) table.setOwner(row, owner);
  }

  /** A namespace without processes ends once we let go of it; what the kernel tells last of it comes with a delay. */
  function closeGone(): void {
    for (const [inode, place] of places) {
      if (place.goneWalks < 2) continue;
      place.sockets.close();
      places.delete(inode);
    }
  }

  function poll(): void {
    findNamespaces();
    readEvents();
    const time = performance.now();
    if (time < nextDumpMilliseconds) return;
    walkNumber++;
    dumpAll();
    const duration = performance.now() - time;
    nextDumpMilliseconds = duration > longDumpMilliseconds ? time + duration / dumpShareMax : 0;
    readEvents();
    closeGone();
    findOwners();
    settleEnds();
  }

  /** Whether a row has something to say now. */
  function isDue(row: number): boolean {
    const { columns } = table;
    if (columns.phase[row] === phase.ended) return true;
    return columns.phase[row] === phase.live && columns.isOpened[row] === 1 && table.hasMoved(row);
  }

  function markReported(row: number): void {
    const { columns } = table;
    table.clearFlags(row, tcpReportFlags.first | tcpReportFlags.opened);
    if (columns.phase[row] !== phase.ended) return;
    const isFreed = columns.missed[row] === 0 || !places.get(table.networkNamespace(row))?.sockets.hasEvents;
    columns.phase[row] = phase.reported;
    columns.missed[row] = isFreed ? keptMax.unfreed - keptMax.freed : 0;
  }

  return {
    start() {
      room = new ReceiveRoom(roomDatagrams);
      startNanoseconds = nowNanoseconds();
      isStarting = true;
      try {
        poll();
      } catch (error) {
        this.stop();
        throw error;
      }
      isStarting = false;
      hasUntrackedOlder = untracked > 0;
      // What was freed while we started had begun before.
      for (let row = 0; row < table.count; row++)
        if (table.columns.phase[row] !== phase.live) table.columns.phase[row] = phase.done;
      table.compact();
      if (eventsIntervalMilliseconds > 0) timer = setInterval(readEvents, eventsIntervalMilliseconds).unref();
    },
    walk() {
      if (room === undefined || isDrainCut) return; // what is left is reported first
      poll();
    },
    drain(visit) {
      let count = 0;
      isDrainCut = false;
      for (; nextRow < table.count; nextRow++) {
        if (!isDue(nextRow)) continue;
        if (count >= reportsMax) {
          isDrainCut = true;
          losses.deferred++;
          return count;
        }
        if (table.hasFlags(nextRow, tcpReportFlags.first) && !table.hasFlags(nextRow, hadNoOpening))
          table.setFlags(nextRow, tcpReportFlags.opened);
        if (table.columns.phase[nextRow] === phase.ended) table.close(nextRow, nowNanoseconds());
        visit(table.report(nextRow));
        markReported(nextRow);
        count++;
      }
      nextRow = 0;
      table.compact();
      return count;
    },
    losses: () => ({ ...losses }),
    cgroupNameOf: () => "", // a dump has the number alone
    reach: () => ({
      networkNamespaces: places.size,
      networkNamespacesMissed: refused.size + beyondCount,
      canReadProcesses: canReadOthersProcesses(),
      processesMissed: processes.missedCount,
      hasEvents: [...places.values()].every(({ sockets }) => sockets.hasEvents),
    }),
    stop() {
      clearInterval(timer);
      for (const { sockets } of places.values()) sockets.close();
      places.clear();
      room?.free();
      room = undefined;
      table = new SocketTable(connectionsMax);
      listeners = new ListenerTable();
      processes = new SocketProcesses();
      settlement = new FinSettlement(connectionsMax);
      refused = new Set();
      walkNumber = 0;
      nextDumpMilliseconds = 0;
      nextRow = 0;
      isDrainCut = false;
      untrackedBefore = 0;
      hasUntrackedOlder = false;
    },
  };
}
