/** Live, a span that ends now, or a span between two moments. */
export type TimeRange =
  | { readonly kind: "live" }
  | { readonly kind: "last"; readonly span: Span }
  | { readonly kind: "between"; readonly from: number; readonly to: number };

export const spans = ["15m", "1h", "6h", "24h", "7d"] as const;
export type Span = (typeof spans)[number];

export const spanLabels: Record<Span, string> = {
  "15m": "Last 15 minutes",
  "1h": "Last hour",
  "6h": "Last 6 hours",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
};

/** What a range is compared with: the same length right before it, or a day or a week earlier. */
export const compareSpans = ["before", "1d", "7d"] as const;
export type CompareWith = (typeof compareSpans)[number];

export const compareLabels: Record<CompareWith, string> = {
  before: "the time right before",
  "1d": "a day earlier",
  "7d": "a week earlier",
};

const spanMilliseconds: Record<Span, number> = {
  "15m": 900_000,
  "1h": 3_600_000,
  "6h": 21_600_000,
  "24h": 86_400_000,
  "7d": 604_800_000,
};

/** What the API takes; a live range asks for its default, the last 15 minutes. */
export function timeParams(range: TimeRange): { from?: string; to?: string } {
  if (range.kind === "live") return {};
  if (range.kind === "last") return { from: `-${range.span}` };
  return { from: String(range.from), to: String(range.to) };
}

export function rangeMilliseconds(range: TimeRange): number {
  if (range.kind === "between") return range.to - range.from;
  return spanMilliseconds[range.kind === "live" ? "15m" : range.span];
}

/** From and to, as they are at `now`. */
export function rangeBounds(range: TimeRange, now: number): { from: number; to: number } {
  if (range.kind === "between") return { from: range.from, to: range.to };
  return { from: now - rangeMilliseconds(range), to: now };
}

/** The window that a range is compared with. */
export function baseBounds(
  range: TimeRange,
  compare: CompareWith,
  now: number,
): { from: number; to: number } {
  const { from, to } = rangeBounds(range, now);
  const earlier = { before: to - from, "1d": 86_400_000, "7d": 604_800_000 }[compare];
  return { from: Math.max(0, from - earlier), to: Math.max(1, to - earlier) };
}

/** A step that gives a chart between 30 and about 180 points. */
export function seriesStep(range: TimeRange): number {
  const steps = [10_000, 60_000, 300_000, 900_000, 3_600_000, 21_600_000, 86_400_000];
  const finest = rangeMilliseconds(range) / 180;
  return Math.max(60_000, steps.find((step) => step >= finest) ?? steps.at(-1)!);
}
