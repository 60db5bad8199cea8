import { cleanText, FlowBatch } from "../flow/index.ts";
import {
  type AskedCounter,
  type AskedName,
  askedCounters,
  type Peer,
  peerKindOf,
  type Translation,
} from "../topology/index.ts";
import { type IngestColumn, ingestColumns } from "./columns.ts";
import {
  type AgentDrop,
  type AgentLimit,
  type AgentLookups,
  type AgentPart,
  type AgentReport,
  type AgentResolver,
  type IngestMessage,
  ingestLimits,
  isNodeName,
  type LearnedName,
  type PeerName,
  textLimits,
} from "./message.ts";
import {
  askedField,
  batchField as at,
  columnField,
  dropField,
  failureField,
  formatVersion,
  idBytes,
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
import { WireReader } from "./wire-reader.ts";

/** Why bytes are no message, in words for whoever runs the agent. */
export interface IngestProblem {
  readonly problem: string;
}

/** A longer one is refused, not cut off: it would be another machine's. */
const nodeBytesMax = 4 * 254;
type PeerText = keyof typeof textLimits.peer;
/** Of one message, a second's: microseconds of 50 days. What is stored are sums of these. */
const askedCountMax = 2 ** 42;
const isPlain = /^[\x21-\x7e]*$/;
const columnByNumber = new Map(ingestColumns.map((column) => [column.number, column]));

/** Never throws. Reads no more than `ingestLimits` allow, and copies what it keeps. */
export function readMessage(bytes: Uint8Array): IngestMessage | IngestProblem {
  if (bytes.length > ingestLimits.bytes)
    return { problem: `a message has at most ${ingestLimits.bytes} bytes, this one ${bytes.length}` };
  const head = {
    magic: 0,
    version: 0,
    sequence: 0,
    startedMilliseconds: 0,
    sealedMilliseconds: 0,
    rowCount: 0,
    isLast: false,
  };
  const texts = { node: "", agentVersion: "", machine: "", instance: "", epoch: "" };
  const columns = new Map<IngestColumn, Uint8Array>();
  const [peers, renamed, names, drops]: [Peer[], PeerName[], LearnedName[], AgentDrop[]] = [[], [], [], []];
  const translations: Translation[] = [];
  const asked: AskedName[] = [];
  let report: AgentReport | undefined;
  const reader = new WireReader(bytes);
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === at.magic) head.magic = reader.fixed32();
    else if (field === at.version) head.version = reader.unsigned();
    else if (field === at.node) texts.node = reader.text(nodeBytesMax);
    else if (field === at.instance) texts.instance = hex(reader.bytes());
    else if (field === at.epoch) texts.epoch = hex(reader.bytes());
    else if (field === at.sequence) head.sequence = reader.unsigned();
    else if (field === at.agentVersion) texts.agentVersion = textOf(reader, textLimits.agentVersion);
    else if (field === at.machine) texts.machine = textOf(reader, textLimits.machine);
    else if (field === at.startedMilliseconds) head.startedMilliseconds = reader.unsigned();
    else if (field === at.sealedMilliseconds) head.sealedMilliseconds = reader.unsigned();
    else if (field === at.rowCount) head.rowCount = reader.unsigned();
    else if (field === at.isLast) head.isLast = reader.unsigned() !== 0;
    else if (field === at.columns) readColumn(reader.message(), columns);
    else if (field === at.peers) add(peers, ingestLimits.peers, reader, readPeer);
    else if (field === at.renamed) add(renamed, ingestLimits.names, reader, readRenamed);
    else if (field === at.names) add(names, ingestLimits.names, reader, readName);
    else if (field === at.drops) add(drops, ingestLimits.drops, reader, readDrop);
    else if (field === at.translations) add(translations, ingestLimits.translations, reader, readTranslation);
    else if (field === at.asked) add(asked, ingestLimits.asked, reader, readAsked);
    else if (field === at.report) report = readReport(reader.message());
    else reader.skip();
    // Said at once, so that another format's bytes are not gone through as if they were ours.
    if (head.magic !== magic) return { problem: "the first bytes are not those of an agent's batch" };
    if (head.version > formatVersion)
      return { problem: `format version ${head.version}, this server reads up to ${formatVersion}` };
  }
  if (head.magic !== magic || head.version < 1)
    return { problem: "the first bytes are not those of an agent's batch" };
  if (reader.isBroken) return { problem: "the message is cut off or damaged" };
  const problem = checkHead(head, texts);
  if (problem !== undefined) return { problem };
  const batch = new FlowBatch(head.rowCount);
  batch.append(head.rowCount);
  for (const [column, values] of columns) {
    const wrong = fillColumn(batch, column, values);
    if (wrong !== undefined) return { problem: wrong };
  }
  for (const name of ["sourcePeer", "destinationPeer"] as const) {
    if (batch.columns[name].some((place) => place > peers.length))
      return { problem: `${name}: names a peer that the message does not tell` };
  }
  if (asked.some(({ peer }) => peer > peers.length))
    return { problem: "asked: names a peer that the message does not tell" };
  const { sequence, startedMilliseconds, sealedMilliseconds, isLast } = head;
  const { node, instance, epoch, agentVersion, machine } = texts;
  return {
    ...{ node, instance, epoch, sequence, agentVersion, machine, startedMilliseconds, sealedMilliseconds },
    isLast,
    ...{ batch, peers, renamed, names, translations, asked, drops, report },
  };
}

