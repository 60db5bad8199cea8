/**
 * Makes the softflowd and nfreplay fixtures anew: a small capture of our own, exported by Debian's softflowd (and its
 * flows, kept by nfcapd, sent again by nfreplay) to a socket here. Run by hand: node src/netflow/testdata/make-fixtures.ts
 */
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseAddress } from "../../flow/index.ts";

const startSeconds = 1_760_000_000;
const here = import.meta.dirname;
const work = mkdtempSync(join(tmpdir(), "fixtures-"));

interface Packet {
  readonly millisecond: number;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly payload: Uint8Array;
  readonly vlan?: number;
}

function tcp(sourcePort: number, destinationPort: number, flags: number, bytes: number): Uint8Array {
  const segment = Buffer.alloc(20 + bytes);
  segment.writeUInt16BE(sourcePort, 0);
  segment.writeUInt16BE(destinationPort, 2);
  segment[12] = 0x50;
  segment[13] = flags;
  return segment;
}

function udp(sourcePort: number, destinationPort: number, bytes: number): Uint8Array {
  const datagram = Buffer.alloc(8 + bytes);
  datagram.writeUInt16BE(sourcePort, 0);
  datagram.writeUInt16BE(destinationPort, 2);
  datagram.writeUInt16BE(8 + bytes, 4);
  return datagram;
}

const icmp = (type: number, code: number) => Buffer.concat([Buffer.from([type, code]), Buffer.alloc(62)]);

function* conversations(): Generator<Packet> {
  const pair = function* (
    millisecond: number,
    client: string,
    server: string,
    protocol: number,
    there: Uint8Array,
    back: Uint8Array,
    vlan?: number,
  ): Generator<Packet> {
    const rest = vlan === undefined ? {} : { vlan };
    yield { millisecond, source: client, destination: server, protocol, payload: there, ...rest };
    yield { millisecond: millisecond + 40, source: server, destination: client, protocol, payload: back, ...rest };
  };
  for (let i = 0; i < 6; i++) {
    const flags = i === 0 ? 0x02 : 0x18;
    yield* pair(i * 250, "10.1.0.9", "10.1.0.2", 6, tcp(40_001, 443, flags, 100), tcp(443, 40_001, 0x18, 900));
    yield* pair(i * 300, "fd00::1", "fd00::53", 17, udp(50_000, 53, 40), udp(53, 50_000, 200));
  }
  yield* pair(2000, "10.1.0.9", "192.0.2.7", 1, icmp(8, 0), icmp(0, 0));
  yield* pair(2100, "fd00::1", "fd00::2", 58, icmp(128, 0), icmp(129, 0));
  yield { millisecond: 2200, source: "10.1.0.3", destination: "10.1.0.2", protocol: 1, payload: icmp(3, 3) };
  yield* pair(2300, "10.1.0.8", "10.1.0.2", 17, udp(5353, 123, 48), udp(123, 5353, 48), 30);
}

function frame({ source, destination, protocol, payload, vlan }: Packet): Uint8Array {
  const isIPv4 = !source.includes(":");
  const header = Buffer.alloc(isIPv4 ? 20 : 40);
  const from = parseAddress(source)!;
  const to = parseAddress(destination)!;
  if (isIPv4) {
    header[0] = 0x45;
    header.writeUInt16BE(20 + payload.length, 2);
    header[8] = 64;
    header[9] = protocol;
    header.set(from.subarray(12), 12);
    header.set(to.subarray(12), 16);
  } else {
    header[0] = 0x60;
    header.writeUInt16BE(payload.length, 4);
    header[6] = protocol;
    header[7] = 64;
    header.set(from, 8);
    header.set(to, 24);
  }
  const macs = Buffer.from("020000000002020000000001", "hex");
  const tag = Buffer.from(vlan === undefined ? [] : [0x81, 0x00, vlan >> 8, vlan & 0xff]);
  const type = Buffer.from(isIPv4 ? [0x08, 0x00] : [0x86, 0xdd]);
  return Buffer.concat([macs, tag, type, header, payload]);
}

