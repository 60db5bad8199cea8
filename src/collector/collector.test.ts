import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ObserverTable } from "../flow/index.ts";
import { ipfixMessage, set, template, unsigned, v5Message, v5Record } from "../netflow/testdata/messages.ts";
import { createCollector } from "./collector.ts";
import { type CollectorConfig, defaultCollectorConfig } from "./config.ts";
import { ListenError } from "./listen-error.ts";

const loopback = [{ host: "127.0.0.1", port: 0 }];

/** A started collector on an ephemeral port, and what it delivered and dropped. */
async function startTrial(context: TestContext, config: Partial<CollectorConfig> = {}) {
  const observers = new ObserverTable();
  const deliveries: { observer: string; octets: number }[][] = [];
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
      },
      observers,
      drop: (reason, source, count = 1) => drops.push(`${reason} ${source} ${count}`),
      now: Date.now,
    },
  );
  context.after(() => collector.stop());
  await collector.start();
  return { collector, deliveries, drops, observers };
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
async function received(collector: ReturnType<typeof createCollector>, packetCount: number): Promise<void> {
  while (collector.status().packetCount < packetCount) await delay(2);
}

test("records arrive with their exporter as observer, on flush", { timeout: 10_000 }, async (context) => {
  const { collector, deliveries } = await startTrial(context);
  const { port } = collector.status().listeners[0]!;
  await send(port, [v5Message({ sampling: 0x4064 }, v5Record({ octets: 11 }), v5Record({ octets: 12 }))]);
  await received(collector, 1);
  assert.deepEqual(deliveries, []);
  collector.flush();
  collector.flush();
  assert.deepEqual(deliveries, [
    [
      { observer: "exporter:127.0.0.1", octets: 11 },
      { observer: "exporter:127.0.0.1", octets: 12 },
    ],
  ]);
  const [exporter] = collector.status().exporters;
  assert.equal(exporter?.address, "127.0.0.1");
  assert.deepEqual(exporter?.protocols, ["netflow5"]);
  assert.deepEqual([exporter?.packetCount, exporter?.byteCount, exporter?.recordCount], [1, 24 + 2 * 48, 2]);
  assert.equal(exporter?.samplingInterval, 100);
});

test("a full batch is delivered at once, in order, and the rest by stop", {
  timeout: 10_000,
}, async (context) => {
  const { collector, deliveries } = await startTrial(context, { batchRows: 4 });
  const { port } = collector.status().listeners[0]!;
  const records = Array.from({ length: 10 }, (_, i) => v5Record({ octets: i + 1 }));
  await send(port, [v5Message({}, ...records.slice(0, 7)), v5Message({}, ...records.slice(7))]);
  await received(collector, 2);
  assert.deepEqual(
    deliveries.map((rows) => rows.length),
    [4, 4],
  );
  await send(port, [v5Message({}, v5Record({ octets: 11 }), v5Record({ octets: 12 }))]);
  await received(collector, 3);
  assert.equal(deliveries.length, 3, "full, and nothing more needs to come");
  await send(port, [v5Message({}, v5Record({ octets: 13 }))]);
  await received(collector, 4);
  await collector.stop();
  assert.deepEqual(
    deliveries.flat().map(({ octets }) => octets),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  );
  assert.deepEqual(collector.status().listeners, []);
});

test("templates are listed by exporter and port", { timeout: 10_000 }, async (context) => {
  const { collector, deliveries } = await startTrial(context);
  const { port } = collector.status().listeners[0]!;
  const announce = set(2, template(300, [[1, 4]]));
  await send(port, [ipfixMessage({ domain: 5 }, announce, set(300, unsigned(9, 4)))]);
  await received(collector, 1);
  collector.flush();
  assert.equal(deliveries.flat()[0]?.octets, 9);
  const [exporter] = collector.status().exporters;
  assert.deepEqual(exporter?.protocols, ["ipfix"]);
  assert.equal(exporter?.templateCount, 1);
  assert.equal(exporter?.domains[0]?.observationDomainId, 5);
  assert.deepEqual(exporter?.domains[0]?.ports[0]?.templateIds, [300]);
});

test("garbage is counted by reason and sender, and takes no exporter's place", {
  timeout: 10_000,
}, async (context) => {
  const { collector, drops, deliveries, observers } = await startTrial(context);
  const { port } = collector.status().listeners[0]!;
  await send(port, [Buffer.from("GET / HTTP/1.1"), new Uint8Array(), Uint8Array.of(0, 9, 1)]);
  await received(collector, 3);
  assert.deepEqual(drops, [
    "version_unknown 127.0.0.1 1",
    "message_truncated 127.0.0.1 1",
    "message_truncated 127.0.0.1 1",
  ]);
  assert.deepEqual(collector.status().exporters, []);
  assert.equal(observers.count, 1);
  await send(port, [v5Message({ count: 2 }, v5Record({}))]);
  await received(collector, 4);
  collector.flush();
  assert.equal(deliveries.flat().length, 1);
  assert.deepEqual(collector.status().exporters[0]?.drops, { message_truncated: 1 });
});

test("IPv6 and IPv4 listen on one port, and an IPv4 sender has one name", {
  timeout: 10_000,
}, async (context) => {
  const both = await startTrial(context, { listeners: [{ host: "::", port: 0 }] });
  const { port } = both.collector.status().listeners[0]!;
  await send(port, [v5Message({}, v5Record({}))]);
  await send(port, [v5Message({}, v5Record({}))], "::1");
  await received(both.collector, 2);
  assert.deepEqual(
    both.collector.status().exporters.map(({ address }) => address),
    ["127.0.0.1", "::1"],
  );
  await both.collector.stop();
  const listeners = [
    { host: "0.0.0.0", port },
    { host: "::", port },
  ];
  const { collector } = await startTrial(context, { listeners });
  assert.deepEqual(
    collector.status().listeners.map(({ host }) => host),
    ["0.0.0.0", "::"],
  );
  if (process.platform === "linux") assert.equal(collector.status().listeners[1]?.kernelDropCount, 0);
});

test("a port that is taken says what to do, and leaves no socket open", { timeout: 10_000 }, async () => {
  const taken = createSocket("udp4");
  taken.bind(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address();
  const listeners = [
    { host: "127.0.0.2", port },
    { host: "127.0.0.1", port },
  ];
  const dependencies = { deliver() {}, observers: new ObserverTable(), drop() {}, now: Date.now };
  const collector = createCollector({ ...defaultCollectorConfig, listeners }, dependencies);
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
  assert.deepEqual(collector.status().listeners, []);
  taken.close();
  await once(taken, "close");
  await collector.start();
  assert.equal(collector.status().listeners.length, 2);
  await collector.stop();
});

test("an address of another machine says so", { timeout: 10_000 }, async () => {
  const listeners = [{ host: "192.0.2.1", port: 2055 }];
  const dependencies = { deliver() {}, observers: new ObserverTable(), drop() {}, now: Date.now };
  const collector = createCollector({ ...defaultCollectorConfig, listeners }, dependencies);
  await assert.rejects(collector.start(), {
    code: "address_not_available",
    message: /^udp 192\.0\.2\.1:2055 is no address of this machine: .* --flows udp:\/\/0\.0\.0\.0:2055$/,
  });
});
