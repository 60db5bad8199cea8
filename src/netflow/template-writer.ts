import { assert, type FlowBatch, isMappedIPv4 } from "../flow/index.ts";
import { fieldsOf, RecordWriter } from "./record-writer.ts";
import type { FlowWriter, FlowWriterConfig, SendMessage } from "./writer-config.ts";

const setHeaderBytes = 4;
const nameBytes = 16;

/** What differs between versions 9 and 10. */
interface Dialect {
  readonly headerBytes: number;
  readonly templateSetId: number;
  readonly optionsSetId: number;
}
const version9: Dialect = { headerBytes: 20, templateSetId: 0, optionsSetId: 1 };
const ipfix: Dialect = { headerBytes: 16, templateSetId: 2, optionsSetId: 3 };

/** Ids of templates: IPv4, ICMP, IPv6, ICMPv6, then options. */
const standardIds = [256, 257, 258, 259, 260, 261] as const;
const softflowdIds = [1024, 1025, 2048, 2049, 256, 0] as const;

/**
 * Messages of NetFlow v9 (RFC 3954) and IPFIX (RFC 7011). Templates, and options that tell sampling and interface, go first and come again
 * after so many messages and after so long, since over UDP nobody knows who has just begun to listen.
 *
 *  v9     0         2       4        8       12         16          20        IPFIX  0         2        4      8          12       16
 *         +---------+-------+--------+-------+----------+-----------+                +---------+--------+------+----------+--------+
 *         | version | count | uptime | time  | sequence | source id |  sets          | version | length | time | sequence | domain |  sets
 *         +---------+-------+--------+-------+----------+-----------+                +---------+--------+------+----------+--------+
 */
export class TemplateWriter implements FlowWriter {
  readonly #config: FlowWriterConfig;
  readonly #dialect: Dialect;
  readonly #send: SendMessage;
  readonly #ids: readonly number[];
  readonly #records: readonly RecordWriter[];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  /** Where the set being written began, and its id; 0 between sets. */
  #setStart = 0;
  #setId = 0;
  /** Of this message: records of flows; records of any kind; records of data, options among them. */
  #flowRecords = 0;
  #allRecords = 0;
  #dataRecords = 0;
  /** Messages sent, for v9; data records sent before this message, for IPFIX. */
  #sequence = 0;
  #messagesSinceTemplates = Number.POSITIVE_INFINITY;
  #templatesSent = Number.NEGATIVE_INFINITY;