function pcap(packets: readonly Packet[]): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const parts: Uint8Array[] = [header];
  for (const packet of packets) {
    const bytes = frame(packet);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(startSeconds + Math.floor(packet.millisecond / 1000), 0);
    record.writeUInt32LE((packet.millisecond % 1000) * 1000, 4);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    parts.push(record, bytes);
  }
  return Buffer.concat(parts);
}

/** The datagrams that a program sends to the port it is given. */
async function collect(run: (port: number) => Promise<void>): Promise<Uint8Array[]> {
  const socket = createSocket("udp4");
  const datagrams: Uint8Array[] = [];
  socket.on("message", (bytes) => datagrams.push(bytes));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  await run(socket.address().port);
  await delay(200);
  socket.close();
  return datagrams;
}

async function runProgram(program: string, args: readonly string[], stopAfter?: number): Promise<void> {
  const child = spawn(program, args, { stdio: "ignore", cwd: work });
  const exit = new Promise((resolve) => child.on("exit", resolve));
  if (stopAfter !== undefined) {
    await delay(stopAfter);
    child.kill("SIGTERM");
  }
  await exit;
}

function save(name: string, datagrams: readonly Uint8Array[]): void {
  writeFileSync(join(here, `${name}.hex`), `${datagrams.map((bytes) => Buffer.from(bytes).toString("hex")).join("\n")}\n`);
}

const packets = [...conversations()].sort((a, b) => a.millisecond - b.millisecond);
writeFileSync(join(work, "t.pcap"), pcap(packets));
spawnSync("chmod", ["-R", "a+rX", work]);

const softflowdRuns: Record<string, readonly string[]> = {
  "softflowd-v5": ["-v", "5", "-a"],
  "softflowd-v5-clock-of-the-file": ["-v", "5"],
  "softflowd-v5-sampled": ["-v", "5", "-a", "-s", "10"],
  "softflowd-v9": ["-v", "9", "-a"],
  "softflowd-v9-clock-of-the-file": ["-v", "9"],
  "softflowd-v9-sampled": ["-v", "9", "-a", "-s", "10"],
  "softflowd-ipfix": ["-v", "10", "-a"],
  "softflowd-ipfix-seconds": ["-v", "10", "-a", "-A", "sec"],
  "softflowd-ipfix-milliseconds-vlan": ["-v", "10", "-a", "-A", "milli", "-T", "vlan"],
  "softflowd-ipfix-nanoseconds": ["-v", "10", "-a", "-A", "nano"],
  "softflowd-ipfix-biflow": ["-v", "10", "-a", "-A", "milli", "-b"],
  "softflowd-ipfix-sampled": ["-v", "10", "-a", "-A", "micro", "-s", "10"],
};
for (const [name, args] of Object.entries(softflowdRuns)) {
  save(
    name,
    await collect((port) =>
      runProgram("softflowd", ["-r", "t.pcap", "-d", "-c", "none", "-n", `127.0.0.1:${port}`, ...args]),
    ),
  );
}

const nfcapdPort = "29995";
const capture = runProgram("nfcapd", ["-w", work, "-p", nfcapdPort, "-b", "127.0.0.1"], 2500);
await delay(800);
await runProgram("softflowd", [
  "-r", "t.pcap", "-d", "-c", "none", "-n", `127.0.0.1:${nfcapdPort}`, "-v", "10", "-a", "-A", "milli",
]);
await capture;
const kept = readdirSync(work).find((name) => name.startsWith("nfcapd.") && !name.endsWith(".pcap"))!;
for (const version of ["5", "9"]) {
  save(
    `nfreplay-v${version}`,
    await collect((port) =>
      runProgram("nfreplay", ["-r", join(work, kept), "-H", "127.0.0.1", "-p", String(port), "-v", version]),
    ),
  );
}
rmSync(work, { recursive: true });
