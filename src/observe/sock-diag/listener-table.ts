import { isMappedIPv4 } from "../../flow/index.ts";
import type { SocketMessage } from "./inet-diag.ts";
import type { Owner } from "./socket-table.ts";

const listenersMax = 16_384;
/** Walks that a listener is remembered when dumps no longer have it: what it accepted last may be told of later. */
const keptWalks = 2;
/** 0.0.0.0 as ::ffff:0.0.0.0 at 0, and :: at 12. */
const any = new Uint8Array(28).fill(0xff, 10, 12);

export interface Listener {
  readonly networkNamespace: number;
  inode: number;
  cgroupId: number;
  owner: Owner | undefined;
  /** How often its process was sought. */
  searches: number;
  seenWalk: number;
}

/** Who listens where, so that an accepted socket has a role, and an owner: the process that has the listening socket. */
export class ListenerTable {
  readonly #listeners = new Map<string, Listener>();

  get all(): Iterable<Listener> {
    return this.#listeners.values();
  }

  /** Of several that share an address (SO_REUSEPORT) the first is named. */
  add(message: SocketMessage, networkNamespace: number, walk: number): void {
    const key = keyOf(networkNamespace, message.localPort, message.localAddress, 0);
    const known = this.#listeners.get(key);
    if (known !== undefined) {
      if (known.inode === message.inode) known.seenWalk = walk;
      // Another socket has the address now; when both have it, the one that is known stays.
      if (known.inode === message.inode || message.inode === 0 || known.seenWalk >= walk - 1) return;
    }
    if (known === undefined && this.#listeners.size >= listenersMax) return;
    const { inode, cgroupId } = message;
    this.#listeners.set(key, {
      networkNamespace,
      inode,
      cgroupId,
      owner: undefined,
      searches: 0,
      seenWalk: walk,
    });
  }

  /** Who accepts connections to the 16-byte address at `bytes[offset]`. */
  find(networkNamespace: number, port: number, bytes: Uint8Array, offset: number): Listener | undefined {
    const exact = this.#listeners.get(keyOf(networkNamespace, port, bytes, offset));
    if (exact !== undefined) return exact;
    const any4 = isMappedIPv4(bytes, offset)
      ? this.#listeners.get(keyOf(networkNamespace, port, any, 0))
      : undefined;
    return any4 ?? this.#listeners.get(keyOf(networkNamespace, port, any, 12)); // a socket of IPv6 accepts both
  }

  forget(walk: number): void {
    for (const [key, { seenWalk }] of this.#listeners)
      if (seenWalk + keptWalks < walk) this.#listeners.delete(key);
  }
}

function keyOf(networkNamespace: number, port: number, bytes: Uint8Array, offset: number): string {
  return `${networkNamespace} ${port} ${String.fromCharCode(...bytes.subarray(offset, offset + 16))}`;
}
