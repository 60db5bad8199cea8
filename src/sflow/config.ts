/** Bounds of what the decoder keeps: only counts. An exporter is an address; it may send for many agents. */
export interface SflowLimits {
  readonly exportersMax: number;
  /** Agents and sub-agents of one exporter; the one longest silent goes. */
  readonly agentsPerExporterMax: number;
  /** Data sources (mostly interfaces) of one exporter; the one longest silent goes. */
  readonly sourcesPerExporterMax: number;
  /** Of all exporters: beyond it a new one pushes out one of its own exporter. */
  readonly sourcesMax: number;
  /** An exporter silent for so long may be forgotten when a new one needs its place. */
  readonly idleMilliseconds: number;
}

export const defaultSflowLimits: SflowLimits = {
  exportersMax: 1024,
  agentsPerExporterMax: 64,
  sourcesPerExporterMax: 4096,
  sourcesMax: 65_536,
  idleMilliseconds: 3_600_000,
};
