/** Where a packet was going when it was captured, as seen from the machine that captured it. */
export const packetDirection = { unknown: 0, inbound: 1, outbound: 2 } as const;

/**
 * Captured packets as columns, in the order of capture. The packets stay where they were captured: in `bytes`, which is a piece of a file or
 * of the kernel's ring. Whoever is handed a batch may read it until it returns.
 */
export class PacketBatch {
  readonly capacity: number;
  bytes: Uint8Array = new Uint8Array();
  view: DataView = new DataView(new ArrayBuffer(0));
  count = 0;
  /** Of the first octet of each packet in `bytes`. */
  readonly offsets: Int32Array;
  readonly capturedLengths: Int32Array;
  /** Octets on the wire; at least the captured ones. */
  readonly wireLengths: Int32Array;
  /** Unix milliseconds, with a fraction that is exact to a microsecond. */
  readonly times: Float64Array;
  /** Which of the source's interfaces, counted from 0. */
  readonly interfaces: Uint16Array;
  readonly linkTypes: Uint16Array;
  readonly directions: Uint8Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.offsets = new Int32Array(capacity);
    this.capturedLengths = new Int32Array(capacity);
    this.wireLengths = new Int32Array(capacity);
    this.times = new Float64Array(capacity);
    this.interfaces = new Uint16Array(capacity);
    this.linkTypes = new Uint16Array(capacity);
    this.directions = new Uint8Array(capacity);
  }

  /** Empties the batch and says where the packets to come lie. */
  begin(bytes: Uint8Array): void {
    this.count = 0;
    if (this.bytes === bytes) return;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Says of every row to come what all packets have in common; the rows keep it when the batch is begun again. */
  describeAll(link: number, captureInterface: number, direction: number): void {
    this.linkTypes.fill(link);
    this.interfaces.fill(captureInterface);
    this.directions.fill(direction);
  }

  /** Puts what is said of a packet in the place of another. */
  copyRow(from: number, to: number): void {
    this.offsets[to] = this.offsets[from]!;
    this.capturedLengths[to] = this.capturedLengths[from]!;
    this.wireLengths[to] = this.wireLengths[from]!;
    this.times[to] = this.times[from]!;
    this.interfaces[to] = this.interfaces[from]!;
    this.linkTypes[to] = this.linkTypes[from]!;
    this.directions[to] = this.directions[from]!;
  }
}
