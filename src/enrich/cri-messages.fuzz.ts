import assert from "node:assert/strict";
import { createRandom } from "../packet/testdata/random.ts";
import { readFields } from "./cri-fields.ts";
import { readContainers, readSandboxes, readVersion } from "./cri-messages.ts";
import { readRecorded } from "./testdata/protobuf.ts";

type Field = readonly [number, Buffer];

/**
 * Reads mutated answers of a real runtime, and noise, until so many or so long. A reader that throws, loops, or sees other
 * fields than the plain one below fails. Returns how many were read, and how many of them were messages.
 */
export function fuzzMessages(
  seed: number,
  milliseconds: number,
  inputsMax = Number.POSITIVE_INFINITY,
): { count: number; messageCount: number } {
  const random = createRandom(seed);
  const corpus = [...readRecorded("containerd-1.6.20-two-pods").answers.values()];
  const end = Date.now() + milliseconds;
  let count = 0;
  let messageCount = 0;
  for (; count < inputsMax && ((count & 63) !== 0 || Date.now() < end); count++) {
    const bytes = Buffer.from(corpus[random(corpus.length)]!);
    for (let changes = random(4); changes > 0; changes--) bytes[random(bytes.length)] = random(256);
    const input = random(3) === 0 ? bytes.subarray(random(bytes.length), random(bytes.length + 1)) : bytes;
    const found: Field[] = [];
    const isMessage = readFields(input, 0, input.length, (field, start, to) => {
      assert.ok(start <= to && to <= input.length, `${start} to ${to} of ${input.length}`);
      found.push([field, input.subarray(start, to)]);
      return true;
    });
    const plain = readPlainly(input);
    assert.equal(isMessage, plain !== undefined);
    if (plain !== undefined) assert.deepEqual(found, plain);
    if (isMessage) messageCount++;
    readVersion(input);
    for (const each of readSandboxes(input) ?? []) assert.ok(each.id.length === 64);
    for (const each of readContainers(input) ?? []) assert.ok(each.id.length === 64);
  }
  return { count, messageCount };
}

/** The clear, slow version. */
function readPlainly(bytes: Buffer): Field[] | undefined {
  const fields: Field[] = [];
  let rest = bytes;
  const varint = (): bigint | undefined => {
    const last = rest.subarray(0, 10).findIndex((byte) => byte < 128);
    const own = rest.subarray(0, last + 1);
    rest = rest.subarray(last + 1);
    return last < 0 ? undefined : own.reduceRight((value, byte) => value * 128n + BigInt(byte & 127), 0n);
  };
  while (rest.length > 0) {
    const key = varint();
    if (key === undefined || key >> 3n === 0n || key >= 2n ** 32n) return undefined;
    const type = Number(key & 7n);
    const length = type === 1 ? 8n : type === 5 ? 4n : type === 0 || type === 2 ? varint() : undefined;
    if (length === undefined) return undefined;
    if (type === 0) continue;
    if (length > BigInt(rest.length)) return undefined;
    if (type === 2) fields.push([Number(key >> 3n), rest.subarray(0, Number(length))]);
    rest = rest.subarray(Number(length));
  }
  return fields;
}

/** node src/enrich/cri-messages.fuzz.ts [inputs] [seed] */
if (import.meta.main) {
  const [inputs = "200000", seed = "1"] = process.argv.slice(2);
  const begin = Date.now();
  const { count, messageCount } = fuzzMessages(Number(seed), Number.POSITIVE_INFINITY, Number(inputs));
  const seconds = ((Date.now() - begin) / 1000).toFixed(1);
  console.log(`${count} inputs, ${messageCount} of them messages, in ${seconds} s, seed ${seed}`);
}
