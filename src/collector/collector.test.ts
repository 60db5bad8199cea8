import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ObserverTable, parseCidr } from "../flow/index.ts";
import { ipfixMessage, set, template, unsigned, v5Message, v5Record } from "../netflow/testdata/messages.ts";
import { type Collector, createCollector } from "./collector.ts";
import { type CollectorConfig, defaultCollectorConfig } from "./config.ts";
import { hasKernelSockets } from "./kernel-socket.ts";
import { ListenError } from "./listen-error.ts";

const loopback = [{ host: "127.0.0.1", port: 0 }];

/** Both ways to receive: `dgram` in this thread, and threads of their own. */
const ways = hasKernelSockets() ? [0, 1, 2] : [0];

function testEach(
  title: string,
  body: (context: TestContext, config: Partial<CollectorConfig>) => Promise<void>,
): void {
  for (const workers of ways)
    test(`${title} (${workers === 0 ? "dgram" : `${workers} threads`})`, { timeout: 20_000 }, (context) =>
      body(context, { workers }),
    );
}

/** A started collector on an ephemeral port, and what it delivered and dropped. */
async function startTrial(context: TestContext, config: Partial<CollectorConfig> = {}) {
  const observers = new ObserverTable();
  const deliveries: { observer: string; octets: number }[][] = [];
  const directions: number[] = [];
  const drops: string[] = [];
  const collector = createCollector(
    { ...defaultCollectorConfig, listeners: loopback, ...config },
    {
      deliver({ columns, count }) {
        const rows = Array.from({ length: count }, (_, row) => ({
          observer: observers.get(columns.observer[row]!).id,
          octets: columns.octetDeltaCount[row]!,
        }));
        deliveries.push(rows);
        for (let row = 0; row < count; row++) directions.push(columns.flowDirection[row]!);
      },
      observers,
      drop: (reason, source, count = 1) => drops.push(`${reason} ${source} ${count}`),
      now: Date.now,
    },
  );
  context.after(() => collector.stop());
  await collector.start();
  return {
    collector,
    deliveries,
    directions,
    drops,
    observers,
    octets: () => deliveries.flat().map((row) => row.octets),
  };
}

async function send(port: number, messages: readonly Uint8Array[], host = "127.0.0.1"): Promise<void> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  for (const message of messages) {
    await new Promise<void>((resolve, reject) =>
      socket.send(message, port, host, (error) => (error ? reject(error) : resolve())),
    );
  }
  socket.close();
}

/** Until the collector has seen that many datagrams: UDP on loopback is quick, but not at once. */
async function received(collector: Collector, packetCount: number): Promise<void> {
  while ((await collector.status()).packetCount < packetCount) await delay(2);
}

/** Flushes until so many rows were delivered. */
async function delivered(collector: Collector, count: () => number, wanted: number): Promise<void> {
  for (collector.flush(); count() < wanted; collector.flush()) await delay(5);
}

testEach("records arrive with their exporter as observer, on flush", async (context, config) => {
  const { collector, deliveries, octets } = await startTrial(context, config);
  const { port } = collector.listeners[0]!;
  await send(port, [v5Message({ sampling: 0x4064 }, v5Record({ octets: 11 }), v5Record({ octets: 12 }))]);
  await received(collector, 1);
  assert.deepEqual(deliveries, []);
  await delivered(collector, () => octets().length, 2);
  collector.flush();
  assert.deepEqual(deliveries, [
    [
      { observer: "exporter:127.0.0.1", octets: 11 },
      { observer: "exporter:127.0.0.1", octets: 12 },
    ],
  ]);
  const [exporter] = (await collector.status()).exporters;
  assert.equal(exporter?.address, "127.0.0.1");
  assert.deepEqual(exporter?.protocols, ["netflow5"]);
  assert.deepEqual([exporter?.packetCount, exporter?.byteCount, exporter?.recordCount], [1, 24 + 2 * 48, 2]);
  assert.equal(exporter?.sampling.interval, 100);
  assert.equal(exporter?.octetCount, 2300);
  assert.equal((await collector.exporter("127.0.0.1"))?.recordCount, 2);
  assert.equal(await collector.exporter("192.0.2.1"), undefined);
});

