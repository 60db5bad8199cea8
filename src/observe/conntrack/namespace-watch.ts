import { MessageWalk } from "../netlink/netlink-message.ts";
import { type NetlinkSocket, netlinkProtocol, openNetlinkSocket } from "../netlink/netlink-socket.ts";
import type { ReceiveRoom } from "../netlink/receive-room.ts";
import type { NetworkNamespace } from "../network-namespaces.ts";
import { AnnouncementSwitch } from "./announcement-switch.ts";
import {
  type ConntrackReader,
  groupDestroy,
  groupNew,
  readEntryCount,
  statsRequest,
  translatedFilter,
  translatedRequests,
  wholeRequests,
} from "./conntrack-message.ts";
import type { TranslatedConnection } from "./translated-connection.ts";

/** What all watches share. */
export interface WatchContext {
  readonly room: ReceiveRoom;
  readonly reader: ConntrackReader;
  /** Bytes the kernel may hold for us between two polls, in each namespace; it takes memory only as they come. */
  readonly receiveBufferBytes: number;
  readonly losses: { eventCount: number; overrunCount: number };
}

/** Of a namespace that announces nothing the table is read again and again, but for no more than this share of the time. */
const readingShare = 1 / 20;
/** Of such a table so many connections are told once; what is more is told at each reading. */
const toldMax = 65_536;

export type VisitConnection = (entry: TranslatedConnection) => void;

/**
 * The connection table of one network namespace. It subscribes first and reads the table then, and what is announced meanwhile waits until
 * the table is read: so the last word about a tuple is the newest. That a connection is new, and that its entry has gone, is all there is to
 * hear: the first packet decides how it is translated, before the kernel enters and announces it.
 */
export class NamespaceWatch {
  readonly inode: number;
  /** A file to enter the namespace by. */
  readonly path: string;
  /** Whether the kernel announces nothing there, because it was told to. */
  isSilent: boolean;
  readonly #switch: AnnouncementSwitch;
  readonly #context: WatchContext;
  readonly #events: NetlinkSocket;
  /** For requests: what a filter and a subscription are for would come between the answers. */
  readonly #table: NetlinkSocket;
  readonly #walk = new MessageWalk();
  /** Dumps to be read before events are; the first is being read when `#isDumping`. */
  #requests: readonly Uint8Array[] = [];
  #isDumping = false;
  #isStale = true;
  #hasOverrun = false;
  #dropCount = 0;
  /** Unix ms at which nothing was waiting to be heard: what is heard now happened since. */
  #heardMilliseconds = 0;
  #isStatusTrusted: boolean;
  /** Of a namespace that announces nothing: what the reading before this one has told, and what this one has found. */
  #told = new Set<string>();
  #found = new Set<string>();
  #readingMilliseconds = 0;
  /** By performance.now(). */
  #restsUntil = 0;

  /** Throws KernelError. */
  constructor(namespace: NetworkNamespace, isStatusTrusted: boolean, context: WatchContext) {
    this.inode = namespace.inode;
    this.path = namespace.path;
    this.#isStatusTrusted = isStatusTrusted;
    this.#context = context;
    const options = { protocol: netlinkProtocol.netfilter, networkNamespace: namespace };
    this.#events = openNetlinkSocket({ ...options, receiveBufferBytes: context.receiveBufferBytes });
    try {
      if (isStatusTrusted) this.#events.attachFilter(translatedFilter);
      this.#events.subscribe(groupNew);
      this.#events.subscribe(groupDestroy);
      this.#table = openNetlinkSocket(options);
      this.#switch = openSwitch(namespace, this.#table);
      this.isSilent = this.#switch.isOff();
    } catch (error) {
      this.#events.close();
      throw error;
    }
  }

