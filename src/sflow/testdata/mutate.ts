import type { Random } from "../../packet/testdata/random.ts";
import { readFixtures } from "./decode.ts";

/** Makes datagrams that are nearly sFlow: fixtures with bytes and words changed, cut, or joined, and a little noise. */
export function createMutator(random: Random): () => Uint8Array {
  const corpus = readFixtures().flatMap(({ datagrams }) => datagrams);
  const pick = () => corpus[random(corpus.length)]!;
  const noise = () => {
    const bytes = Uint8Array.from({ length: random(300) }, () => random(256));
    if (bytes.length > 8) bytes.set([0, 0, 0, 5, 0, 0, 0, 1 + random(2)]);
    return bytes;
  };
  return () => {
    if (random(50) === 0) return noise();
    const message = Uint8Array.from(pick());
    for (let i = random(6); i > 0; i--) {
      const at = random(message.length);
      message[at] = [0, 1, 255, random(256), message[at]! + 1, message[at]! - 1][random(6)]!;
    }
    // Counts, lengths and formats are whole words.
    if (random(3) === 0) message.set([0, 0, 0, random(20)], random(message.length >> 2) * 4);
    if (random(4) === 0) return message.subarray(0, random(message.length));
    if (random(4) === 0) return new Uint8Array(Buffer.concat([message, pick().subarray(28)]));
    return message;
  };
}
