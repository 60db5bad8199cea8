import type { DropReason, FlowSink, InterfaceFact } from "../flow/index.ts";
import { sampleFormat } from "./sample-kind.ts";
import { padded, XdrReader } from "./xdr-reader.ts";

/** Counter records that are read; the others are stepped over. */
const genericInterface = 1;
const portName = 1005;
/** ifIndex, ifType, ifSpeed (64 bits), then counters. */
const genericInterfaceLength = 88;

/**
 * Counters of a data source: of them what they say of an interface is told. What was read last stays in its fields.
 *
 *  counter    sequence | type, index (8, 24 bits) | records
 *  expanded   sequence | type | index             | records
 */
export class CounterSampleReader {
  sequenceNumber = 0;
  sourceType = 0;
  sourceIndex = 0;
  recordCount = 0;
  readonly #body = new XdrReader();
  readonly #fact: InterfaceFact = { index: 0, name: "", description: "", speed: 0 };

  read(xdr: XdrReader, format: number, sink: FlowSink): DropReason | undefined {
    this.sequenceNumber = xdr.unsigned();
    const source = xdr.unsigned();
    const isExpanded = format === sampleFormat.expandedCounter;
    this.sourceType = isExpanded ? source : source >>> 24;
    this.sourceIndex = isExpanded ? xdr.unsigned() : source & 0xffffff;
    this.recordCount = 0;
    const fact = this.#fact;
    fact.index = this.sourceType === 0 ? this.sourceIndex : 0;
    fact.name = "";
    fact.speed = 0;
    const isWhole = this.#readRecords(xdr, xdr.unsigned());
    if (!isWhole || xdr.isOverrun) return "sample_truncated";
    if (fact.index !== 0 && (fact.name !== "" || fact.speed !== 0)) sink.takeInterface?.(fact);
    return undefined;
  }

  #readRecords(xdr: XdrReader, recordsMax: number): boolean {
    const body = this.#body;
    while (this.recordCount < recordsMax) {
      const format = xdr.unsigned();
      const length = xdr.unsigned();
      const at = xdr.skip(length);
      if (at < 0 || xdr.isOverrun) return false;
      body.begin(xdr.bytes, at, at + length);
      if (format === genericInterface) this.#readInterface(body);
      else if (format === portName) this.#fact.name = readText(body);
      if (body.isOverrun) return false;
      xdr.offset = Math.min(at + padded(length), xdr.end);
      this.recordCount++;
    }
    return true;
  }

  #readInterface(body: XdrReader): void {
    if (body.rest < genericInterfaceLength) body.isOverrun = true;
    const index = body.unsigned();
    body.unsigned();
    this.#fact.index = index || this.#fact.index;
    this.#fact.speed = body.unsigned64();
  }
}

/** Longer names are cut: they are for people, and kept by the thousand. */
const textBytesMax = 255;
const decoder = new TextDecoder();
/** What would move the cursor, turn the writing around or end the line where a name is shown. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A length, then so many octets, up to a NUL. */
function readText(body: XdrReader): string {
  const length = body.unsigned();
  const at = body.skip(length);
  if (at < 0) return "";
  const text = body.bytes.subarray(at, at + Math.min(length, textBytesMax));
  const nul = text.indexOf(0);
  const name = decoder.decode(nul < 0 ? text : text.subarray(0, nul));
  return name.replace(unprintable, "").trim();
}