testEach("rows of a datagram larger than a batch arrive all, in order", async (context, config) => {
  const { collector, octets } = await startTrial(context, { ...config, batchRows: 4 });
  const records = Array.from({ length: 30 }, (_, i) => v5Record({ octets: i + 1 }));
  await send(collector.listeners[0]!.port, [v5Message({}, ...records)]);
  await delivered(collector, () => octets().length, 30);
  assert.deepEqual(
    octets(),
    records.map((_, i) => i + 1),
  );
});

testEach("stop delivers what was received, also what the sockets still hold", async (context, config) => {
  const { collector, octets } = await startTrial(context, { ...config, batchRows: 64 });
  const { port } = collector.listeners[0]!;
  const messages = Array.from({ length: 500 }, (_, i) => v5Message({}, v5Record({ octets: i + 1 })));
  await send(port, messages);
  if (config.workers === 0) await received(collector, messages.length); // dgram has no way to look into a socket
  await collector.stop();
  assert.equal(octets().length, messages.length);
  assert.deepEqual(collector.listeners, []);
});

testEach("many batches go round without loss or mixing", async (context, config) => {
  const { collector, octets } = await startTrial(context, { ...config, batchRows: 16 });
  const { port } = collector.listeners[0]!;
  let sent = 0;
  for (let round = 0; round < 40; round++) {
    const messages = Array.from({ length: 20 }, () => v5Message({}, v5Record({ octets: ++sent })));
    await send(port, messages);
    await received(collector, sent);
  }
  await delivered(collector, () => octets().length, sent);
  assert.deepEqual(
    octets().sort((a, b) => a - b),
    Array.from({ length: sent }, (_, i) => i + 1),
  );
});

testEach("a batch that comes back is empty: nothing of its rows is in the next", async (context, config) => {
  const { collector, directions } = await startTrial(context, { ...config, batchRows: 4 });
  const { port } = collector.listeners[0]!;
  const announce = set(
    2,
    template(300, [
      [1, 4],
      [61, 1],
    ]),
  );
  const records = Array.from({ length: 80 }, () => Uint8Array.of(0, 0, 0, 9, 1));
  await send(port, [ipfixMessage({}, announce, set(300, ...records))]);
  await delivered(collector, () => directions.length, 80);
  assert.deepEqual([...new Set(directions)], [1]);
  await send(
    port,
    Array.from({ length: 20 }, () => v5Message({}, v5Record({}), v5Record({}), v5Record({}), v5Record({}))),
  );
  await delivered(collector, () => directions.length, 160);
  assert.deepEqual([...new Set(directions.slice(80))], [255], "v5 says no direction");
});

testEach("listeners of both families, by turns, each see whole addresses", async (context, config) => {
  const listeners = [
    { host: "127.0.0.1", port: 0 },
    { host: "::1", port: 0 },
  ];
  const { collector } = await startTrial(context, { ...config, listeners });
  const [ipv4, ipv6] = collector.listeners.map(({ port }) => port);
  for (let turn = 0; turn < 5; turn++) {
    await send(ipv4!, [v5Message({}, v5Record({}))]);
    await received(collector, turn * 2 + 1);
    await send(ipv6!, [v5Message({}, v5Record({}))], "::1");
    await received(collector, turn * 2 + 2);
  }
  const { exporters } = await collector.status();
  assert.deepEqual(exporters.map(({ address }) => address).sort(), ["127.0.0.1", "::1"]);
});

testEach("an exporter's templates and data meet, whatever ports they come from", async (context, config) => {
  const { collector, octets, drops } = await startTrial(context, config);
  const { port } = collector.listeners[0]!;
  // Each call sends from another port: so the kernel would spread them over the threads, were it left to it.
  await send(port, [ipfixMessage({ domain: 5 }, set(2, template(300, [[1, 4]])))]);
  await received(collector, 1);
  for (let i = 1; i <= 12; i++) await send(port, [ipfixMessage({ domain: 5 }, set(300, unsigned(i, 4)))]);
  await delivered(collector, () => octets().length, 12);
  assert.deepEqual(drops, []);
  const { exporters } = await collector.status();
  assert.deepEqual([exporters.length, exporters[0]?.protocols], [1, ["ipfix"]]);
  const [known] = exporters[0]!.templates;
  assert.deepEqual([known?.id, known?.observationDomainId, known?.recordCount], [300, 5, 12]);
  assert.deepEqual(known?.fields, [{ name: "octetDeltaCount", length: 4 }]);
});

