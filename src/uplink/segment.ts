import {
  closeSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { crc32 } from "node:zlib";

/** What an entry is, beside its body. */
export interface EntryHead {
  readonly epoch: string;
  readonly sequence: number;
  readonly rowCount: number;
}

/** An entry in a segment: where its body is. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

const magic = Buffer.from("PTLSPOL1", "latin1");
const headBytes = 36;

/**
 * A file of the spool (docs/formats/ingest.md). Whoever makes it appends; one that was there is only read. What is appended survives this
 * process at once, the machine only after `sync`. Errors are the file system's.
 */
export class Segment {
  readonly number: number;
  readonly path: string;
  /** Entries that somebody still needs. */
  liveCount = 0;
  bytes = 0;
  #file: number | undefined;
  #isDirty = false;

  constructor(number: number, path: string) {
    this.number = number;
    this.path = path;
  }

  /** Leaves nothing behind when it throws. */
  create(): void {
    const file = openSync(this.path, "wx+", 0o600);
    try {
      if (writeSync(file, magic) < magic.length) throw new Error(`${this.path}: no room for its first bytes`);
    } catch (error) {
      closeSync(file);
      unlinkSync(this.path);
      throw error;
    }
    this.#file = file;
    this.bytes = magic.length;
  }

  /** The entries up to the first that is not whole, and how many bytes stand behind them; undefined when it is no segment of this version. */
  load(): { entries: (EntryHead & Place)[]; restBytes: number } | undefined {
    const bytes = readFileSync(this.path);
    this.bytes = bytes.length;
    if (!bytes.subarray(0, magic.length).equals(magic))
      return bytes.length < magic.length ? { entries: [], restBytes: bytes.length } : undefined;
    const entries: (EntryHead & Place)[] = [];
    let at = magic.length;
    while (at + headBytes <= bytes.length) {
      const length = bytes.readUInt32LE(at);
      const end = at + headBytes + length;
      if (end > bytes.length || crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32LE(at + 4)) break;
      entries.push({
        rowCount: bytes.readUInt32LE(at + 8),
        sequence: Number(bytes.readBigUInt64LE(at + 12)),
        epoch: bytes.toString("hex", at + 20, at + headBytes),
        ...{ offset: at + headBytes, length },
      });
      at = end;
    }
    return { entries, restBytes: bytes.length - at };
  }

  append({ epoch, sequence, rowCount }: EntryHead, body: Uint8Array): Place {
    const entry = Buffer.alloc(headBytes + body.length);
    entry.writeUInt32LE(body.length, 0);
    entry.writeUInt32LE(rowCount, 8);
    entry.writeBigUInt64LE(BigInt(sequence), 12);
    entry.write(epoch, 20, "hex");
    entry.set(body, headBytes);
    entry.writeUInt32LE(crc32(entry.subarray(8)), 4);
    try {
      for (let written = 0; written < entry.length; )
        written += writeSync(this.#file!, entry, written, entry.length - written, this.bytes + written);
    } catch (error) {
      ftruncateSync(this.#file!, this.bytes); // half an entry would hide what comes after it
      throw error;
    }
    const place = { offset: this.bytes + headBytes, length: body.length };
    this.bytes += entry.length;
    this.#isDirty = true;
    return place;
  }

  read({ offset, length }: Place): Buffer {
    const body = Buffer.alloc(length);
    const file = this.#file ?? openSync(this.path, "r");
    try {
      if (readSync(file, body, 0, length, offset) < length) throw new Error(`${this.path}: ends early`);
    } finally {
      if (file !== this.#file) closeSync(file);
    }
    return body;
  }

  /** Makes what was appended survive the machine's end. */
  async sync(): Promise<void> {
    if (!this.#isDirty || this.#file === undefined) return;
    this.#isDirty = false;
    const file = this.#file;
    await new Promise<void>((resolve) => {
      fdatasync(file, (error) => {
        if (error !== null) this.#isDirty = true;
        resolve();
      });
    });
  }

  /** No more is appended. */
  close(): void {
    if (this.#file === undefined) return;
    if (this.#isDirty && this.liveCount > 0) fsyncSync(this.#file);
    closeSync(this.#file);
    this.#file = undefined;
  }

  remove(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    unlinkSync(this.path);
  }

  /** Whether the file is still the one that was made: somebody may have deleted it. */
  isThere(): boolean {
    return this.#file !== undefined && fstatSync(this.#file).nlink > 0;
  }
}
