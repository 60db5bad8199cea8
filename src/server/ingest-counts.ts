/** What becomes of messages of agents. `refused`: no message, too large, or not for this token's machines. */
export const ingestOutcomes = [
  "durable",
  "duplicate",
  "busy",
  "refused",
  "unauthorized",
  "conflict",
] as const;
export type IngestResult = (typeof ingestOutcomes)[number];

export class IngestCounts {
  readonly #counts = new Map<IngestResult, number>(ingestOutcomes.map((outcome) => [outcome, 0]));

  count(outcome: IngestResult): void {
    this.#counts.set(outcome, this.#counts.get(outcome)! + 1);
  }

  /** Every outcome, also those that have not been. */
  get all(): ReadonlyMap<IngestResult, number> {
    return this.#counts;
  }
}
