import { crc32, deflateSync, inflateSync } from "node:zlib";

/** A PNG of 256 colours, a third of the size: median cut over the colours of a browser's PNG (8 bits per sample, RFC 2083). */
export function withPalette(png: Buffer): Buffer {
  const { width, height, samples, pixels } = readPng(png);
  const counts = new Map<number, number>();
  for (let at = 0; at < pixels.length; at += samples) {
    const colour = pixels.readUIntBE(at, 3);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const indexOf = new Map<number, number>();
  const palette = medianCut([...counts], 256).map((box, i) => {
    for (const [colour] of box) indexOf.set(colour, i);
    return [16, 8, 0].map((shift) => {
      const total = box.reduce(
        (sum, [colour, count]) => sum + ((colour >> shift) & 255) * weightOf(count),
        0,
      );
      return Math.round(total / box.reduce((sum, [, count]) => sum + weightOf(count), 0));
    });
  });
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      rows[y * (width + 1) + 1 + x] = indexOf.get(pixels.readUIntBE((y * width + x) * samples, 3))!;
    }
  }
  const header = Buffer.from(png.subarray(16, 29));
  header[9] = 3; // indexed colour
  return Buffer.concat([
    png.subarray(0, 8),
    pngChunk("IHDR", header),
    pngChunk("PLTE", Buffer.from(palette.flat())),
    pngChunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

type ColourCount = [colour: number, count: number];

/** Large areas weigh more, but do not take the whole palette from thin lines. */
const weightOf = (count: number) => count ** 0.7;

function medianCut(colours: ColourCount[], boxesMax: number): ColourCount[][] {
  const measured = (box: ColourCount[]) => {
    const ranges = [16, 8, 0].map((shift) => {
      const values = box.map(([colour]) => (colour >> shift) & 255);
      const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
      return { shift, range: high - low, middle: (high + low) / 2 };
    });
    const { shift, range, middle } = ranges.reduce((a, b) => (b.range > a.range ? b : a));
    const weight = box.reduce((sum, [, count]) => sum + weightOf(count), 0);
    return { box, shift, middle, worth: range * range * weight ** 0.5 };
  };
  const boxes = [measured(colours)];
  while (boxes.length < boxesMax) {
    const worst = boxes.reduce((a, b) => (b.worth > a.worth ? b : a));
    if (worst.worth === 0) break;
    const isLow = ([colour]: ColourCount) => ((colour >> worst.shift) & 255) < worst.middle;
    const { low = [], high = [] } = Object.groupBy(worst.box, (colour) => (isLow(colour) ? "low" : "high"));
    boxes.splice(boxes.indexOf(worst), 1, measured(low), measured(high));
  }
  return boxes.map(({ box }) => box);
}

function readPng(png: Buffer): { width: number; height: number; samples: number; pixels: Buffer } {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const samples = png[25] === 6 ? 4 : 3;
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length; at += png.readUInt32BE(at) + 12) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") {
      parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
    }
  }
  const filtered = inflateSync(Buffer.concat(parts));
  const stride = width * samples;
  const pixels = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = filtered[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x < samples ? 0 : pixels[at - samples]!;
      const above = y === 0 ? 0 : pixels[at - stride]!;
      const corner = x < samples || y === 0 ? 0 : pixels[at - stride - samples]!;
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter!]!;
      pixels[at] = filtered[y * (stride + 1) + 1 + x]! + guess;
    }
  }
  return { width, height, samples, pixels };
}

function paeth(left: number, above: number, corner: number): number {
  const [a, b, c] = [above - corner, left - corner, left + above - 2 * corner].map(Math.abs) as [
    number,
    number,
    number,
  ];
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

function pngChunk(type: string, content: Buffer): Buffer {
  const chunk = Buffer.alloc(content.length + 12);
  chunk.writeUInt32BE(content.length, 0);
  chunk.write(type, 4, "latin1");
  content.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), content.length + 8);
  return chunk;
}
