import { KernelError } from "../kernel-error.ts";
import { MessageWalk } from "../netlink/netlink-message.ts";
import {
  hasNetlink,
  type NetlinkSocket,
  netlinkProtocol,
  openNetlinkSocket,
} from "../netlink/netlink-socket.ts";
import { ReceiveRoom } from "../netlink/receive-room.ts";
import type { NetworkNamespace } from "../network-namespaces.ts";
import {
  addressFamily,
  destroyGroups,
  listening,
  type SocketMessage,
  sockDiagByFamily,
  writeDumpRequest,
} from "./inet-diag.ts";

/** What one namespace's ends may take of kernel memory until they are read: about 6,000 of them. */
const eventBufferBytes = 8 * 1024 * 1024;
/** Receptions in a row, so that a namespace which closes sockets faster than they are read does not keep us. */
const receptionsMax = 4096;

/** The kernel's view of one network namespace's TCP sockets. Whoever holds it keeps the namespace alive. */
export interface NamespaceSockets {
  readonly inode: number;
  /** Whether the kernel tells of sockets as they are freed. */
  readonly hasEvents: boolean;
  /** Calls `visit` with each socket in the wanted states, IPv4 and IPv6. False when the kernel broke off: some are missing. */
  dump(states: number, visit: (message: SocketMessage) => void): boolean;
  /** Calls `visit` with each socket that was freed since the last time. */
  readEvents(visit: (message: SocketMessage) => void): void;
  /** Ends that the kernel had no room for, since the start. */
  lostEventCount(): number;
  close(): void;
}

/** errno's name when the kernel does not list its TCP sockets; undefined when it does. */
export function whyNoSockDiag(): string | undefined {
  if (!hasNetlink()) return "ENOSYS";
  const room = new ReceiveRoom(1);
  let queries: NetlinkSocket | undefined;
  try {
    queries = openNetlinkSocket({ protocol: netlinkProtocol.sockDiag });
    queries.dump(writeDumpRequest(addressFamily.inet, listening, 1), room, () => {});
    return undefined;
  } catch (error) {
    if (error instanceof KernelError) return error.code;
    throw error;
  } finally {
    queries?.close();
    room.free();
  }
}

/**
 * Throws KernelError: EPERM without the right to enter the namespace, ENOENT when it is gone or has no sock_diag, ESTALE when its path
 * leads to another by now.
 */
export function openNamespaceSockets(
  namespace: NetworkNamespace,
  isOwn: boolean,
  room: ReceiveRoom,
  message: SocketMessage,
): NamespaceSockets {
  const place = isOwn ? {} : { networkNamespace: namespace };
  const queries = openNetlinkSocket({ protocol: netlinkProtocol.sockDiag, ...place });
  const events = openEvents(place);
  const walk = new MessageWalk();
  let sequence = 0;
  const receive = (from: NetlinkSocket) => {
    try {
      return from.receive(room);
    } catch (error) {
      if (error instanceof KernelError) return { count: 0, isOverrun: false }; // this namespace's trouble is not the others'
      throw error;
    }
  };

  return {
    inode: namespace.inode,
    hasEvents: events !== undefined,
    dump(states, visit) {
      let isWhole = true;
      for (const family of [addressFamily.inet, addressFamily.inet6]) {
        try {
          queries.dump(writeDumpRequest(family, states, ++sequence), room, ({ bytes, type, start, end }) => {
            if (type === sockDiagByFamily && message.read(bytes, start, end)) visit(message);
          });
        } catch (error) {
          if (!(error instanceof KernelError)) throw error;
          // A kernel without IPv6 has nobody to ask for it.
          if (family === addressFamily.inet || error.code !== "ENOENT") isWhole = false;
        }
      }
      return isWhole;
    },
    readEvents(visit) {
      if (events === undefined) return;
      for (let left = receptionsMax; left > 0; left--) {
        const { count, isOverrun } = receive(events);
        for (let i = 0; i < count; i++) {
          if (!room.isFromKernel(i)) continue;
          walk.open(room.bytes, room.start(i), room.start(i) + room.length(i));
          while (walk.next())
            if (walk.type === sockDiagByFamily && message.read(walk.bytes, walk.start, walk.end))
              visit(message);
        }
        if (count < room.count && !isOverrun) return;
      }
    },
    lostEventCount: () => events?.dropCount() ?? 0,
    close() {
      queries.close();
      events?.close();
    },
  };
}

/** Undefined where the kernel does not let us listen: polls alone tell then. */
function openEvents(place: { networkNamespace?: NetworkNamespace }): NetlinkSocket | undefined {
  let socket: NetlinkSocket | undefined;
  try {
    socket = openNetlinkSocket({
      protocol: netlinkProtocol.sockDiag,
      receiveBufferBytes: eventBufferBytes,
      ...place,
    });
    for (const group of destroyGroups) socket.subscribe(group);
    return socket;
  } catch (error) {
    socket?.close();
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}