testEach("so do those of an exporter with an IPv6 address", async (context, config) => {
  const { collector, octets, drops } = await startTrial(context, {
    ...config,
    listeners: [{ host: "::", port: 0 }],
  });
  const { port } = collector.listeners[0]!;
  await send(port, [ipfixMessage({}, set(2, template(300, [[1, 4]])))], "::1");
  await received(collector, 1);
  for (let i = 1; i <= 12; i++) await send(port, [ipfixMessage({}, set(300, unsigned(i, 4)))], "::1");
  await delivered(collector, () => octets().length, 12);
  assert.deepEqual(drops, []);
});

testEach("templates are known again after a restart", async (context, config) => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-templates-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const templatesFile = join(folder, "templates.json");
  const first = await startTrial(context, { ...config, templatesFile });
  await send(first.collector.listeners[0]!.port, [ipfixMessage({}, set(2, template(300, [[1, 4]])))]);
  if (config.workers === 0) await received(first.collector, 1); // dgram has no way to look into a socket
  await first.collector.stop();
  const second = await startTrial(context, { ...config, templatesFile });
  await send(second.collector.listeners[0]!.port, [ipfixMessage({}, set(300, unsigned(9, 4)))]);
  await delivered(second.collector, () => second.octets().length, 1);
  await second.collector.stop();
  writeFileSync(templatesFile, "{ not JSON");
  const third = await startTrial(context, { ...config, templatesFile });
  await send(third.collector.listeners[0]!.port, [ipfixMessage({}, set(300, unsigned(9, 4)))]);
  await received(third.collector, 1);
  assert.equal((await third.collector.status()).exporters[0]?.missingTemplates[0]?.id, 300);
});

testEach("lost records are counted per exporter", async (context, config) => {
  const { collector } = await startTrial(context, config);
  const { port } = collector.listeners[0]!;
  const numbered = (sequence: number) => {
    const message = v5Message({}, v5Record({}), v5Record({}));
    new DataView(message.buffer, message.byteOffset).setUint32(16, sequence);
    return message;
  };
  const socket = createSocket("udp4");
  for (const sequence of [100, 102, 110, 112]) {
    await new Promise((sent) => socket.send(numbered(sequence), port, "127.0.0.1", sent));
  }
  socket.close();
  await received(collector, 4);
  const { loss } = (await collector.status()).exporters[0]!;
  assert.deepEqual(
    [loss.unit, loss.receivedCount, loss.lostCount, loss.recentLostCount],
    ["records", 8, 6, 6],
  );
});

testEach(
  "garbage is counted by reason and sender, and takes no exporter's place",
  async (context, config) => {
    const { collector, drops, octets, observers } = await startTrial(context, config);
    const { port } = collector.listeners[0]!;
    await send(port, [Buffer.from("GET / HTTP/1.1"), new Uint8Array(), Uint8Array.of(0, 9, 1)]);
    await received(collector, 3);
    const counted = () =>
      drops.map((line) => line.split(" ")).map(([reason, , count]) => `${reason} ${count}`);
    while (counted().length < 2) await delay(5);
    assert.equal(counted().filter((line) => line.startsWith("version_unknown")).length, 1);
    assert.ok(drops.every((line) => line.includes("127.0.0.1")));
    assert.deepEqual((await collector.status()).exporters, []);
    assert.equal(observers.count, 1);
    await send(port, [v5Message({ count: 2 }, v5Record({}))]);
    await delivered(collector, () => octets().length, 1);
    assert.deepEqual((await collector.status()).exporters[0]?.drops, { message_truncated: 1 });
  },
);