function checkHead(
  head: { sequence: number; rowCount: number },
  { node, instance, epoch }: { node: string; instance: string; epoch: string },
): string | undefined {
  if (!isNodeName(node))
    return "node: a name without blanks, / and @, of at most 253 characters, is expected";
  if (instance.length !== idBytes * 2) return `instance: ${idBytes} bytes are expected`;
  if (epoch.length !== idBytes * 2) return `epoch: ${idBytes} bytes are expected`;
  if (head.sequence < 1) return "sequence: a number from 1 on is expected";
  if (head.rowCount > ingestLimits.rows) return `row_count: at most ${ingestLimits.rows} are expected`;
  return undefined;
}

function add<T>(
  list: T[],
  countMax: number,
  reader: WireReader,
  read: (inner: WireReader) => T | undefined,
): void {
  if (list.length >= countMax) {
    reader.refuse();
    return;
  }
  const item = read(reader.message());
  if (item !== undefined) list.push(item);
}

function readColumn(reader: WireReader, columns: Map<IngestColumn, Uint8Array>): void {
  let [number, values] = [0, new Uint8Array() as Uint8Array];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === columnField.field) number = reader.unsigned();
    else if (field === columnField.values) values = reader.bytes();
    else reader.skip();
  }
  const column = columnByNumber.get(number);
  if (column !== undefined) columns.set(column, values);
}

function fillColumn(batch: FlowBatch, column: IngestColumn, values: Uint8Array): string | undefined {
  const { name, width, encoding, max } = column;
  const { count } = batch;
  if (values.length !== count * width)
    return `column ${name}: ${count * width} bytes are expected for ${count} rows, found ${values.length}`;
  if (encoding === "address" || encoding === "u8") batch.columns[name].set(values);
  else {
    const target = batch.columns[name];
    const view = new DataView(values.buffer, values.byteOffset, values.length);
    for (let row = 0; row < count; row++) {
      if (encoding === "u16") target[row] = view.getUint16(row * 2, true);
      else if (encoding === "f64") target[row] = view.getFloat64(row * 8, true);
      else target[row] = view.getUint32(row * 4, true);
    }
  }
  if (encoding === "address") return undefined;
  const target = batch.columns[name];
  for (let row = 0; row < count; row++) {
    const value = target[row]!;
    if (!(value >= 0 && value <= max))
      return `column ${name}: row ${row} is ${value}, 0 to ${max} is expected`;
  }
  return undefined;
}

function readPeer(reader: WireReader): Peer {
  const {
    id = "",
    kind = "",
    name = "",
    address = "",
    node = "",
    network = "",
    ...told
  } = readTexts(reader, peerFields);
  const { process = "", container = "", ...ofPod } = told;
  return { id, kind: peerKindOf(kind), name, address, node, network, process, container, ...ofPod };
}

/** Texts of a peer, numbered from 1 on; those that are empty are as good as not there. */
function readTexts<Name extends PeerText>(
  reader: WireReader,
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const texts: Partial<Record<Name, string>> = {};
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const name = names[field - 1];
    if (name === undefined) reader.skip();
    else {
      const text = textOf(reader, textLimits.peer[name]);
      if (text !== "") texts[name] = text;
    }
  }
  return texts;
}

/** What an agent tells is shown on pages and in terminals. */
function textOf(reader: WireReader, bytesMax: number): string {
  const text = reader.text(bytesMax);
  return isPlain.test(text) ? text : cleanText(text, bytesMax);
}

function readRenamed(reader: WireReader): PeerName {
  const { id = "", address = "", name = "", ...ofPod } = readTexts(reader, renamedFields);
  return { id, address, name, ...ofPod };
}

function readName(reader: WireReader): LearnedName | undefined {
  let [address, name, ttlSeconds] = [new Uint8Array(), "", 0];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === nameField.address) address = reader.bytes().slice();
    else if (field === nameField.name) name = textOf(reader, textLimits.lookedUp);
    else if (field === nameField.ttlSeconds) ttlSeconds = reader.unsigned();
    else reader.skip();
  }
  return address.length === 16 && name !== "" ? { address, name, ttlSeconds } : undefined;
}

