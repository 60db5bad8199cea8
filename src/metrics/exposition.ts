/** One metric with its samples, ready to be written. */
export interface Metric {
  /** Prometheus name; a counter's ends in `_total`. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary" | "untyped";
  readonly help: string;
  readonly samples: Iterable<Sample>;
}

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  /** The labels written by `formatLabels`, by whoever writes them often. */
  readonly text?: string;
  /** What comes behind the metric's name: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string;
  /** Upper bound of a histogram's bucket: one more label. */
  readonly le?: string;
  readonly value: number;
}

/** Prometheus text exposition format 0.0.4, or OpenMetrics 1.0.0. */
export type ExpositionFormat = "text" | "openmetrics";

export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** Characters after which a piece is handed on. */
const pieceLength = 1 << 16;

/** The format that an `Accept` header likes best; text when it does not say. */
export function chooseFormat(accept: string | undefined): ExpositionFormat {
  let best = { weight: 0, format: "text" as ExpositionFormat };
  for (const part of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const given = parameters.find((parameter) => parameter.startsWith("q="));
    const weight = given === undefined ? 1 : Number(given.slice(2));
    const version = parameters.find((parameter) => parameter.startsWith("version="))?.slice(8) ?? "1.0.0";
    const isOpen = type === "application/openmetrics-text" && (version === "1.0.0" || version === "0.0.1");
    const isText = type === "text/plain" || type === "text/*" || type === "*/*";
    if ((isOpen || isText) && weight > best.weight)
      best = { weight, format: isOpen ? "openmetrics" : "text" };
  }
  return best.format;
}

/** All of it at once, for metrics that are few. */
export function formatMetrics(metrics: Iterable<Metric>, format: ExpositionFormat = "text"): string {
  return [...formatPieces(metrics, format)].join("");
}

/** The text in pieces of about 64 KiB, each made when it is asked for. */
export function* formatPieces(metrics: Iterable<Metric>, format: ExpositionFormat): Generator<string> {
  let piece = "";
  for (const metric of metrics) {
    piece += formatHead(metric, format);
    const { name, samples } = metric;
    for (const sample of samples) {
      piece += formatSample(name, sample);
      if (piece.length < pieceLength) continue;
      yield piece;
      piece = "";
    }
  }
  yield format === "openmetrics" ? `${piece}# EOF\n` : piece;
}

/**
 * OpenMetrics calls a counter by its name without `_total`, and what has no type `unknown`. A counter whose name does not
 * end so, which only drop-ins have, is no counter there.
 */
function formatHead({ name, type, help }: Metric, format: ExpositionFormat): string {
  const said = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  if (format === "text") return `# HELP ${name} ${said}\n# TYPE ${name} ${type}\n`;
  const isCounter = type === "counter" && name.endsWith("_total") && !unknownCounters.has(name);
  const family = isCounter ? name.slice(0, -"_total".length) : name;
  const openType = type === "untyped" || (type === "counter" && !isCounter) ? "unknown" : type;
  return `# TYPE ${family} ${openType}\n# HELP ${family} ${said.replaceAll('"', '\\"')}\n`;
}

/** Their names without `_total` are metrics of their own, and OpenMetrics does not let two families share a name. */
const unknownCounters: ReadonlySet<string> = new Set(["flow_bytes_total", "flow_packets_total"]);

function formatSample(
  name: string,
  { labels, text = formatLabels(labels), suffix, le, value }: Sample,
): string {
  const full = suffix === undefined ? name : name + suffix;
  if (le !== undefined) return `${full}{${text}${text === "" ? "" : ","}le="${le}"} ${formatValue(value)}\n`;
  return text === "" ? `${full} ${formatValue(value)}\n` : `${full}{${text}} ${formatValue(value)}\n`;
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

/** `a="x",b="y"`, without the braces. */
export function formatLabels(labels: Sample["labels"]): string {
  if (labels === undefined) return "";
  let text = "";
  for (const name in labels) {
    text += text === "" ? `${name}="` : `,${name}="`;
    text += `${escapeLabel(labels[name]!)}"`;
  }
  return text;
}

const special = /["\\\n\0\ud800-\udfff]/;

/** Prometheus ends reading at a zero byte, and half of a surrogate pair cannot be written as UTF-8. */
function escapeLabel(value: string): string {
  if (!special.test(value)) return value;
  return cleanText(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** What can stand in a label's value: well-formed, and without zero bytes. */
export function cleanText(value: string): string {
  return value.toWellFormed().replaceAll("\0", "\ufffd");
}
