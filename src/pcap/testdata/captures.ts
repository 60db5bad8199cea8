/** Writes captures for tests: the clear opposite of the readers. */
export interface WrittenPacket {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly bytes: readonly number[];
  readonly wire: number;
}

const magics = { micro: 0xa1b2c3d4, nano: 0xa1b23c4d, kuznetzov: 0xa1b2cd34 } as const;

export function pcapFile(
  packets: readonly WrittenPacket[],
  { isLittleEndian = true, kind = "micro" as keyof typeof magics, linkType = 1 },
): Uint8Array {
  const put = writer(isLittleEndian);
  const parts = [put(magics[kind]), isLittleEndian ? [2, 0, 4, 0] : [0, 2, 0, 4], put(0, 0, 262_144, linkType)];
  for (const { seconds, nanoseconds, bytes, wire } of packets) {
    const fraction = kind === "nano" ? nanoseconds : Math.floor(nanoseconds / 1000);
    parts.push(put(seconds, fraction, bytes.length, wire), kind === "kuznetzov" ? Array(8).fill(0) : [], [...bytes]);
  }
  return Uint8Array.from(parts.flat());
}

/** 32-bit numbers in an order. */
function writer(isLittleEndian: boolean) {
  return (...values: readonly number[]): number[] =>
    values.flatMap((value) => {
      const bytes = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
      return isLittleEndian ? bytes.reverse() : bytes;
    });
}

export function block(isLittleEndian: boolean, type: number, body: ArrayLike<number>): Buffer {
  const put = writer(isLittleEndian);
  const padded = Buffer.alloc(Math.ceil(body.length / 4) * 4);
  padded.set(Array.from(body));
  const length = padded.length + 12;
  return Buffer.concat([Buffer.from(put(type, length)), padded, Buffer.from(put(length))]);
}

export function sectionBlock(isLittleEndian: boolean): Buffer {
  const put = writer(isLittleEndian);
  return block(isLittleEndian, 0x0a0d0d0a, [...put(0x1a2b3c4d), ...put16(isLittleEndian, 1, 0), ...put(0xffffffff, 0xffffffff)]);
}

function put16(isLittleEndian: boolean, ...values: readonly number[]): number[] {
  return values.flatMap((value) => (isLittleEndian ? [value & 255, value >> 8] : [value >> 8, value & 255]));
}

function option(isLittleEndian: boolean, code: number, value: readonly number[]): number[] {
  const padding = Array((4 - (value.length % 4)) % 4).fill(0);
  return [...put16(isLittleEndian, code, value.length), ...value, ...padding];
}

export function interfaceBlock({
  linkType = 1,
  name = undefined as string | undefined,
  resolution = undefined as number | undefined,
  snapLength = 0,
  offsetSeconds = undefined as number | undefined,
  isLittleEndian = true,
}): Buffer {
  const body = [...put16(isLittleEndian, linkType, 0), ...writer(isLittleEndian)(snapLength)];
  if (name !== undefined) body.push(...option(isLittleEndian, 2, [...Buffer.from(name)]));
  if (resolution !== undefined) body.push(...option(isLittleEndian, 9, [resolution]));
  if (offsetSeconds !== undefined) {
    const [high = 0, low = 0] = [Math.floor(offsetSeconds / 2 ** 32), offsetSeconds];
    const words = isLittleEndian ? [low, high] : [high, low];
    body.push(...option(isLittleEndian, 14, writer(isLittleEndian)(...words)));
  }
  return block(isLittleEndian, 1, [...body, 0, 0, 0, 0]);
}

export function packetBlock({
  captureInterface = 0,
  units = 0n,
  bytes = [] as readonly number[],
  wire = 0,
  flags = undefined as number | undefined,
  isLittleEndian = true,
}): Buffer {
  const put = writer(isLittleEndian);
  const padding = Array((4 - (bytes.length % 4)) % 4).fill(0);
  const time = put(Number(units >> 32n), Number(units & 0xffffffffn));
  const options = flags === undefined ? [] : [...option(isLittleEndian, 2, put(flags)), 0, 0, 0, 0];
  return block(isLittleEndian, 6, [...put(captureInterface), ...time, ...put(bytes.length, wire), ...bytes, ...padding, ...options]);
}
