/** Writes sFlow datagrams for tests and benchmarks: the clear opposite of the decoder. */
import { address, concat, unsigned } from "../../packet/testdata/frames.ts";

export const words = (...values: readonly number[]) => concat(...values.map((value) => unsigned(value, 4)));

/** Filled up to a multiple of four octets. */
export function opaque(bytes: Uint8Array): Uint8Array {
  return concat(words(bytes.length), bytes, new Uint8Array((4 - (bytes.length % 4)) % 4));
}

/** A type and an address. */
export function typedAddress(text: string): Uint8Array {
  return concat(words(text.includes(":") ? 2 : 1), address(text));
}

export interface DatagramOptions {
  readonly agent?: string;
  readonly subAgent?: number;
  readonly sequence?: number;
  readonly uptime?: number;
  /** When it is not the number of samples. */
  readonly count?: number;
}

export function datagram(options: DatagramOptions, ...samples: readonly Uint8Array[]): Uint8Array {
  const { agent = "198.51.100.254", subAgent = 0, sequence = 1, uptime = 100_000 } = options;
  const { count = samples.length } = options;
  return concat(words(5), typedAddress(agent), words(subAgent, sequence, uptime, count), ...samples);
}

/** A number and a body behind its length: samples and records alike. Of a vendor, the number is `vendor * 4096 + number`. */
export function block(format: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return concat(words(format), opaque(concat(...parts)));
}

export interface SampleOptions {
  readonly sequence?: number;
  readonly sourceType?: number;
  readonly source?: number;
  readonly rate?: number;
  readonly pool?: number;
  readonly drops?: number;
  /** The value, and in front of it the format. */
  readonly input?: number;
  readonly inputFormat?: number;
  readonly output?: number;
  readonly outputFormat?: number;
  readonly count?: number;
}

const withDefaults = (given: SampleOptions, records: readonly Uint8Array[]) => ({
  sequence: 1,
  sourceType: 0,
  source: 7,
  rate: 512,
  pool: 51_200,
  drops: 0,
  input: 7,
  inputFormat: 0,
  output: 8,
  outputFormat: 0,
  count: records.length,
  ...given,
});

export function flowSample(given: SampleOptions, ...records: readonly Uint8Array[]): Uint8Array {
  const { sequence, sourceType, source, rate, pool, drops, ...rest } = withDefaults(given, records);
  const input = rest.inputFormat * 2 ** 30 + rest.input;
  const output = rest.outputFormat * 2 ** 30 + rest.output;
  const head = words(sequence, sourceType * 2 ** 24 + source, rate, pool, drops, input, output, rest.count);
  return block(1, head, ...records);
}

export function expandedFlowSample(given: SampleOptions, ...records: readonly Uint8Array[]): Uint8Array {
  const { sequence, sourceType, source, rate, pool, drops, ...rest } = withDefaults(given, records);
  const interfaces = words(rest.inputFormat, rest.input, rest.outputFormat, rest.output);
  return block(
    3,
    words(sequence, sourceType, source, rate, pool, drops),
    interfaces,
    words(rest.count),
    ...records,
  );
}

export function discardedSample(
  given: SampleOptions & { readonly reason?: number },
  ...records: readonly Uint8Array[]
): Uint8Array {
  const { sequence, sourceType, source, drops, input, output, count } = withDefaults(given, records);
  const head = words(sequence, sourceType, source, drops, input, output, given.reason ?? 256, count);
  return block(5, head, ...records);
}

export function counterSample(given: SampleOptions, ...records: readonly Uint8Array[]): Uint8Array {
  const { sequence, sourceType, source, count } = withDefaults(given, records);
  return block(2, words(sequence, sourceType * 2 ** 24 + source, count), ...records);
}

export function expandedCounterSample(given: SampleOptions, ...records: readonly Uint8Array[]): Uint8Array {
  const { sequence, sourceType, source, count } = withDefaults(given, records);
  return block(4, words(sequence, sourceType, source, count), ...records);
}

/** The captured octets of a packet; as large as they are, with a checksum that was stripped, when not said. */
export function rawHeader(
  header: Uint8Array,
  given: { readonly protocol?: number; readonly frameLength?: number; readonly stripped?: number } = {},
): Uint8Array {
  const { protocol = 1, stripped = 4, frameLength = header.length + stripped } = given;
  return block(1, words(protocol, frameLength, stripped), opaque(header));
}

export function genericCounters(index: number, speed: number): Uint8Array {
  return block(1, words(index, 6), unsigned(speed, 8), new Uint8Array(72));
}

export function portName(name: string): Uint8Array {
  return block(1005, opaque(new TextEncoder().encode(name)));
}

export function gateway(
  nextHop: string,
  own: number,
  source: number,
  segments: readonly (readonly number[])[],
  communities: readonly number[],
): Uint8Array {
  const path = segments.map((segment, i) => words(i === 0 ? 2 : 1, segment.length, ...segment));
  return block(
    1003,
    typedAddress(nextHop),
    words(own, source, 64_999, segments.length),
    ...path,
    words(communities.length, ...communities, 100),
  );
}
