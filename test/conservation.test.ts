import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createCollector, defaultCollectorConfig } from "../src/collector/index.ts";
import { type FlowBatch, formatAddress, ObserverTable } from "../src/flow/index.ts";
import { type CapturedFlow, networkBytes, writeCapture } from "./capture.ts";
import { freePort, temporaryFolder, until } from "./program.ts";

const missing = ["softflowd", "nfcapd", "nfdump"].filter(
  (name) => spawnSync(name, ["-h"]).error !== undefined,
);
const skip = missing.length === 0 ? false : `${missing.join(", ")} not installed`;

/** TCP and UDP over IPv4 and IPv6, one-way and both ways, small and large. */
const flows: readonly CapturedFlow[] = Array.from({ length: 120 }, (_, i) => {
  const isIPv4 = i % 4 !== 3;
  const host = (last: number) =>
    isIPv4 ? [10, 9, i & 3, last] : [0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), last];
  const [client, server] = [host(1 + i), host(200)];
  const isBack = i % 2 === 1 && i % 8 !== 7;
  return {
    source: isBack ? server : client,
    destination: isBack ? client : server,
    sourcePort: isBack ? 443 : 30_000 + i,
    destinationPort: isBack ? 30_000 + i : 443,
    protocol: i % 3 === 0 ? 17 : 6,
    packets: 1 + ((i * 7) % 23),
    payloadBytes: (i * 53) % 1400,
  };
});

type Figures = Map<string, { packets: number; bytes: number }>;

function add(figures: Figures, key: string, packets: number, bytes: number): void {
  const known = figures.get(key) ?? { packets: 0, bytes: 0 };
  figures.set(key, { packets: known.packets + packets, bytes: known.bytes + bytes });
}

const sorted = (figures: Figures) => [...figures].sort(([a], [b]) => (a < b ? -1 : 1));

/** The figures by nfdump's words. */
function readNfdump(folder: string): Figures {
  const text = execFileSync(
    "nfdump",
    ["-R", folder, "-q", "-N", "-o", "fmt:%sa %sp %da %dp %pr %pkt %byt", "-6"],
    {
      encoding: "utf8",
    },
  );
  const figures: Figures = new Map();
  for (const line of text.trim().split("\n")) {
    const [source, sourcePort, destination, destinationPort, protocol, packets, bytes] = line
      .trim()
      .split(/\s+/);
    const key = `${source} ${sourcePort} ${destination} ${destinationPort} ${protocol}`;
    add(figures, key, Number(packets), Number(bytes));
  }
  return figures;
}

function takeRows(figures: Figures, { columns, count }: FlowBatch): void {
  for (let row = 0; row < count; row++) {
    const key = [
      formatAddress(columns.sourceAddress, row * 16),
      columns.sourceTransportPort[row],
      formatAddress(columns.destinationAddress, row * 16),
      columns.destinationTransportPort[row],
      columns.protocolIdentifier[row],
    ].join(" ");
    add(figures, key, columns.packetDeltaCount[row]!, columns.octetDeltaCount[row]!);
  }
}

for (const version of [5, 9, 10]) {
  test(`what softflowd sends of a capture with version ${version} arrives here as at nfcapd`, {
    skip,
    timeout: 60_000,
  }, async (t) => {
    const folder = temporaryFolder(t);
    const pcap = join(folder, "traffic.pcap");
    writeFileSync(pcap, writeCapture(flows, Math.floor(Date.now() / 1000) - 60));
    const figures: Figures = new Map();
    const drops: string[] = [];
    const collector = createCollector(
      { ...defaultCollectorConfig, listeners: [{ host: "127.0.0.1", port: 0 }] },
      {
        deliver: (batch) => takeRows(figures, batch),
        observers: new ObserverTable(),
        drop: (reason) => drops.push(reason),
        now: Date.now,
      },
    );
    await collector.start();
    t.after(() => collector.stop());
    const nfcapdPort = await freePort();
    const nfcapdFolder = join(folder, "nfcapd");
    mkdirSync(nfcapdFolder);
    const nfcapd = spawn("nfcapd", ["-w", nfcapdFolder, "-p", String(nfcapdPort), "-b", "127.0.0.1"], {
      stdio: "ignore",
    });
    t.after(() => nfcapd.kill("SIGKILL"));
    await until("nfcapd listens", () =>
      execFileSync("ss", ["-lunH", `sport = :${nfcapdPort}`], { encoding: "utf8" }).includes(
        String(nfcapdPort),
      ),
    );
    const targets = `127.0.0.1:${collector.listeners[0]!.port},127.0.0.1:${nfcapdPort}`;
    execFileSync("softflowd", ["-r", pcap, "-n", targets, "-v", String(version), "-d", "-c", "none"], {
      stdio: "ignore",
    });
    await delay(300);
    await collector.stop();
    nfcapd.kill("SIGTERM");
    await once(nfcapd, "exit");

    assert.deepEqual(drops, []);
    assert.deepEqual(sorted(figures), sorted(readNfdump(nfcapdFolder)), "as nfcapd has it");
    const expected: Figures = new Map();
    for (const flow of flows) {
      if (version === 5 && flow.source.length === 16) continue; // v5 knows no IPv6
      const [source, destination] = [flow.source, flow.destination].map((address) =>
        formatAddress(address.length === 16 ? Uint8Array.from(address) : mapped(address)),
      );
      const key = `${source} ${flow.sourcePort} ${destination} ${flow.destinationPort} ${flow.protocol}`;
      add(expected, key, flow.packets, networkBytes(flow));
    }
    assert.deepEqual(sorted(figures), sorted(expected), "as the capture has it");
  });
}

function mapped(address: readonly number[]): Uint8Array {
  return Uint8Array.from([...new Array(10).fill(0), 0xff, 0xff, ...address]);
}
