import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DuckDBInstance } from "@duckdb/node-api";
import { FlowBatch } from "../src/flow/index.ts";
import { createFlowWriter, defaultFlowWriterConfig } from "../src/netflow/index.ts";

const port = 29_056;
const inFlightMax = 32;
const dayHours = 24;

/**
 * What nfdump answers of the same records: those of a window are sent as IPFIX to a real nfcapd, whose file (LZ4) nfdump then reads. A day is
 * that hour's file 24 times over. nfdump knows addresses only, no workloads; what it is asked is what comes nearest.
 */
export async function askNfdump(
  path: string,
  window: { from: number; to: number },
  address: string,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "portolan-nfdump-"));
  try {
    const [hour, day] = [join(folder, "hour"), join(folder, "day")];
    for (const each of [hour, day]) mkdirSync(each);
    const sent = await capture(path, window, hour);
    const name = readdirSync(hour).find((each) => /^nfcapd\.\d+$/.test(each))!;
    for (let i = 0; i < dayHours; i++)
      linkSync(join(hour, name), join(day, `nfcapd.20261121${String(i).padStart(2, "0")}00`));
    const received = Number(/^Flows: (\d+)/m.exec(nfdump("-I", "-R", hour))?.[1]);
    const bytes = statSync(join(hour, name)).size;
    console.log(
      `nfcapd: ${received} of ${sent} records of the hour received, ${(bytes / received).toFixed(1)} bytes a record`,
    );
    for (const [what, of] of [
      ["an hour", hour],
      [`a day (the hour ${dayHours} times)`, day],
    ] as const) {
      measure(`top source addresses, ${what}`, "-R", of, "-s", "srcip/bytes", "-n", "20");
      measure(`top destination addresses, ${what}`, "-R", of, "-s", "dstip/bytes", "-n", "20");
      measure(
        `pairs of addresses, ${what}`,
        "-R",
        of,
        "-A",
        "srcip,dstip",
        "-s",
        "record/bytes",
        "-n",
        "2000",
      );
      measure(`flows of an address, ${what}`, "-R", of, "-c", "100", `host ${address}`);
      measure(`flows of no address, ${what}`, "-R", of, "-c", "100", "host 10.9.9.9");
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function nfdump(...options: string[]): string {
  return execFileSync("nfdump", options, { encoding: "utf8", maxBuffer: 2 ** 28 });
}

const runs = 3;

function measure(name: string, ...options: string[]): void {
  const before = childrenCpuSeconds();
  const times = Array.from({ length: runs }, () => {
    const began = performance.now();
    nfdump(...options);
    return performance.now() - began;
  }).sort((a, b) => a - b);
  const cpu = ((childrenCpuSeconds() - before) / runs) * 1000;
  console.log(
    `nfdump: ${name.padEnd(54)} median ${times[runs >> 1]!.toFixed(0).padStart(6)} ms, ${cpu.toFixed(0).padStart(6)} ms of CPU`,
  );
}

/** Of children that have ended; ticks are 1/100 s on Linux. */
function childrenCpuSeconds(): number {
  const afterName = readFileSync("/proc/self/stat", "utf8").split(") ")[1]!.split(" ");
  return (Number(afterName[13]) + Number(afterName[14])) / 100;
}

async function capture(path: string, window: { from: number; to: number }, folder: string): Promise<number> {
  const options = [
    "-w",
    folder,
    "-p",
    String(port),
    "-b",
    "127.0.0.1",
    "-B",
    "33554432",
    "-t",
    "86400",
    "-y",
  ];
  const nfcapd = spawn("nfcapd", options, { stdio: "ignore" });
  await once(nfcapd, "spawn");
  await delay(700);
  const sent = await sendRecords(path, window);
  await delay(1000);
  nfcapd.kill("SIGTERM");
  await once(nfcapd, "exit");
  return sent;
}

const columns = [
  ...["sourceAddressLow", "destinationAddressLow", "sourceTransportPort", "destinationTransportPort"],
  ...["protocolIdentifier", "octetDeltaCount", "packetDeltaCount"],
  ...["flowStartMilliseconds", "flowEndMilliseconds", "tcpControlBits"],
] as const;

async function sendRecords(path: string, { from, to }: { from: number; to: number }): Promise<number> {
  const socket = createSocket("udp4");
  const messages: Uint8Array[] = [];
  const writer = createFlowWriter({ ...defaultFlowWriterConfig, withOptions: false }, (message) =>
    messages.push(Uint8Array.from(message)),
  );
  const instance = await DuckDBInstance.create(path, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  const rows = await connection.stream(
    `SELECT ${columns.map((name) => `"${name}"::DOUBLE`).join(", ")} FROM flow_records
     WHERE "collectionTimeMilliseconds" >= ${from} AND "collectionTimeMilliseconds" < ${to}`,
  );
  const batch = new FlowBatch(1);
  let count = 0;
  for (;;) {
    const chunk = await rows.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    const values = chunk.getColumns() as number[][];
    for (let row = 0; row < chunk.rowCount; row++) {
      fillRow(
        batch,
        values.map((column) => column[row]!),
      );
      writer.write(batch, 0, to);
    }
    count += chunk.rowCount;
    await sendAll(socket, messages.splice(0));
  }
  writer.flush(to);
  await sendAll(socket, messages);
  connection.closeSync();
  instance.closeSync();
  socket.close();
  return count;
}

/** A few at a time, each followed by a pause: nfcapd is not what is measured here, and shall lose none. */
async function sendAll(
  socket: ReturnType<typeof createSocket>,
  messages: readonly Uint8Array[],
): Promise<void> {
  for (let i = 0; i < messages.length; i += inFlightMax) {
    await Promise.all(
      messages
        .slice(i, i + inFlightMax)
        .map((message) => new Promise((resolve) => socket.send(message, port, "127.0.0.1", resolve))),
    );
    await delay(1);
  }
}

function fillRow(batch: FlowBatch, values: readonly number[]): void {
  batch.clear();
  batch.append();
  const [source, destination, ...others] = values as [number, number, ...number[]];
  writeIPv4(batch.columns.sourceAddress, source);
  writeIPv4(batch.columns.destinationAddress, destination);
  for (const [i, name] of columns.slice(2).entries())
    batch.columns[name as "octetDeltaCount"][0] = others[i]!;
}

/** The low half of ::ffff:a.b.c.d. */
function writeIPv4(address: Uint8Array, low: number): void {
  const view = new DataView(address.buffer, address.byteOffset, 16);
  view.setUint16(10, 0xffff);
  view.setUint32(12, low % 2 ** 32);
}
