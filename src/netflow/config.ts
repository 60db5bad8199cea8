/** Bounds of what the decoder keeps. An exporter is an address; it may send from many ports and domains. */
export interface DecoderLimits {
  readonly exportersMax: number;
  readonly templatesPerExporterMax: number;
  readonly fieldsPerTemplateMax: number;
  /** Fields of all templates of all exporters: what their memory is proportional to. */
  readonly templateFieldsMax: number;
  /** How long a template holds that is not announced again (RFC 7011 §8.4); 0 is for ever. */
  readonly templateMilliseconds: number;
  /** Source ports and domains of one exporter whose templates are kept apart; the one longest not used goes. */
  readonly sessionsPerExporterMax: number;
  /** Samplers, selectors and selection sequences, of one exporter and of all. */
  readonly samplersPerExporterMax: number;
  readonly samplersMax: number;
  /** Interfaces with a name, of one exporter and of all. */
  readonly interfacesPerExporterMax: number;
  readonly interfacesMax: number;
  readonly waitingBytesPerExporterMax: number;
  readonly waitingBytesMax: number;
  readonly waitingMilliseconds: number;
  /** Flows, of all exporters, whose last totals are remembered. */
  readonly totalFlowsMax: number;
  /** An exporter silent for so long may be forgotten when a new one needs its place. */
  readonly idleMilliseconds: number;
}

export const defaultDecoderLimits: DecoderLimits = {
  exportersMax: 1024,
  templatesPerExporterMax: 4096,
  fieldsPerTemplateMax: 1024,
  templateFieldsMax: 1_048_576,
  templateMilliseconds: 86_400_000,
  sessionsPerExporterMax: 256,
  samplersPerExporterMax: 4096,
  samplersMax: 65_536,
  interfacesPerExporterMax: 8192,
  interfacesMax: 131_072,
  waitingBytesPerExporterMax: 262_144,
  waitingBytesMax: 16_777_216,
  // softflowd repeats templates every 16 datagrams and, by default, sends once a minute.
  waitingMilliseconds: 1_200_000,
  totalFlowsMax: 65_536,
  idleMilliseconds: 3_600_000,
};
