import { RecordWindow } from "./record-window.ts";

/** `struct dns_packet` of bpf/datagram.h, byte for byte; `datagram-report.test.ts` compares the two. */
export const dnsPacketLayout = {
  seen_nanoseconds: 0,
  cgroup_id: 8,
  network_namespace: 16,
  process: 20,
  local_port: 24,
  message_length: 26,
  is_answer: 28,
  reserved: 29,
  resolver_address: 32,
  local_address: 48,
  process_name: 64,
} as const;
export const dnsPacketBytes = 80;

const at = dnsPacketLayout;

/** A window onto one DNS query or answer in the ring buffer. Valid while the record is. */
export class DnsPacket {
  readonly #record: RecordWindow;

  constructor(data: ArrayBuffer) {
    this.#record = new RecordWindow(data);
  }

  moveTo(offset: number): void {
    this.#record.moveTo(offset);
  }
  get bytes(): Uint8Array {
    return this.#record.bytes;
  }

  /** Nanoseconds of the kernel's monotonic clock. */
  get seenNanoseconds(): number {
    return this.#record.u64(at.seen_nanoseconds);
  }
  get networkNamespace(): number {
    return this.#record.u32(at.network_namespace);
  }
  get cgroupId(): number {
    return this.#record.u64(at.cgroup_id);
  }
  /** Thread group id of whoever asks, 0 when unknown. */
  get process(): number {
    return this.#record.u32(at.process);
  }
  get processName(): string {
    return this.#record.name(at.process_name);
  }
  get localPort(): number {
    return this.#record.u16(at.local_port);
  }
  /** It came from the resolver; else it was sent to it. */
  get isAnswer(): boolean {
    return this.#record.u8(at.is_answer) !== 0;
  }
  /** Offset of the resolver's 16-byte address in `bytes`. */
  get resolverAddress(): number {
    return this.#record.offsetOf(at.resolver_address);
  }
  /** Offset of the asker's 16-byte address in `bytes`. */
  get localAddress(): number {
    return this.#record.offsetOf(at.local_address);
  }
  /** Offset of the message in `bytes`. */
  get message(): number {
    return this.#record.offsetOf(dnsPacketBytes);
  }
  get messageLength(): number {
    return this.#record.u16(at.message_length);
  }
}
