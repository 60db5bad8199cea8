import { cleanText, type Metric } from "../exposition.ts";
import type { ToldSeriesTable } from "./told-series.ts";

/*
 * prometheus.WriteRequest (remote write 1.0):
 *   WriteRequest { repeated TimeSeries timeseries = 1 }
 *   TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2 }
 *   Label        { string name = 1; string value = 2 }
 *   Sample       { double value = 1; int64 timestamp = 2 }  milliseconds
 */
const seriesTag = (1 << 3) | 2;
const labelTag = (1 << 3) | 2;
const nameTag = (1 << 3) | 2;
const valueTag = (2 << 3) | 2;
const sampleTag = (2 << 3) | 2;
const sampleValueTag = (1 << 3) | 1;
const sampleTimeTag = (2 << 3) | 0;

/** The value that ends a series, Prometheus' staleness marker: one NaN among many, so that it is written by its bits. */
const staleBits = 0x7ff0000000000002n;

export interface WriteRequest {
  readonly bytes: Buffer;
  readonly sampleCount: number;
}

/**
 * The metrics as requests of at most so many samples, each made when it is asked for. Labels are sorted by name and empty ones left
 * out, as receivers want them; `external` labels are added to every series that has none of that name. Series that `told` knows and
 * that are not among the metrics any more come last, with the marker that ends them.
 */
export function* writeRequests(
  metrics: Iterable<Metric>,
  {
    time,
    external,
    samplesMax,
    told,
  }: {
    time: number;
    external: Readonly<Record<string, string>>;
    samplesMax: number;
    told: ToldSeriesTable;
  },
): Generator<WriteRequest> {
  let parts: Buffer[] = [];
  for (const series of everySeries(metrics, { time, external, told })) {
    parts.push(series);
    if (parts.length < samplesMax) continue;
    yield { bytes: Buffer.concat(parts), sampleCount: parts.length };
    parts = [];
  }
  if (parts.length > 0) yield { bytes: Buffer.concat(parts), sampleCount: parts.length };
}

function* everySeries(
  metrics: Iterable<Metric>,
  {
    time,
    external,
    told,
  }: { time: number; external: Readonly<Record<string, string>>; told: ToldSeriesTable },
): Generator<Buffer> {
  for (const { name, samples } of metrics) {
    for (const sample of samples) {
      const { labels, suffix = "", le, value } = sample;
      told.tell(name + suffix, sample);
      const all = { ...external, ...labels, __name__: name + suffix, ...(le === undefined ? {} : { le }) };
      yield writeSeries(all, value, time);
    }
  }
  for (const { name, labels } of told.gone())
    yield writeSeries({ ...external, ...labels, __name__: name }, "stale", time);
}

function writeSeries(
  labels: Readonly<Record<string, string>>,
  value: number | "stale",
  time: number,
): Buffer {
  const parts: Buffer[] = [];
  // By UTF-16 units, which for names of labels is by octets.
  for (const name of Object.keys(labels).sort()) {
    const text = labels[name]!;
    if (text === "") continue;
    const label = [message(nameTag, Buffer.from(name)), message(valueTag, Buffer.from(cleanText(text)))];
    parts.push(message(labelTag, ...label));
  }
  const double = Buffer.alloc(9, sampleValueTag);
  if (value === "stale") double.writeBigUInt64LE(staleBits, 1);
  else double.writeDoubleLE(value, 1);
  parts.push(message(sampleTag, double, Buffer.from([sampleTimeTag]), varint(time)));
  return message(seriesTag, ...parts);
}

function message(tag: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([tag]), varint(length), ...parts]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