  /** Whether an entry's status says that it is translated. A change has the table read again. */
  trustStatus(isTrusted: boolean): void {
    if (isTrusted === this.#isStatusTrusted) return;
    this.#isStatusTrusted = isTrusted;
    if (isTrusted) this.#events.attachFilter(translatedFilter);
    else this.#events.detachFilter();
    this.#isStale = true;
  }

  /**
   * Has the table read again if events were lost since it was read last, or if there are none to hear. Not sooner: a flood would have us read
   * nothing but tables.
   */
  resynchronise(): void {
    const wasSilent = this.isSilent;
    this.isSilent = this.#switch.isOff();
    // What was there when announcements began was not announced.
    const isToRead = this.isSilent ? performance.now() >= this.#restsUntil : wasSilent;
    if (this.#hasOverrun || isToRead) this.#isStale = true;
    this.#hasOverrun = false;
  }

  /** Has the table read once more, and all of it told. */
  tellAgain(): void {
    this.#isStale = true;
    this.#told.clear();
    this.#found.clear();
  }

  /** Reads on, about `messagesMax` messages, at unix ms. Returns how many it read: 0 when nothing waits. Throws KernelError. */
  poll(visit: VisitConnection, messagesMax: number, now: number): number {
    let count = 0;
    this.#heardMilliseconds ||= now;
    if (this.#isStale && !this.#isDumping) {
      this.#isStale = false;
      this.#requests = this.#entryCount() === 0 ? [] : this.#dumpRequests();
    }
    while (count < messagesMax && this.#requests.length > 0) count += this.#readTable(visit);
    while (count < messagesMax && this.#requests.length === 0) {
      const read = this.#readEvents(visit);
      if (read === 0) {
        this.#heardMilliseconds = now;
        break;
      }
      count += read;
    }
    return count;
  }

  close(): void {
    this.#events.close();
    this.#table.close();
    this.#switch.close();
  }

  /** A look at this number spares most namespaces, in which nothing is tracked, the walk through the machine's whole table. */
  #entryCount(): number {
    let count: number | undefined;
    this.#table.ask(statsRequest(), this.#context.room, (message) => {
      count = readEntryCount(message);
    });
    return count ?? -1;
  }

  #dumpRequests(): readonly Uint8Array[] {
    return this.#isStatusTrusted ? translatedRequests() : wholeRequests();
  }

  #readTable(visit: VisitConnection): number {
    const { room, reader } = this.#context;
    const start = performance.now();
    if (!this.#isDumping) this.#table.startDump(this.#requests[0]!);
    this.#isDumping = true;
    let count = 1; // the end of an empty dump is work too
    const result = this.#table.continueDump(room, (message) => {
      count++;
      this.#read(reader, message, visit);
    });
    this.#readingMilliseconds += performance.now() - start;
    if (result !== undefined) {
      this.#isDumping = false;
      this.#requests = this.#requests.slice(1);
    }
    if (this.#requests.length === 0) {
      this.#restsUntil = start + this.#readingMilliseconds / readingShare;
      this.#readingMilliseconds = 0;
      this.#told = this.#found;
      this.#found = new Set();
    }
    return count;
  }

  #readEvents(visit: VisitConnection): number {
    const { room, reader, losses } = this.#context;
    const { count, isOverrun } = this.#events.receive(room);
    if (isOverrun) {
      const dropCount = this.#events.dropCount();
      losses.eventCount += (dropCount - this.#dropCount) >>> 0;
      losses.overrunCount++;
      this.#dropCount = dropCount;
      this.#hasOverrun = true;
      return 1; // what the kernel had room for comes next
    }
    const walk = this.#walk;
    for (let i = 0; i < count; i++) {
      if (!room.isFromKernel(i)) continue;
      walk.open(room.bytes, room.start(i), room.start(i) + room.length(i));
      while (walk.next()) this.#read(reader, walk, visit);
      if (walk.isTruncated) reader.invalidCount++;
    }
    return count;
  }

  #isTold({ addresses, protocol, ...ports }: TranslatedConnection): boolean {
    const { originalSourcePort, originalDestinationPort, replySourcePort, replyDestinationPort } = ports;
    const numbers = [
      protocol,
      originalSourcePort,
      originalDestinationPort,
      replySourcePort,
      replyDestinationPort,
    ];
    const key = `${Buffer.from(addresses).toString("latin1")} ${numbers.join(" ")}`;
    if (this.#found.size < toldMax) this.#found.add(key);
    return this.#told.has(key);
  }

  #read(reader: ConntrackReader, message: MessageWalk, visit: VisitConnection): void {
    if (!reader.read(message)) return;
    if (this.isSilent && this.#isDumping && this.#isTold(reader.entry)) return;
    reader.entry.networkNamespace = this.inode;
    reader.entry.endedMilliseconds = reader.isEnd ? this.#heardMilliseconds : 0;
    visit(reader.entry);
  }
}

/** Throws KernelError; the socket is closed then. */
function openSwitch(namespace: NetworkNamespace, socket: NetlinkSocket): AnnouncementSwitch {
  try {
    return new AnnouncementSwitch(namespace);
  } catch (error) {
    socket.close();
    throw error;
  }
}
