/** `struct dns_packet` of bpf/datagram.h, byte for byte; `datagram-report.test.ts` compares the two. */
export const dnsPacketLayout = {
  seen_nanoseconds: 0,
  network_namespace: 8,
  local_port: 12,
  message_length: 14,
  is_answer: 16,
  reserved: 17,
  resolver_address: 24,
} as const;
export const dnsPacketBytes = 40;

const at = dnsPacketLayout;

/** A window onto one DNS query or answer in the ring buffer. Valid while the record is. */
export class DnsPacket {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(data: ArrayBuffer) {
    this.bytes = new Uint8Array(data);
    this.#view = new DataView(data);
  }

  moveTo(offset: number): void {
    this.#offset = offset;
  }

  /** Nanoseconds of the kernel's monotonic clock. */
  get seenNanoseconds(): number {
    const low = this.#view.getUint32(this.#offset + at.seen_nanoseconds, true);
    return this.#view.getUint32(this.#offset + at.seen_nanoseconds + 4, true) * 0x100000000 + low;
  }
  get networkNamespace(): number {
    return this.#view.getUint32(this.#offset + at.network_namespace, true);
  }
  get localPort(): number {
    return this.#view.getUint16(this.#offset + at.local_port, true);
  }
  /** It came from the resolver; else it was sent to it. */
  get isAnswer(): boolean {
    return this.bytes[this.#offset + at.is_answer] !== 0;
  }
  /** Offset of the resolver's 16-byte address in `bytes`. */
  get resolverAddress(): number {
    return this.#offset + at.resolver_address;
  }
  /** Offset of the message in `bytes`. */
  get message(): number {
    return this.#offset + dnsPacketBytes;
  }
  get messageLength(): number {
    return this.#view.getUint16(this.#offset + at.message_length, true);
  }
}
