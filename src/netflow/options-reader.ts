import type { FlowSink, InterfaceFact, ReportDrop } from "../flow/index.ts";
import { isZeroFilled } from "./bytes.ts";
import type { DecoderLimits } from "./config.ts";
import type { Domain, ExporterState } from "./exporter-state.ts";
import type { FairShare } from "./fair-share.ts";
import type { MessageContext } from "./message.ts";
import { OptionsRecord } from "./options.ts";
import { isInterfaceFact, OptionsKeeper } from "./options-keeper.ts";
import { RecordWalk } from "./record-walk.ts";
import type { TemplateLayout } from "./template.ts";

/** Reads options data: what they say is kept, and told where it is about interfaces. */
export class OptionsReader {
  readonly keeper: OptionsKeeper;
  readonly #drop: ReportDrop;
  readonly #walk: RecordWalk;
  readonly #record = new OptionsRecord();
  readonly #interface: InterfaceFact = { index: 0, name: "", description: "", speed: 0 };

  constructor(limits: DecoderLimits, share: FairShare, drop: ReportDrop) {
    this.keeper = new OptionsKeeper(limits, share);
    this.#drop = drop;
    this.#walk = new RecordWalk(limits.fieldsPerTemplateMax);
  }

  /** Of every fact the last record that says it holds. Returns how many records there are; NaN when the set is cut. */
  readSet(
    state: ExporterState,
    domain: Domain | undefined,
    template: TemplateLayout,
    bytes: Uint8Array,
    start: number,
    end: number,
    context: MessageContext,
    sink: FlowSink,
  ): number {
    let count = 0;
    let offset = start;
    while (end - offset >= template.recordLength) {
      const recordEnd = this.#walk.walk(template, bytes, offset, end);
      if (recordEnd < 0) break;
      this.#record.read(template, bytes, this.#walk);
      const isLearnt = domain === undefined || this.keeper.learn(state, domain, context.port, this.#record);
      const isNamed = !isInterfaceFact(this.#record) || this.#takeInterface(state, sink);
      if (!isLearnt || !isNamed) this.#drop("template_limit", state.addressText);
      offset = recordEnd;
      count++;
    }
    const isWhole = count > 0 && (end - offset < template.recordLength || isZeroFilled(bytes, offset, end));
    if (!isWhole) this.#drop("set_truncated", state.addressText);
    return isWhole ? count : Number.NaN;
  }

  /** Only what is kept is told, so that nobody else needs a bound. */
  #takeInterface(state: ExporterState, sink: FlowSink): boolean {
    const { interfaceIndex, interfaceName, interfaceDescription } = this.#record;
    if (!this.keeper.learnInterface(state, this.#record)) return false;
    this.#interface.index = interfaceIndex;
    this.#interface.name = interfaceName;
    this.#interface.description = interfaceDescription;
    sink.takeInterface?.(this.#interface);
    return true;
  }
}
