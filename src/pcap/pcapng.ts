import { type PacketBatch, packetDirection, usedLinkType } from "../packet/index.ts";
import { type CaptureInterface, type FormatReader, recordBytesMax } from "./capture-reader.ts";

/** Interfaces of all sections of a capture. */
const interfacesMax = 4096;
const optionsMax = 256;

interface Clock {
  readonly unitsPerMillisecond: number;
  readonly offsetMilliseconds: number;
}

/**
 * pcapng (draft-ietf-opsawg-pcapng): blocks of a type, a length, a body and the length again. Packets of all sections and interfaces are
 * read; blocks of other kinds are stepped over, however long they are.
 *
 *  +------+--------+-----------+-----------+-----------+----------+---------+---------+---------+--------+
 *  |  6   | length | interface | time high | time low  | captured | on wire | packet  | options | length |
 *  +------+--------+-----------+-----------+-----------+----------+---------+---------+---------+--------+
 */
export class PcapngReader implements FormatReader {
  readonly interfaces: CaptureInterface[] = [];
  problem: string | undefined;
  wanted = 12;
  skippedCount = 0;
  readonly #clocks: Clock[] = [];
  /** Of this section: the first of its interfaces among all. */
  #firstInterface = 0;
  #isLittleEndian = true;
  #blockCount = 0;
  /** Octets of a block still to be stepped over. */
  #skipBytes = 0;

