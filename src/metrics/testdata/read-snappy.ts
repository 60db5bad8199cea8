/** The reading half of snappy's block format, plain and slow. Throws on anything that is not right. */
export function readSnappy(block: Uint8Array): Uint8Array {
  let at = 0;
  const next = () => {
    if (at >= block.length) throw new Error("the block ends too soon");
    return block[at++]!;
  };
  let length = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = next();
    length += (byte & 0x7f) * factor;
    if (byte < 128) break;
  }
  const output: number[] = [];
  while (at < block.length) {
    const tag = next();
    if ((tag & 3) === 0) {
      let count = tag >> 2;
      if (count >= 60) {
        const bytes = count - 59;
        count = 0;
        for (let i = 0; i < bytes; i++) count += next() * 256 ** i;
      }
      for (let i = 0; i <= count; i++) output.push(next());
      continue;
    }
    const isShort = (tag & 3) === 1;
    const count = isShort ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offset = isShort ? ((tag >> 5) << 8) | next() : next() | (next() << 8);
    if ((tag & 3) === 3 || offset === 0 || offset > output.length) throw new Error("a copy from nowhere");
    for (let i = 0; i < count; i++) output.push(output[output.length - offset]!);
  }
  if (output.length !== length) throw new Error(`${length} octets were promised, ${output.length} came`);
  return Uint8Array.from(output);
}