  constructor(config: FlowWriterConfig, send: SendMessage) {
    this.#config = config;
    this.#dialect = config.version === 9 ? version9 : ipfix;
    this.#send = send;
    this.#ids = config.isSoftflowd ? softflowdIds : standardIds;
    this.#records = [0, 1, 2, 3].map(
      (kind) =>
        new RecordWriter(fieldsOf(config, (kind & 2) !== 0, (kind & 1) !== 0), config.bootMilliseconds),
    );
    this.#bytes = new Uint8Array(config.messageBytesMax);
    this.#view = new DataView(this.#bytes.buffer);
    assert(config.messageBytesMax >= 1200, "templates and a record fit into a message");
  }

  write(batch: FlowBatch, row: number, now: number): boolean {
    const kind = this.#kindOf(batch, row);
    const record = this.#records[kind]!;
    const id = this.#ids[kind]!;
    if (this.#at !== 0 && this.#at + record.byteLength + setHeaderBytes + 3 > this.#bytes.length)
      this.flush(now);
    if (this.#at === 0) this.#begin(now);
    if (this.#setId !== id) {
      this.#endSet();
      this.#beginSet(id);
    }
    record.write(this.#bytes, this.#view, this.#at, batch, row);
    this.#at += record.byteLength;
    this.#flowRecords++;
    this.#allRecords++;
    this.#dataRecords++;
    return true;
  }

  flush(now: number): void {
    if (this.#at === 0) return;
    this.#endSet();
    this.#writeHeader(now);
    const message = this.#bytes.subarray(0, this.#at);
    const flowRecords = this.#flowRecords;
    this.#sequence += this.#config.version === 9 ? 1 : this.#countedRecords();
    this.#messagesSinceTemplates++;
    this.#at = 0;
    this.#send(message, flowRecords);
  }

  repeatTemplates(): void {
    this.#messagesSinceTemplates = Number.POSITIVE_INFINITY;
  }

  sendTemplates(now: number): void {
    this.flush(now);
    this.repeatTemplates();
    this.#begin(now);
    this.flush(now);
  }

  #kindOf({ columns }: FlowBatch, row: number): number {
    const isIPv4 = isMappedIPv4(columns.sourceAddress, row * 16);
    const protocol = columns.protocolIdentifier[row];
    const isIcmp = this.#config.withPorts && protocol === (isIPv4 ? 1 : 58);
    return (isIPv4 ? 0 : 2) + (isIcmp ? 1 : 0);
  }

  #begin(now: number): void {
    this.#at = this.#dialect.headerBytes;
    this.#flowRecords = 0;
    this.#allRecords = 0;
    this.#dataRecords = 0;
    const { templateMessages, templateMilliseconds, isSoftflowd } = this.#config;
    const isOld = !isSoftflowd && Math.abs(now - this.#templatesSent) >= templateMilliseconds;
    if (this.#messagesSinceTemplates < templateMessages && !isOld) return;
    this.#messagesSinceTemplates = 0;
    this.#templatesSent = now;
    this.#writeTemplates();
    if (isSoftflowd) this.#writeSoftflowdOptions();
    else this.#writeOptions();
  }

  #beginSet(id: number): void {
    this.#setStart = this.#at;
    this.#setId = id;
    this.#view.setUint16(this.#at, id);
    this.#at += setHeaderBytes;
  }

  #endSet(): void {
    if (this.#setStart === 0) return;
    if (!this.#config.isSoftflowd) while (this.#at % 4 !== 0) this.#bytes[this.#at++] = 0;
    this.#view.setUint16(this.#setStart + 2, this.#at - this.#setStart);
    this.#setStart = 0;
    this.#setId = 0;
  }

  #writeTemplates(): void {
    const { templateSetId } = this.#dialect;
    for (const [kind, { fields }] of this.#records.entries()) {
      this.#beginSet(templateSetId);
      this.#put16(this.#ids[kind]!, fields.length);
      for (const { element, length, enterprise = 0 } of fields) {
        this.#put16(enterprise === 0 ? element : element | 0x8000, length);
        if (enterprise !== 0) this.#put32(enterprise);
      }
      this.#endSet();
      this.#allRecords++;
    }
  }

  /** How packets were sampled, and the interface's name, each of its own scope; only what there is to say. */
  #writeOptions(): void {
    const { withOptions, samplingInterval, interfaceName } = this.#config;
    if (withOptions && samplingInterval > 1) this.#writeSampling();
    if (withOptions && interfaceName !== "") this.#writeInterface();
  }

  #writeSampling(): void {
    const { samplingInterval, observationDomainId, version } = this.#config;
    const id = this.#ids[4]!;
    if (version === 9) {
      // Scope 1 is the exporter, 2 an interface (RFC 3954 §6.1).
      this.#writeOptionsTemplate(id, [1, 4], [34, 4, 35, 1]);
      this.#beginSet(id);
      this.#put32(0, samplingInterval);
      this.#bytes[this.#at++] = 1; // deterministic
    } else {
      // RFC 5477 §8.2: 1 packet taken, then the others of the interval left out; 34 for readers that know only that.
      this.#writeOptionsTemplate(id, [149, 4], [302, 2, 304, 2, 305, 4, 306, 4, 34, 4]);
      this.#beginSet(id);
      this.#put32(observationDomainId);
      this.#put16(1, 1); // selector 1; systematic, by count
      this.#put32(1, samplingInterval - 1, samplingInterval);
    }
    this.#endOption();
  }

  #writeInterface(): void {
    const { interfaceIndex, interfaceName, version } = this.#config;
    const id = this.#ids[5]!;
    if (version === 9) {
      this.#writeOptionsTemplate(id, [2, 4], [10, 4, 82, nameBytes]);
      this.#beginSet(id);
      this.#put32(interfaceIndex, interfaceIndex);
    } else {
      this.#writeOptionsTemplate(id, [10, 4], [82, nameBytes]);
      this.#beginSet(id);
      this.#put32(interfaceIndex);
    }
    this.#putName(interfaceName);
    this.#endOption();
  }

  #endOption(): void {
    this.#endSet();
    this.#allRecords++;
    this.#dataRecords++;
  }

  /** Scopes and fields are pairs of id and length. Version 9 tells them by their octets, IPFIX by their number. */
  #writeOptionsTemplate(id: number, scopes: readonly number[], fields: readonly number[]): void {
    this.#beginSet(this.#dialect.optionsSetId);
    if (this.#config.version === 9) this.#put16(id, scopes.length * 2, fields.length * 2);
    else this.#put16(id, (scopes.length + fields.length) / 2, scopes.length / 2);
    this.#put16(...scopes, ...fields);
    this.#endSet();
    this.#allRecords++;
  }

  #writeSoftflowdOptions(): void {
    const { samplingInterval, interfaceIndex, interfaceName, bootMilliseconds } = this.#config;
    const id = this.#ids[4]!;
    if (this.#config.version === 9) {
      this.#writeOptionsTemplate(id, [2, 4], [34, 4, 35, 1, 82, nameBytes]);
      this.#beginSet(id);
      this.#put32(interfaceIndex, samplingInterval);
      this.#bytes[this.#at++] = 1;
    } else {
      this.#writeOptionsTemplate(id, [143, 4], [160, 8, 305, 4, 306, 4, 304, 2, 82, nameBytes]);
      this.#beginSet(id);
      this.#put32(0);
      this.#put64(bootMilliseconds);
      this.#put32(1, samplingInterval - 1);
      this.#put16(1);
    }
    this.#putName(interfaceName);
    this.#endSet();
  }

  #countedRecords(): number {
    return this.#config.isSoftflowd ? this.#flowRecords : this.#dataRecords;
  }

  #writeHeader(now: number): void {
    const { version, bootMilliseconds, observationDomainId, isSoftflowd } = this.#config;
    const view = this.#view;
    view.setUint16(0, version);
    if (version === 9) {
      view.setUint16(2, isSoftflowd ? this.#flowRecords : this.#allRecords);
      view.setUint32(4, Math.floor(now - bootMilliseconds));
      view.setUint32(8, now / 1000);
      view.setUint32(12, isSoftflowd ? this.#sequence + 1 : this.#sequence);
      view.setUint32(16, observationDomainId);
    } else {
      view.setUint16(2, this.#at);
      view.setUint32(4, now / 1000);
      view.setUint32(8, isSoftflowd ? this.#sequence + this.#flowRecords : this.#sequence);
      view.setUint32(12, observationDomainId);
    }
  }

  #put16(...values: readonly number[]): void {
    for (const value of values) {
      this.#view.setUint16(this.#at, value);
      this.#at += 2;
    }
  }

  #put32(...values: readonly number[]): void {
    for (const value of values) {
      this.#view.setUint32(this.#at, value);
      this.#at += 4;
    }
  }

  #put64(value: number): void {
    this.#put32(value / 0x100000000, value);
  }

  /** Cut or filled with zeros to its 16 octets. */
  #putName(name: string): void {
    this.#bytes.fill(0, this.#at, this.#at + nameBytes);
    new TextEncoder().encodeInto(name, this.#bytes.subarray(this.#at, this.#at + nameBytes));
    this.#at += nameBytes;
  }
}
