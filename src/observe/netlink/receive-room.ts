import koffi from "koffi";
import { assert } from "../../flow/index.ts";

const protReadWrite = 3;
const mapPrivateAnonymous = 0x22;
const messageHeaderBytes = 64; // struct mmsghdr
const vectorBytes = 16; // struct iovec
const addressBytes = 12; // struct sockaddr_nl
const truncated = 0x20; // MSG_TRUNC
/** The kernel's dumps come in datagrams of at most this, if the receiver has room for it. */
const slotBytes = 32_768;

/**
 * Room for `count` datagrams and what recvmmsg needs beside it. Outside the JavaScript heap, at an address that structures can
 * point to; a page costs memory when it is touched, and events are small.
 *
 *  +---------------------+-------------------+------------------------+--------------------------+
 *  | mmsghdr x count     | iovec x count     | sockaddr_nl x count    | 32 KiB x count           |
 *  +---------------------+-------------------+------------------------+--------------------------+
 */
export class ReceiveRoom {
  readonly count: number;
  readonly address: bigint;
  /** All of it; datagrams are stretches of it. */
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #unmap: () => void;
  readonly #addressesStart: number;
  readonly #dataStart: number;

  constructor(count: number) {
    const libc = koffi.load("libc.so.6");
    const map = libc.func(
      "uintptr_t mmap(uintptr_t address, size_t length, int prot, int flags, int fd, long offset)",
    );
    const unmap = libc.func("int munmap(uintptr_t address, size_t length)");
    this.count = count;
    const vectorsStart = count * messageHeaderBytes;
    this.#addressesStart = vectorsStart + count * vectorBytes;
    this.#dataStart = Math.ceil((this.#addressesStart + count * addressBytes) / 4096) * 4096;
    const length = this.#dataStart + count * slotBytes;
    this.address = BigInt(map(0, length, protReadWrite, mapPrivateAnonymous, -1, 0));
    assert(this.address !== 0xffffffffffffffffn, "there is memory");
    this.#unmap = () => void unmap(this.address, length);
    const buffer = koffi.view(this.address, length);
    this.bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
    for (let i = 0; i < count; i++) {
      const header = i * messageHeaderBytes;
      const vector = vectorsStart + i * vectorBytes;
      this.#view.setBigUint64(header, this.address + BigInt(this.#addressesStart + i * addressBytes), true);
      this.#view.setBigUint64(header + 16, this.address + BigInt(vector), true);
      this.#view.setBigUint64(header + 24, 1n, true);
      this.#view.setBigUint64(vector, this.address + BigInt(this.#dataStart + i * slotBytes), true);
      this.#view.setBigUint64(vector + 8, BigInt(slotBytes), true);
    }
  }

  /** Before each recvmmsg: the kernel writes over the length of the address. */
  prepare(): void {
    for (let i = 0; i < this.count; i++) this.#view.setUint32(i * messageHeaderBytes + 8, addressBytes, true);
  }

  /** Where a datagram lies in `bytes`. */
  start(index: number): number {
    return this.#dataStart + index * slotBytes;
  }

  length(index: number): number {
    return this.#view.getUint32(index * messageHeaderBytes + 56, true);
  }

  isTruncated(index: number): boolean {
    return (this.#view.getUint32(index * messageHeaderBytes + 48, true) & truncated) !== 0;
  }

  /** Whether it came from the kernel, not from another process: those have port ids. */
  isFromKernel(index: number): boolean {
    return this.#view.getUint32(this.#addressesStart + index * addressBytes + 4, true) === 0;
  }

  /** Views of it must not be used afterwards. */
  free(): void {
    this.#unmap();
  }
}
