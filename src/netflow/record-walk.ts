import { readUnsigned16 } from "./bytes.ts";
import { type TemplateLayout, variableLength } from "./template.ts";

/** Where the spans of the record last walked through are. */
export class RecordWalk {
  readonly offsets: Int32Array;
  readonly widths: Int32Array;

  constructor(spansMax: number) {
    this.offsets = new Int32Array(spansMax);
    this.widths = new Int32Array(spansMax);
  }

  /** Finds the spans of one record (RFC 7011 §7). Returns where it ends, or -1 when it does not before `end`. */
  walk({ spans }: TemplateLayout, bytes: Uint8Array, start: number, end: number): number {
    let offset = start;
    for (let i = 0; i < spans.length; i++) {
      let width = spans[i]!;
      if (width === variableLength) {
        if (offset >= end) return -1;
        width = bytes[offset++]!;
        if (width === 255) {
          if (offset + 2 > end) return -1;
          width = readUnsigned16(bytes, offset);
          offset += 2;
        }
      }
      this.offsets[i] = offset;
      this.widths[i] = width;
      offset += width;
      if (offset > end) return -1;
    }
    return offset;
  }
}
