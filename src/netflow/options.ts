import { readUnsigned, readUnsigned16 } from "./bytes.ts";
import {
  elementKey,
  isDomainElement,
  samplingPacketIntervalElement,
  samplingPacketSpaceElement,
  systemInitTimeElement,
} from "./element.ts";
import { findRecordEnd } from "./record-reader.ts";
import { type Template, variableLength } from "./template.ts";

/** What options data say about a whole observation domain; 0 is not said. */
export interface DomainFacts {
  /** One packet in this many. */
  samplingInterval: number;
  /** Unix time of the exporter's start, which IPFIX's sysUpTime elements count from. */
  systemInitMilliseconds: number;
}

const packetIntervalKey = elementKey(0, samplingPacketIntervalElement);
const packetSpaceKey = elementKey(0, samplingPacketSpaceElement);
const systemInitKey = elementKey(0, systemInitTimeElement);

/**
 * Reads options data: of every fact the last record that says it holds. Scopes and sampler ids are not looked at, so
 * an exporter with several samplers per domain shows one of their rates. False when a record is cut off.
 */
export function readOptionsSet(
  template: Template,
  bytes: Uint8Array,
  start: number,
  end: number,
  facts: DomainFacts,
): boolean {
  let offset = start;
  while (end - offset >= template.recordLength) {
    const recordEnd = findRecordEnd(template, bytes, offset, end);
    if (recordEnd === undefined) return false;
    readOptionsRecord(template, bytes, offset, facts);
    offset = recordEnd;
  }
  return offset > start;
}

function readOptionsRecord(template: Template, bytes: Uint8Array, start: number, facts: DomainFacts): void {
  let offset = start;
  let packetInterval = 0;
  let packetSpace = 0;
  for (const { key, length } of template.steps) {
    let width = length;
    if (length === variableLength) {
      width = bytes[offset++]!;
      if (width === 255) {
        width = readUnsigned16(bytes, offset);
        offset += 2;
      }
    }
    const value = isDomainElement(key) ? readUnsigned(bytes, offset, width) : 0;
    if (key === packetIntervalKey) packetInterval = value;
    else if (key === packetSpaceKey) packetSpace = value;
    else if (key === systemInitKey) facts.systemInitMilliseconds = value || facts.systemInitMilliseconds;
    else if (value > 0) facts.samplingInterval = clampInterval(value);
    offset += width;
  }
  // RFC 5477 §8.2: that many packets are taken, then that many are passed over.
  if (packetInterval > 0)
    facts.samplingInterval = clampInterval((packetInterval + packetSpace) / packetInterval);
}

/** The column is 32 bits; a rate beyond that is noise. */
function clampInterval(interval: number): number {
  return Math.min(Math.round(interval), 0xffffffff);
}
