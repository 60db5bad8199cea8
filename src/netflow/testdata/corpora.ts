/** Captures of others, used in place where they are: shared/corpora/INDEX.md says what is in them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

export const corpora = `${import.meta.dirname}/../../../../shared/corpora`;
export const skipWithoutCorpora = existsSync(corpora) ? false : "no corpora beside the repository";

export function readCorpus(path: string): Uint8Array {
  return new Uint8Array(readFileSync(`${corpora}/${path}`));
}

export function readCorpusText(path: string): string {
  return readFileSync(`${corpora}/${path}`, "utf8");
}

export function readCorpusFiles(folder: string, suffix: string): Map<string, Uint8Array> {
  const names = readdirSync(`${corpora}/${folder}`).filter((name) => name.endsWith(suffix));
  return new Map(names.sort().map((name) => [name, readCorpus(`${folder}/${name}`)]));
}

export function readCorpusFolders(folder: string): string[] {
  return readdirSync(`${corpora}/${folder}`).sort();
}

/** UDP payloads of a pcap file of Ethernet frames with IPv4 or IPv6, in order. */
export function readPcap(path: string): Uint8Array[] {
  const bytes = readCorpus(path);
  const view = new DataView(bytes.buffer);
  const isLittle = view.getUint32(0, true) === 0xa1b2c3d4 || view.getUint32(0, true) === 0xa1b23c4d;
  const payloads: Uint8Array[] = [];
  for (let offset = 24; offset < bytes.length; ) {
    const length = view.getUint32(offset + 8, isLittle);
    const frame = bytes.subarray(offset + 16, offset + 16 + length);
    const isIPv4 = frame[14]! >> 4 === 4;
    const udp = 14 + (isIPv4 ? (frame[14]! & 15) * 4 : 40);
    const end = udp + ((frame[udp + 4]! << 8) | frame[udp + 5]!);
    payloads.push(frame.slice(udp + 8, end));
    offset += 16 + length;
  }
  return payloads;
}