  read(view: DataView, start: number, end: number, batch: PacketBatch): number {
    let at = start;
    while (batch.count < batch.capacity && this.problem === undefined) {
      if (this.#skipBytes > 0) {
        const step = Math.min(this.#skipBytes, end - at);
        this.#skipBytes -= step;
        at += step;
        if (this.#skipBytes > 0) break;
      }
      this.wanted = 12;
      if (end - at < 12) break;
      const length = this.#blockLength(view, at);
      if (this.problem !== undefined) break;
      const type = view.getUint32(at, this.#isLittleEndian);
      if (length > recordBytesMax) {
        if (isPacket(type)) this.skippedCount++;
        this.#skipBytes = length;
        continue;
      }
      if (end - at < length) {
        this.wanted = length;
        break;
      }
      this.#blockCount++;
      this.#readBlock(view, type, at, length, batch);
      at += length;
    }
    return at - start;
  }

  #blockLength(view: DataView, at: number): number {
    if (view.getUint32(at) === sectionHeader) {
      // A section has a byte order of its own, and tells it behind the length.
      if (view.getUint32(at + 8, true) === byteOrderMagic) this.#isLittleEndian = true;
      else if (view.getUint32(at + 8) === byteOrderMagic) this.#isLittleEndian = false;
      else this.problem = `block ${this.#blockCount + 1} begins a section without a byte order`;
    }
    const length = view.getUint32(at + 4, this.#isLittleEndian);
    if (length < 12 || length % 4 !== 0)
      this.problem ??= `block ${this.#blockCount + 1} claims ${length} octets: the capture is corrupt from there on`;
    return length;
  }

  #readBlock(view: DataView, type: number, at: number, length: number, batch: PacketBatch): void {
    const body = at + 8;
    const bodyEnd = at + length - 4;
    switch (type) {
      case sectionHeader:
        this.#firstInterface = this.interfaces.length;
        return;
      case interfaceDescription:
        this.#readInterface(view, body, bodyEnd);
        return;
      case enhancedPacket:
      case obsoletePacket:
        this.#readPacket(view, type, body, bodyEnd, batch);
        return;
      case simplePacket:
        this.#readSimplePacket(view, body, bodyEnd, batch);
        return;
    }
  }

  #readInterface(view: DataView, body: number, bodyEnd: number): void {
    if (bodyEnd - body < 8) {
      this.#fail("describes an interface in too few octets");
      return;
    }
    if (this.interfaces.length === interfacesMax) {
      this.#fail(`is interface ${interfacesMax + 1}`);
      return;
    }
    let name: string | undefined;
    let unitsPerMillisecond = 1000;
    let offsetMilliseconds = 0;
    this.#visitOptions(view, body + 8, bodyEnd, (code, from, size) => {
      if (code === 2) name = readText(view, from, Math.min(size, 64));
      else if (code === 9 && size >= 1) unitsPerMillisecond = unitsOf(view.getUint8(from));
      else if (code === 14 && size >= 8)
        offsetMilliseconds = Number(view.getBigInt64(from, this.#isLittleEndian)) * 1000;
    });
    const linkType = usedLinkType(view.getUint16(body, this.#isLittleEndian));
    const snapLength = view.getUint32(body + 4, this.#isLittleEndian);
    this.interfaces.push({ linkType, snapLength, name });
    this.#clocks.push({ unitsPerMillisecond, offsetMilliseconds });
  }

  #readPacket(view: DataView, type: number, body: number, bodyEnd: number, batch: PacketBatch): void {
    if (bodyEnd - body < 20) {
      this.#fail("is too short for a packet");
      return;
    }
    const isLittleEndian = this.#isLittleEndian;
    // The obsolete block has 16 bits of interface and 16 of a drop count.
    const local =
      type === enhancedPacket ? view.getUint32(body, isLittleEndian) : view.getUint16(body, isLittleEndian);
    const captured = view.getUint32(body + 12, isLittleEndian);
    if (captured > bodyEnd - body - 20) {
      this.#fail(`claims a packet of ${captured} octets`);
      return;
    }
    const clock = this.#clocks[this.#firstInterface + local];
    if (clock === undefined) {
      this.skippedCount++;
      return;
    }
    const { unitsPerMillisecond: units, offsetMilliseconds } = clock;
    const high = view.getUint32(body + 4, isLittleEndian);
    const low = view.getUint32(body + 8, isLittleEndian);
    const time = (high * 0x100000000) / units + low / units + offsetMilliseconds;
    const row = this.#append(batch, body + 20, captured, this.#firstInterface + local, time);
    const wire = view.getUint32(body + 16, isLittleEndian);
    if (wire > captured) batch.wireLengths[row] = wire;
    const options = body + 20 + ((captured + 3) & ~3);
    if (options + 4 <= bodyEnd) {
      this.#visitOptions(view, options, bodyEnd, (code, from, size) => {
        if (code === 2 && size >= 4)
          batch.directions[row] = directionOf(view.getUint32(from, isLittleEndian));
      });
    }
  }

  /** Of the section's first interface, without a time: the last packet's counts. */
  #readSimplePacket(view: DataView, body: number, bodyEnd: number, batch: PacketBatch): void {
    const known = this.interfaces[this.#firstInterface];
    if (known === undefined || bodyEnd - body < 4) {
      this.skippedCount++;
      return;
    }
    const wire = view.getUint32(body, this.#isLittleEndian);
    const limit = known.snapLength === 0 ? wire : Math.min(wire, known.snapLength);
    const captured = Math.min(limit, bodyEnd - body - 4);
    const row = this.#append(batch, body + 4, captured, this.#firstInterface, this.#lastTime);
    batch.wireLengths[row] = wire;
  }

  #lastTime = 0;

  #append(
    batch: PacketBatch,
    offset: number,
    captured: number,
    captureInterface: number,
    time: number,
  ): number {
    const row = batch.count++;
    this.#lastTime = time;
    batch.offsets[row] = offset;
    batch.capturedLengths[row] = captured;
    batch.wireLengths[row] = captured;
    batch.times[row] = time;
    batch.interfaces[row] = captureInterface;
    batch.linkTypes[row] = this.interfaces[captureInterface]!.linkType;
    batch.directions[row] = packetDirection.unknown;
    return row;
  }

  #visitOptions(
    view: DataView,
    start: number,
    end: number,
    visit: (code: number, from: number, size: number) => void,
  ): void {
    let at = start;
    for (let count = 0; count < optionsMax && at + 4 <= end; count++) {
      const code = view.getUint16(at, this.#isLittleEndian);
      const size = view.getUint16(at + 2, this.#isLittleEndian);
      if (code === 0 || at + 4 + size > end) return;
      visit(code, at + 4, size);
      at += 4 + ((size + 3) & ~3);
    }
  }

  #fail(what: string): void {
    this.problem = `block ${this.#blockCount} ${what}: the capture is corrupt from there on`;
  }
}

const sectionHeader = 0x0a0d0d0a;
const byteOrderMagic = 0x1a2b3c4d;
const interfaceDescription = 1;
const obsoletePacket = 2;
const simplePacket = 3;
const enhancedPacket = 6;

function isPacket(type: number): boolean {
  return type === obsoletePacket || type === simplePacket || type === enhancedPacket;
}

/** The highest bit chooses powers of 2 over powers of 10 (§4.2, if_tsresol). */
function unitsOf(resolution: number): number {
  const exponent = resolution & 0x7f;
  const perSecond = (resolution & 0x80) === 0 ? 10 ** Math.min(exponent, 20) : 2 ** Math.min(exponent, 64);
  return perSecond / 1000;
}

/** The lowest two bits of epb_flags. */
function directionOf(flags: number): number {
  const said = flags & 3;
  if (said === 1) return packetDirection.inbound;
  return said === 2 ? packetDirection.outbound : packetDirection.unknown;
}

function readText(view: DataView, from: number, size: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + from, size));
}
