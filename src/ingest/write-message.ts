import type { FlowBatch } from "../flow/index.ts";
import { askedCounters } from "../topology/index.ts";
import { type IngestColumn, ingestColumns } from "./columns.ts";
import {
  type AgentLookups,
  type AgentReport,
  type AgentResolver,
  type IngestMessage,
  ingestLimits,
  textLimits,
} from "./message.ts";
import {
  askedField,
  batchField as at,
  columnField,
  dropField,
  failureField,
  formatVersion,
  limitField,
  lookupNumbers,
  lookupResolvers,
  magic,
  nameField,
  partField,
  peerFields,
  renamedFields,
  reportField,
  resolverField,
  resolverNumbers,
  translationAddresses,
  translationNumbers,
} from "./wire.ts";
import { bytesFieldBytes, unsignedFieldBytes, WireWriter } from "./wire-writer.ts";

/** One AgentBatch. The caller keeps to `ingestLimits`; of lists without rows the rest is left out. */
export function writeMessage(message: IngestMessage): Uint8Array<ArrayBuffer> {
  const { batch } = message;
  const columns = ingestColumns.filter((column) => !isEmpty(batch, column));
  // Room for all rows: whoever grows has had each size once.
  const writer = new WireWriter(1024 + batch.count * columns.reduce((sum, { width }) => sum + width, 0));
  const inner = new WireWriter();
  writer.fixed32(at.magic, magic);
  writer.unsigned(at.version, formatVersion);
  writer.text(at.node, message.node, 4 * 253);
  writer.bytes(at.instance, fromHex(message.instance));
  writer.bytes(at.epoch, fromHex(message.epoch));
  writer.unsigned(at.sequence, message.sequence);
  writer.text(at.agentVersion, message.agentVersion, textLimits.agentVersion);
  writer.text(at.machine, message.machine, textLimits.machine);
  writer.unsigned(at.startedMilliseconds, Math.floor(message.startedMilliseconds));
  writer.unsigned(at.sealedMilliseconds, Math.floor(message.sealedMilliseconds));
  writer.unsigned(at.rowCount, batch.count);
  writer.unsigned(at.isLast, message.isLast ? 1 : 0);
  for (const column of columns) writeColumn(writer, batch, column);
  for (const peer of message.peers) {
    inner.clear();
    for (const [i, name] of peerFields.entries()) inner.text(i + 1, peer[name] ?? "", textLimits.peer[name]);
    writer.message(at.peers, inner);
  }
  for (const renamed of message.renamed.slice(0, ingestLimits.names)) {
    inner.clear();
    for (const [i, name] of renamedFields.entries())
      inner.text(i + 1, renamed[name] ?? "", textLimits.peer[name]);
    writer.message(at.renamed, inner);
  }
  for (const { address, name, ttlSeconds } of message.names.slice(0, ingestLimits.names)) {
    inner.clear().bytes(nameField.address, address);
    inner.text(nameField.name, name, textLimits.lookedUp);
    inner.unsigned(nameField.ttlSeconds, ttlSeconds);
    writer.message(at.names, inner);
  }
  for (const asked of message.asked.slice(0, ingestLimits.asked)) {
    inner.clear().unsigned(askedField.peer, asked.peer);
    inner.text(askedField.name, asked.name, textLimits.lookedUp);
    for (const [i, counter] of askedCounters.entries())
      inner.unsigned(askedField.name + 1 + i, asked[counter]);
    writer.message(at.asked, inner);
  }
  for (const { reason, count } of message.drops.slice(0, ingestLimits.drops)) {
    inner.clear().text(dropField.reason, reason, textLimits.dropReason);
    inner.unsigned(dropField.count, count);
    writer.message(at.drops, inner);
  }
  for (const translation of message.translations.slice(0, ingestLimits.translations)) {
    inner.clear().bytes(translationAddresses, translation.addresses);
    for (const [i, name] of translationNumbers.entries())
      inner.unsigned(i + 2, Math.floor(translation[name]));
    writer.message(at.translations, inner);
  }
  if (message.report !== undefined) writeReport(writer, inner, message.report);
  return writer.written;
}