testEach("only senders that are allowed are heard", async (context, config) => {
  const allow = [parseCidr("192.0.2.0/24")!];
  const { collector, drops } = await startTrial(context, { ...config, allow });
  await send(collector.listeners[0]!.port, [v5Message({}, v5Record({}))]);
  while (drops.length === 0) await delay(5);
  assert.deepEqual(drops, ["exporter_not_allowed 127.0.0.1 1"]);
  assert.equal((await collector.status()).recordCount, 0);
});

testEach("a listener for sFlow takes no NetFlow", async (context, config) => {
  const listeners = [{ host: "127.0.0.1", port: 0, scheme: "sflow" as const }];
  const { collector, drops } = await startTrial(context, { ...config, listeners });
  await send(collector.listeners[0]!.port, [v5Message({}, v5Record({}))]);
  while (drops.length === 0) await delay(5);
  assert.deepEqual(drops, ["version_unknown 127.0.0.1 1"]);
});

testEach("IPv6 and IPv4 listen on one port, and an IPv4 sender has one name", async (context, config) => {
  const both = await startTrial(context, { ...config, listeners: [{ host: "::", port: 0 }] });
  const { port } = both.collector.listeners[0]!;
  await send(port, [v5Message({}, v5Record({}))]);
  await send(port, [v5Message({}, v5Record({}))], "::1");
  await received(both.collector, 2);
  const { exporters } = await both.collector.status();
  assert.deepEqual(exporters.map(({ address }) => address).sort(), ["127.0.0.1", "::1"]);
  await both.collector.stop();
  const listeners = [
    { host: "0.0.0.0", port },
    { host: "::", port },
  ];
  const { collector } = await startTrial(context, { ...config, listeners });
  assert.deepEqual(
    collector.listeners.map(({ host }) => host),
    ["0.0.0.0", "::"],
  );
  const status = await collector.status();
  if (process.platform === "linux") assert.equal(status.listeners[1]?.kernelDropCount, 0);
});

testEach("a port that is taken says what to do, and leaves no socket open", async (_context, config) => {
  const taken = createSocket("udp4");
  taken.bind(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address();
  const listeners = [
    { host: "127.0.0.2", port },
    { host: "127.0.0.1", port },
  ];
  const dependencies = { deliver() {}, observers: new ObserverTable(), drop() {}, now: Date.now };
  const collector = createCollector({ ...defaultCollectorConfig, ...config, listeners }, dependencies);
  await assert.rejects(collector.start(), (error) => {
    assert.ok(error instanceof ListenError);
    assert.equal(error.code, "address_in_use");
    assert.equal(
      error.message,
      `udp 127.0.0.1:${port} is already in use: stop the other program (ss -lunp 'sport = :${port}' shows it) ` +
        "or choose another with --flows udp://127.0.0.1:PORT",
    );
    return true;
  });
  assert.deepEqual(collector.listeners, []);
  taken.close();
  await once(taken, "close");
  await collector.start();
  assert.equal(collector.listeners.length, 2);
  await collector.stop();
});

testEach("an address of another machine says so", async (_context, config) => {
  const listeners = [{ host: "192.0.2.1", port: 2055 }];
  const dependencies = { deliver() {}, observers: new ObserverTable(), drop() {}, now: Date.now };
  const collector = createCollector({ ...defaultCollectorConfig, ...config, listeners }, dependencies);
  await assert.rejects(collector.start(), {
    code: "address_not_available",
    message: /^udp 192\.0\.2\.1:2055 is no address of this machine: .* --flows udp:\/\/0\.0\.0\.0:2055$/,
  });
});

const skip = hasKernelSockets() ? false : "no kernel sockets here";
test("trap 24: datagrams that find the buffer full are counted", {
  skip,
  timeout: 20_000,
}, async (context) => {
  const { collector } = await startTrial(context, { workers: 1, receiveBufferBytes: 4096, batchRows: 1 });
  const { port } = collector.listeners[0]!;
  const message = v5Message({}, ...Array.from({ length: 30 }, () => v5Record({})));
  let dropped = 0;
  for (let round = 0; round < 50 && dropped === 0; round++) {
    await send(port, new Array(200).fill(message));
    dropped = (await collector.status()).listeners[0]!.kernelDropCount!;
  }
  assert.ok(dropped > 0);
});
