import type { FlowBatch } from "../flow/index.ts";
import { createFlowWriter, type FlowWriter, type FlowWriterConfig } from "../netflow/index.ts";

/** Where messages go. */
export interface Destination {
  readonly text: string;
  /** Whether the message left; why not is counted and told by the destination. */
  send(message: Uint8Array): boolean;
}

export interface ExportInterface {
  readonly index: number;
  readonly name: string;
}

export interface ExporterConfig {
  /** Of each observation domain, but for what its interface says. Asked when there is something to write: the clock is known then. */
  readonly writer: () => FlowWriterConfig;
  /** Messages by turns instead of all to all. */
  readonly isBalanced: boolean;
}

export interface ExportCounts {
  messageCount: number;
  recordCount: number;
  /** Messages that did not leave, counted for each destination. */
  failureCount: number;
  /** Records that the version cannot say. */
  unsayableCount: number;
}

/**
 * Records to destinations. Each interface is an observation domain of its own, with templates and a sequence; where destinations take
 * turns, each has its own again, so that none sees gaps.
 */
export class FlowExporter {
  readonly counts: ExportCounts = { messageCount: 0, recordCount: 0, failureCount: 0, unsayableCount: 0 };
  readonly #config: ExporterConfig;
  /** By their number in packet batches; more may come. */
  readonly #interfaces: readonly ExportInterface[];
  readonly #destinations: readonly Destination[];
  readonly #streamCount: number;
  /** By interface: a writer for each stream, and the stream whose turn it is. */
  readonly #domains: { readonly writers: readonly FlowWriter[]; turn: number }[] = [];
  /** Did not take the last message. */
  readonly #refusing = new Set<Destination>();
  /** Streams of which a destination takes messages again; it may have begun anew, without a template. */
  readonly #streamsTaken = new Set<number>();
  #hasSent = false;

  constructor(
    config: ExporterConfig,
    interfaces: readonly ExportInterface[],
    destinations: readonly Destination[],
  ) {
    this.#config = config;
    this.#interfaces = interfaces;
    this.#destinations = destinations;
    this.#streamCount = config.isBalanced ? Math.max(destinations.length, 1) : 1;
  }

  /** `interfaces` says of each row which interface's it is; `now` is the export time, unix milliseconds. */
  write(batch: FlowBatch, interfaces: Uint16Array, now: number): void {
    for (let row = 0; row < batch.count; row++) {
      const domain = this.#domains[interfaces[row]!] ?? this.#addDomain(interfaces[row]!);
      this.#hasSent = false;
      if (!domain.writers[domain.turn]!.write(batch, row, now)) this.counts.unsayableCount++;
      if (this.#hasSent) domain.turn = (domain.turn + 1) % this.#streamCount;
      if (this.#streamsTaken.size > 0) this.#sendTemplates(now);
    }
  }

  flush(now: number): void {
    for (const domain of this.#domains) for (const writer of domain?.writers ?? []) writer.flush(now);
    if (this.#streamsTaken.size > 0) this.#sendTemplates(now);
  }

  repeatTemplates(): void {
    for (const domain of this.#domains) for (const writer of domain?.writers ?? []) writer.repeatTemplates();
  }

  #addDomain(at: number) {
    const { index, name } = this.#interfaces[at] ?? { index: 0, name: "" };
    const config = this.#config.writer();
    const observationDomainId = config.isSoftflowd ? 0 : index;
    const domainConfig = { ...config, observationDomainId, interfaceIndex: index, interfaceName: name };
    const writers = Array.from({ length: this.#streamCount }, (_, stream) =>
      createFlowWriter(domainConfig, (message, recordCount) => this.#send(message, recordCount, stream)),
    );
    const domain = { writers, turn: 0 };
    this.#domains[at] = domain;
    return domain;
  }

  #send(message: Uint8Array, recordCount: number, stream: number): void {
    this.#hasSent = true;
    this.counts.messageCount++;
    this.counts.recordCount += recordCount;
    if (this.#streamCount > 1) this.#sendTo(this.#destinations[stream]!, message, stream);
    else for (const destination of this.#destinations) this.#sendTo(destination, message, 0);
  }

  #sendTo(destination: Destination, message: Uint8Array, stream: number): void {
    if (!destination.send(message)) {
      this.counts.failureCount++;
      this.#refusing.add(destination);
    } else if (this.#refusing.delete(destination)) this.#streamsTaken.add(stream);
  }

  #sendTemplates(now: number): void {
    const streams = [...this.#streamsTaken];
    this.#streamsTaken.clear();
    for (const domain of this.#domains)
      for (const stream of streams) domain?.writers[stream]?.sendTemplates(now);
  }
}