type ColumnValues = Uint8Array | Uint16Array | Uint32Array | Float64Array;

function valuesOf({ columns, count }: FlowBatch, { name, encoding }: IngestColumn): ColumnValues {
  return columns[name].subarray(0, encoding === "address" ? count * 16 : count);
}

function isEmpty(batch: FlowBatch, column: IngestColumn): boolean {
  const values = valuesOf(batch, column);
  if (column.empty !== 0) return values.every((value) => value === column.empty);
  // By words, which are four octets of any column, and the last three octets by themselves.
  const { buffer, byteOffset, byteLength } = values;
  const words = new Uint32Array(buffer, byteOffset, byteLength >> 2);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  const rest = byteLength & 3;
  return new Uint8Array(buffer, byteOffset + byteLength - rest, rest).every((octet) => octet === 0);
}

/** Straight into the message: with a copy in between a message of many rows would be written twice. */
function writeColumn(writer: WireWriter, batch: FlowBatch, column: IngestColumn): void {
  const bytes = littleEndian(valuesOf(batch, column), column.width);
  const { field, values } = columnField;
  writer.messageHead(at.columns, unsignedFieldBytes(field, column.number) + bytesFieldBytes(values, bytes));
  writer.unsigned(field, column.number);
  writer.bytes(values, bytes);
}

/** Typed arrays are little-endian on every machine that Node runs on, but the format must not depend on it. */
function littleEndian(values: ColumnValues, width: number): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return isLittleEndian || width === 1 || width === 16 ? bytes : swapped(bytes, width);
}

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function swapped(bytes: Uint8Array, width: number): Uint8Array {
  const turned = bytes.slice();
  for (let at = 0; at < turned.length; at += width) turned.subarray(at, at + width).reverse();
  return turned;
}

function writeReport(writer: WireWriter, inner: WireWriter, report: AgentReport): void {
  const part = new WireWriter();
  inner.clear();
  for (const { name, isOn, reason } of report.parts.slice(0, ingestLimits.parts)) {
    part.clear().text(partField.name, name, textLimits.partName);
    part.unsigned(partField.isOn, isOn ? 1 : 0);
    part.text(partField.reason, reason, textLimits.partReason);
    inner.message(reportField.parts, part);
  }
  inner.unsigned(reportField.sockets, report.sockets);
  inner.unsigned(reportField.spoolBytes, report.spoolBytes);
  inner.unsigned(reportField.spoolMessages, report.spoolMessages);
  inner.text(reportField.way, report.way, textLimits.way);
  for (const { reason, remedy } of report.limits.slice(0, ingestLimits.limits)) {
    part.clear().text(limitField.reason, reason, textLimits.partReason);
    part.text(limitField.remedy, remedy, textLimits.partReason);
    inner.message(reportField.limits, part);
  }
  if (report.dns !== undefined) inner.message(reportField.dns, lookupsOf(report.dns));
  writer.message(at.report, inner);
}

function lookupsOf(dns: AgentLookups): WireWriter {
  const writer = new WireWriter();
  lookupNumbers.forEach((name, i) => {
    writer.unsigned(i + 1, dns[name]);
  });
  for (const resolver of dns.resolvers.slice(0, ingestLimits.resolvers))
    writer.message(lookupResolvers, resolverOf(resolver));
  return writer;
}

function resolverOf(resolver: AgentResolver): WireWriter {
  const [writer, failure] = [new WireWriter(), new WireWriter()];
  writer.text(resolverField.address, resolver.address, textLimits.resolver);
  resolverNumbers.forEach((name, i) => {
    writer.unsigned(i + 2, resolver[name]);
  });
  for (const [code, count] of Object.entries(resolver.failureCounts).slice(0, ingestLimits.failures)) {
    failure.clear().text(failureField.code, code, textLimits.failureCode);
    failure.unsigned(failureField.count, count);
    writer.message(resolverField.failures, failure);
  }
  return writer;
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
