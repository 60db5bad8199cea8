import { readFileSync } from "node:fs";
import { parseAddress } from "../flow/index.ts";

/**
 * Datagrams that the kernel threw away because a socket's receive buffer was full: the last column of /proc/net/udp
 * (udp6 for IPv6 sockets). The line is found by local address and port, which are the socket's alone since it is
 * bound without SO_REUSEADDR; /proc/net shows the process's own network namespace. Undefined where there is no such
 * file or line.
 */
export function readKernelDrops(host: string, port: number): number | undefined {
  const file = host.includes(":") ? "/proc/net/udp6" : "/proc/net/udp";
  try {
    return parseKernelDrops(readFileSync(file, "utf8"), host, port);
  } catch {
    return undefined;
  }
}

/** `text` as in /proc/net/udp: `sl local_address rem_address st ... inode ref pointer drops`. */
export function parseKernelDrops(text: string, host: string, port: number): number | undefined {
  const wanted = formatKernelAddress(host, port);
  for (const line of text.split("\n").slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns[1] === wanted) return Number(columns.at(-1));
  }
  return undefined;
}

/** The kernel prints addresses as 32-bit words in the machine's byte order: 127.0.0.1:2055 is 0100007F:0807. */
function formatKernelAddress(host: string, port: number): string {
  const address = parseAddress(host)!;
  const bytes = host.includes(":") ? address : address.subarray(12);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let text = "";
  for (let i = 0; i < bytes.length; i += 4) text += hex(view.getUint32(i, isLittleEndian), 8);
  return `${text}:${hex(port, 4)}`;
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
