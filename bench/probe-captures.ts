/** Captures for measuring a probe: made up, repeatable, with known counts. */
import { closeSync, openSync, writeSync } from "node:fs";

/** What the packets of a capture are like. */
export interface CaptureShape {
  readonly name: string;
  /** Pairs of addresses and ports; every third answers. */
  readonly flowCount: number;
  readonly packetCount: number;
  /** Lengths of the frames, taken by turns. */
  readonly frameBytes: readonly number[];
  /** Packets of one flow in a row; the larger, the more a cache of the last flow would help. */
  readonly burst: number;
}

/** 7 small, 4 middle, 1 large: the simple Internet mix. */
const imix = [...Array(7).fill(64), ...Array(4).fill(594), 1518] as number[];

export const captureShapes: readonly CaptureShape[] = [
  { name: "few large flows", flowCount: 16, packetCount: 1_000_000, frameBytes: [1514, 1514, 66], burst: 8 },
  { name: "100,000 flows", flowCount: 100_000, packetCount: 2_000_000, frameBytes: [128], burst: 1 },
  { name: "IMIX, 10,000 flows", flowCount: 10_000, packetCount: 2_000_000, frameBytes: imix, burst: 2 },
  { name: "a million tiny flows", flowCount: 1_000_000, packetCount: 2_000_000, frameBytes: [64], burst: 1 },
];

const fileHeaderBytes = 24;
const recordHeaderBytes = 16;
const blockBytes = 4_194_304;

/** Writes libpcap's format, microseconds, 100,000 packets a second; of each packet `snap` octets, 0 for all. */
export function writeCaptureFile(
  path: string,
  { flowCount, packetCount, frameBytes, burst }: CaptureShape,
  snap = 0,
): void {
  const file = openSync(path, "w");
  const block = Buffer.alloc(blockBytes);
  block.writeUInt32LE(0xa1b2c3d4, 0);
  block.writeUInt16LE(2, 4);
  block.writeUInt16LE(4, 6);
  block.writeUInt32LE(262_144, 16);
  block.writeUInt32LE(1, 20);
  let at = fileHeaderBytes;
  for (let i = 0; i < packetCount; i++) {
    const length = frameBytes[i % frameBytes.length]!;
    if (at + recordHeaderBytes + length > blockBytes) {
      writeSync(file, block, 0, at);
      at = 0;
    }
    block.writeUInt32LE(1_760_000_000 + Math.floor(i / 100_000), at);
    block.writeUInt32LE((i % 100_000) * 10, at + 4);
    const captured = snap === 0 ? length : Math.min(length, snap);
    block.writeUInt32LE(captured, at + 8);
    block.writeUInt32LE(length, at + 12);
    at += recordHeaderBytes;
    const turn = Math.floor(i / burst);
    writeFrame(block, at, length, turn % flowCount, turn % 3 === 2);
    at += captured;
  }
  writeSync(file, block, 0, at);
  closeSync(file);
}

const tcp = 6;
const udp = 17;

function writeFrame(bytes: Buffer, at: number, length: number, flow: number, isAnswer: boolean): void {
  // A spread of addresses as an access network has it, not consecutive numbers.
  const mixed = Math.imul(flow + 1, 0x9e3779b1) >>> 0;
  const client = 0x0a000000 + (mixed >>> 12);
  const server = 0xc6000000 + (Math.imul(flow, 0x85ebca6b) >>> 10);
  const clientPort = 1024 + (flow % 60_000);
  const serverPort = flow % 3 === 0 ? 53 : 443;
  const protocol = flow % 3 === 0 ? udp : tcp;
  bytes.fill(0, at, at + Math.min(length, 66));
  bytes.writeUInt32BE(0x02000000, at);
  bytes.writeUInt32BE(0x02000001, at + 8);
  bytes.writeUInt16BE(0x0800, at + 12);
  const ip = at + 14;
  bytes[ip] = 0x45;
  bytes.writeUInt16BE(length - 14, ip + 2);
  bytes[ip + 8] = 64;
  bytes[ip + 9] = protocol;
  bytes.writeUInt32BE(isAnswer ? server : client, ip + 12);
  bytes.writeUInt32BE(isAnswer ? client : server, ip + 16);
  bytes.writeUInt16BE(isAnswer ? serverPort : clientPort, ip + 20);
  bytes.writeUInt16BE(isAnswer ? clientPort : serverPort, ip + 22);
  if (protocol === udp) bytes.writeUInt16BE(length - 34, ip + 24);
  else {
    bytes[ip + 32] = 0x50;
    bytes[ip + 33] = 0x10;
  }
}
