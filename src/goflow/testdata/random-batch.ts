import { type Field, FlowBatch, fields } from "../../flow/index.ts";

/** mulberry32: the same numbers for the same seed, everywhere. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

/**
 * Rows of which every column is sometimes empty: in single rows, and about every third in the whole batch. Values are
 * small, large, or the largest there is.
 */
export function createRandomBatch(random: (below: number) => number, rows: number): FlowBatch {
  const batch = new FlowBatch(rows, { hasDetails: true });
  batch.append(rows);
  for (const field of fields as readonly Field[]) {
    if (random(3) === 0) continue;
    for (let row = 0; row < rows; row++) if (random(4) > 0) fill(batch, field, row, random);
  }
  for (let row = 0; row < rows; row++) batch.columns.exportFormat[row] = 1 + random(4);
  return batch;
}

const maxima = { u8: 0xff, u16: 0xffff, u32: 0xffff_ffff, f64: Number.MAX_SAFE_INTEGER };

function fill(batch: FlowBatch, { name, column }: Field, row: number, random: (below: number) => number): void {
  const values = batch.columns[name as keyof typeof batch.columns];
  if (column === "address") values.set(randomAddress(random), row * 16);
  else if (column === "list") {
    const words = name === "ipv6RoutingHeaderAddresses" ? random(4) * 4 : random(20);
    const list = Array.from({ length: words }, () => (name === "layerStack" ? random(17) : randomBelow(random, maxima.u32)));
    values[row] = batch.appendList(list);
  } else if (name.endsWith("MacAddress")) values[row] = random(2 ** 24) * 2 ** 24 + random(2 ** 24);
  else if (name === "ethernetType") values[row] = [0x0800, 0x86dd, 0x0806, random(0x1_0000)][random(4)]!;
  else if (name.endsWith("PrefixLength")) values[row] = random(140);
  else if (name.endsWith("Milliseconds")) values[row] = 1_700_000_000_000 + random(1e9) + (random(2) === 0 ? 0 : random(1000) / 1000);
  else values[row] = randomBelow(random, maxima[column]);
}

function randomBelow(random: (below: number) => number, max: number): number {
  const kind = random(4);
  if (kind === 0) return max;
  return kind === 1 ? random(Math.min(max, 100)) : Math.min(max, random(2 ** random(32)) * (max > 2 ** 32 ? random(2 ** 20) : 1));
}

function randomAddress(random: (below: number) => number): Uint8Array {
  const bytes = new Uint8Array(16);
  if (random(2) === 0) {
    bytes.fill(0xff, 10, 12);
    for (let i = 12; i < 16; i++) bytes[i] = random(4) === 0 ? 0 : random(256);
  } else for (let i = 0; i < 16; i++) bytes[i] = random(3) === 0 ? random(256) : 0;
  return bytes;
}
