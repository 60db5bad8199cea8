import type { Metric, Sample } from "../exposition.ts";
import type { FindPlace } from "./geo-database.ts";

/** A value of an address, with the labels that go along. */
export interface AddressValue {
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** prometheus-geoip's metric. An address that the database does not know, a private one among them, is nowhere and left out. */
export function geoIpMetric(values: Iterable<AddressValue>, findPlace: FindPlace, limit: number): Metric {
  return {
    name: "geo_ip",
    type: "gauge",
    help: "The value of the query for an address, and where the address is.",
    samples: samplesOf(values, findPlace, limit),
  };
}

function* samplesOf(values: Iterable<AddressValue>, findPlace: FindPlace, limit: number): Generator<Sample> {
  // Two of the query's series may differ only in labels that are not carried over: they are one.
  const sums = new Map<string, { labels: Readonly<Record<string, string>>; value: number }>();
  for (const { address, labels, value } of values) {
    const place = findPlace(address);
    if (place === undefined) continue;
    const all = { ...labels, ip: address, ...place };
    const key = JSON.stringify(all);
    const known = sums.get(key);
    if (known !== undefined) known.value += value;
    else if (sums.size < limit) sums.set(key, { labels: all, value });
  }
  yield* sums.values();
}
