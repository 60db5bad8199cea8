/**
 * What many exporters cost: resident memory before and after so many have announced their templates and sent data, and how long
 * the collector takes to tell of them. Each exporter is an address of its own in 127.0.0.0/8.
 *
 *   node bench/exporters.ts [--exporters 10000] [--templates 4]
 */
import { fork } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createCollector, defaultCollectorConfig } from "../src/collector/index.ts";
import { ObserverTable } from "../src/flow/index.ts";
import {
  concat,
  ipfixMessage,
  ipv4,
  type SpecifiedField,
  set,
  template,
  unsigned,
} from "../src/netflow/testdata/messages.ts";

const self = fileURLToPath(import.meta.url);

/** softflowd's IPv4 template, a little longer for each id, so that no two of an exporter's are alike. */
function layoutOf(index: number): readonly SpecifiedField[] {
  const common: readonly SpecifiedField[] = [
    ...[8, 12, 1, 2, 10, 14, 22, 21].map((id): SpecifiedField => [id, 4]),
    ...[7, 11, 16, 17].map((id): SpecifiedField => [id, 2]),
    ...[4, 5, 6, 60, 61, 136].map((id): SpecifiedField => [id, 1]),
  ];
  return [...common, ...[58, 59, 89, 52].slice(0, index % 4).map((id): SpecifiedField => [id, 2])];
}

function createMessages(templates: number): Uint8Array[] {
  const announcements = Array.from({ length: templates }, (_, i) => template(256 + i, layoutOf(i)));
  const record = concat(
    ipv4("10.0.0.1"),
    ipv4("10.0.0.2"),
    unsigned(1000, 4),
    unsigned(2, 4),
    new Uint8Array(30),
  );
  return [ipfixMessage({}, set(2, ...announcements)), ipfixMessage({}, set(256, record))];
}

async function receive(): Promise<void> {
  const collector = createCollector(
    { ...defaultCollectorConfig, listeners: [{ host: "0.0.0.0", port: 0 }] },
    { deliver() {}, observers: new ObserverTable(), drop() {}, now: Date.now },
  );
  await collector.start();
  setInterval(() => collector.flush(), 1000).unref();
  process.on("message", async ([exportersMax, packetCount]: [number, number]) => {
    while ((await collector.status(1)).packetCount < packetCount) await delay(20);
    const start = performance.now();
    const { exporterCount, recordCount, exporters } = await collector.status(exportersMax);
    const milliseconds = performance.now() - start;
    const templateCount = exporters.reduce((sum, { templates }) => sum + templates.length, 0);
    process.send!({ exporterCount, recordCount, templateCount, milliseconds });
  });
  process.on("disconnect", () => void collector.stop());
  process.send!(collector.listeners[0]!.port);
}

const residentMegabytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

async function sendFrom(address: string, port: number, messages: readonly Uint8Array[]): Promise<void> {
  const socket = createSocket("udp4");
  socket.bind(0, address);
  await once(socket, "listening");
  for (const message of messages) await new Promise((sent) => socket.send(message, port, "127.0.0.1", sent));
  socket.close();
}

if (process.argv[2] === "--receive") await receive();
else {
  const { values } = parseArgs({
    options: {
      exporters: { type: "string", default: "10000" },
      templates: { type: "string", default: "4" },
    },
  });
  const [exporters, templates] = [Number(values.exporters), Number(values.templates)];
  const child = fork(self, ["--receive"]);
  const [port] = await once(child, "message");
  const pid = child.pid!;
  const before = residentMegabytes(pid);
  const messages = createMessages(templates);
  for (let i = 0; i < exporters; i++)
    await sendFrom(`127.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`, Number(port), messages);
  child.send([0, exporters * messages.length]);
  const [{ recordCount }] = await once(child, "message");
  if (recordCount < exporters)
    throw new Error(`only ${recordCount} of ${exporters} exporters' records were read`);
  const held = residentMegabytes(pid);
  for (const most of [1000, exporters]) {
    child.send([most, exporters * messages.length]);
    const [status] = await once(child, "message");
    console.log(
      `status of the ${most} heaviest: ${status.milliseconds.toFixed(0)} ms, ${status.templateCount} templates`,
    );
    if (most === exporters)
      console.log(`${status.exporterCount} exporters known, ${status.recordCount} records decoded`);
  }
  const after = residentMegabytes(pid);
  console.log(
    `resident ${before.toFixed(0)} MB before, ${held.toFixed(0)} MB with them: ` +
      `${(((held - before) * 1024) / exporters).toFixed(1)} kB per exporter with ${templates} templates; ` +
      `${after.toFixed(0)} MB after all were told of`,
  );
  child.disconnect();
}