/** One of other lengths or numbers is of a newer agent: passed over. */
function readTranslation(reader: WireReader): Translation | undefined {
  let addresses = new Uint8Array();
  const numbers = {
    ...{ originalSourcePort: 0, originalDestinationPort: 0, replySourcePort: 0, replyDestinationPort: 0 },
    ...{ protocol: 0, networkNamespace: 0, endedMilliseconds: 0 },
  };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const name = translationNumbers[field - 2];
    if (field === translationAddresses) addresses = reader.bytes().slice();
    else if (name === undefined) reader.skip();
    else numbers[name] = reader.unsigned();
  }
  const { protocol, networkNamespace, endedMilliseconds, ...ports } = numbers;
  const isInRange =
    protocol <= 0xff &&
    networkNamespace <= 0xffff_ffff &&
    endedMilliseconds <= Number.MAX_SAFE_INTEGER &&
    Object.values(ports).every((port) => port <= 0xffff);
  return addresses.length === 64 && isInRange ? { addresses, ...numbers } : undefined;
}

/** One without a peer or a name, or with a count that no agent gets to, is passed over. */
function readAsked(reader: WireReader): AskedName | undefined {
  const asked = { peer: 0, name: "" };
  const counts = Object.fromEntries(askedCounters.map((counter) => [counter, 0])) as Record<
    AskedCounter,
    number
  >;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const counter = askedCounters[field - askedField.name - 1];
    if (field === askedField.peer) asked.peer = reader.unsigned();
    else if (field === askedField.name) asked.name = textOf(reader, textLimits.lookedUp);
    else if (counter !== undefined) counts[counter] = reader.unsigned();
    else reader.skip();
  }
  const isInRange = askedCounters.every((counter) => counts[counter] <= askedCountMax);
  return asked.peer > 0 && asked.name !== "" && isInRange ? { ...asked, ...counts } : undefined;
}

function readDrop(reader: WireReader): AgentDrop {
  const drop = { reason: "", count: 0 };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === dropField.reason) drop.reason = textOf(reader, textLimits.dropReason);
    else if (field === dropField.count) drop.count = reader.unsigned();
    else reader.skip();
  }
  return drop;
}

function readReport(reader: WireReader): AgentReport {
  const parts: AgentPart[] = [];
  const limits: AgentLimit[] = [];
  let dns: AgentLookups | undefined;
  const report = { sockets: 0, spoolBytes: 0, spoolMessages: 0, way: "" };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === reportField.parts) add(parts, ingestLimits.parts, reader, readPart);
    else if (field === reportField.sockets) report.sockets = reader.unsigned();
    else if (field === reportField.spoolBytes) report.spoolBytes = reader.unsigned();
    else if (field === reportField.spoolMessages) report.spoolMessages = reader.unsigned();
    else if (field === reportField.way) report.way = textOf(reader, textLimits.way);
    else if (field === reportField.limits) add(limits, ingestLimits.limits, reader, readLimit);
    else if (field === reportField.dns) dns = readLookups(reader.message());
    else reader.skip();
  }
  return { ...report, parts, limits, dns };
}

function readLimit(reader: WireReader): AgentLimit {
  const limit = { reason: "", remedy: "" };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === limitField.reason) limit.reason = textOf(reader, textLimits.partReason);
    else if (field === limitField.remedy) limit.remedy = textOf(reader, textLimits.partReason);
    else reader.skip();
  }
  return limit;
}

function readLookups(reader: WireReader): AgentLookups {
  const resolvers: AgentResolver[] = [];
  const counts = { nameCount: 0, waitingCount: 0, malformedCount: 0, unaskedCount: 0, unbelievedCount: 0 };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const name = lookupNumbers[field - 1];
    if (name !== undefined) counts[name] = reader.unsigned();
    else if (field === lookupResolvers) add(resolvers, ingestLimits.resolvers, reader, readResolver);
    else reader.skip();
  }
  return { ...counts, resolvers };
}

function readResolver(reader: WireReader): AgentResolver {
  const failures: [string, number][] = [];
  let address = "";
  const counts = {
    ...{ queryCount: 0, answerCount: 0, timedOutCount: 0 },
    ...{ latencySumMicroseconds: 0, latencyMaxMicroseconds: 0 },
  };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const name = resolverNumbers[field - 2];
    if (name !== undefined) counts[name] = reader.unsigned();
    else if (field === resolverField.address) address = textOf(reader, textLimits.resolver);
    else if (field === resolverField.failures) add(failures, ingestLimits.failures, reader, readFailure);
    else reader.skip();
  }
  return { ...counts, address, failureCounts: Object.fromEntries(failures) };
}

function readFailure(reader: WireReader): [string, number] {
  const failure: [string, number] = ["", 0];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === failureField.code) failure[0] = textOf(reader, textLimits.failureCode);
    else if (field === failureField.count) failure[1] = reader.unsigned();
    else reader.skip();
  }
  return failure;
}

function readPart(reader: WireReader): AgentPart {
  const part = { name: "", isOn: false, reason: "" };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === partField.name) part.name = textOf(reader, textLimits.partName);
    else if (field === partField.isOn) part.isOn = reader.unsigned() !== 0;
    else if (field === partField.reason) part.reason = textOf(reader, textLimits.partReason);
    else reader.skip();
  }
  return part;
}

function hex(bytes: Uint8Array): string {
  return bytes.length === idBytes
    ? Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
    : "";
}
