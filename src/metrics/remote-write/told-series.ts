import { formatLabels, type Sample } from "../exposition.ts";

type Labels = NonNullable<Sample["labels"]>;

/** A series as it was told. */
export interface ToldSeries {
  readonly name: string;
  readonly labels: Labels;
}

interface ToldMetric {
  readonly name: string;
  readonly le: string | undefined;
  /** By the text of the labels, which is the series' own where it has one: nothing is copied. */
  readonly labels: Map<string, Labels>;
}

/** Remembers which series were told, so that those that are told no more can be ended at once, as a scrape ends them. */
export class ToldSeriesTable {
  #before = new Map<string, ToldMetric>();
  #now = new Map<string, ToldMetric>();

  /** A series that is told now. */
  tell(name: string, { labels = {}, text = formatLabels(labels), le }: Sample): void {
    const key = le === undefined ? name : `${name} ${le}`;
    let metric = this.#now.get(key);
    if (metric === undefined) {
      metric = { name, le, labels: new Map() };
      this.#now.set(key, metric);
    }
    metric.labels.set(text, labels);
  }

  /** What was told the last time and is not now, once everything was told. The next time begins. */
  *gone(): Generator<ToldSeries> {
    const [before, now] = [this.#before, this.#now];
    this.#before = now;
    this.#now = new Map();
    for (const [key, { name, le, labels }] of before) {
      const still = now.get(key)?.labels;
      for (const [text, own] of labels)
        if (still?.has(text) !== true) yield { name, labels: le === undefined ? own : { ...own, le } };
    }
  }

  /** It was not all told: what was told the last time stays what it was. */
  forget(): void {
    this.#now = new Map();
  }
}
