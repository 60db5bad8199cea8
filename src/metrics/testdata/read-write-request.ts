/** A WriteRequest of remote write as plain objects, for tests: fields of length-delimited messages, doubles and varints. */
export interface ReadSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Names in the order they came. */
  readonly names: readonly string[];
  /** A value of `staleValue` is Prometheus' staleness marker. */
  readonly samples: readonly { readonly value: number; readonly time: number }[];
}

export const staleValue = Number.NEGATIVE_INFINITY;

export function readWriteRequest(bytes: Uint8Array): ReadSeries[] {
  return fieldsOf(Buffer.from(bytes)).map(({ value }) => {
    const series = fieldsOf(value as Buffer);
    const pairs = series
      .filter(({ field }) => field === 1)
      .map(({ value }) => fieldsOf(value as Buffer).map((part) => String(part.value)) as [string, string]);
    const samples = series
      .filter(({ field }) => field === 2)
      .map(({ value }) => fieldsOf(value as Buffer).map((part) => Number(part.value)))
      .map(([value = Number.NaN, time = 0]) => ({ value, time }));
    return { labels: Object.fromEntries(pairs), names: pairs.map(([name]) => name), samples };
  });
}

function fieldsOf(bytes: Buffer): { field: number; value: Buffer | number }[] {
  const fields: { field: number; value: Buffer | number }[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 0x7f) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    switch (tag & 7) {
      case 0:
        fields.push({ field: tag >> 3, value: varint() });
        break;
      case 1: {
        // Prometheus' staleness marker is one NaN among many.
        const isStale = bytes.readBigUInt64LE(at) === 0x7ff0000000000002n;
        fields.push({ field: tag >> 3, value: isStale ? staleValue : bytes.readDoubleLE(at) });
        at += 8;
        break;
      }
      case 2: {
        const length = varint();
        fields.push({ field: tag >> 3, value: bytes.subarray(at, at + length) });
        at += length;
        break;
      }
      default:
        throw new Error(`wire type ${tag & 7}`);
    }
  }
  return fields;
}
