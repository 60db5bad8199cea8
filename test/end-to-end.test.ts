import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import type { Topology, TopologyLink } from "../src/topology/index.ts";
import { isOfMachine, launchBrowser, openAt, whyNoBrowser } from "./browser.ts";
import { peerIdHere } from "./cgroups.ts";
import { said, TwoHosts, whyNoNamespaces } from "./namespaces.ts";
import { freePort, liveLink, liveMap, startProgram, temporaryFolder, until } from "./program.ts";

const traffic = fileURLToPath(new URL("./traffic.ts", import.meta.url));
const tcpTraffic = fileURLToPath(new URL("./tcp-traffic.ts", import.meta.url));
const node = hostname();
const skip =
  whyNoNamespaces() || (spawnSync("softflowd", ["-h"]).error && "softflowd is not installed") || whyNoBrowser;

/** Octets of an IP and TCP header with timestamps: what NetFlow counts beyond the payload. */
const headerBytes = { ipv4: 52, ipv6: 72 };

test("two hosts talk TCP both ways; agent and exporter see it; the page draws it", {
  skip,
  timeout: 180_000,
}, async (t) => {
  const hosts = new TwoHosts();
  t.after(() => hosts.remove());
  const [flowPort, webPort, before, v4, v6] = [await freePort(), await freePort(), 7001, 7002, 7003];

  // One connection is open before the program starts.
  for (const port of [before, v4, v6]) {
    await said(
      hosts.spawn(hosts.server, process.execPath, traffic, "serve", String(port), String(port * 100)),
      "listening",
    );
  }
  const early = hosts.spawn(
    hosts.client,
    process.execPath,
    traffic,
    "send",
    hosts.serverAddress,
    String(before),
    "1000",
    String(before * 100),
  );
  await said(early, "received all");

  const program = await startProgram([
    "up",
    ...["--data", temporaryFolder(t)],
    ...["--listen", `127.0.0.1:${webPort}`],
    ...["--flows", `udp://0.0.0.0:${flowPort}`],
  ]);
  t.after(() => program.stop("SIGKILL"));
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !isOfMachine(message))
      complaints.push(`${message.text()} ${message.location().url}`);
  });
  await openAt(page, program.url);

  const exporter = hosts.spawn(
    hosts.client,
    "softflowd",
    ...[
      "-i",
      hosts.left,
      "-n",
      `${hosts.hereAddress}:${flowPort}`,
      "-v",
      "9",
      "-d",
      "-p",
      "/dev/null",
      "-c",
      "none",
    ],
    ...["-t", "maxlife=5", "-t", "udp=2", "-t", "expint=1"],
  );
  exporter.stdout?.resume();
  // softflowd 1.1.0 opens libpcap without a time-out, and is woken only when 256 KiB of captured packets have filled.
  const fill = () =>
    hosts.spawn(hosts.client, process.execPath, traffic, "udp", hosts.serverAddress, "9", "2500");
  const filling = setInterval(() => fill().stdout?.resume(), 2000);
  t.after(() => clearInterval(filling));
  await until("softflowd exports what it captures", async () => {
    const { collector } = await program.get<{ collector: { exporters: unknown[] } }>("/api/v1/status");
    return collector.exporters.length > 0 ? true : undefined;
  });

  const client = peerIdHere(`${node}/${hosts.client}`, "node");
  const server = peerIdHere(`${node}/${hosts.server}`, "node");
  const isSent = (record: FlowRecord) => [v4, v6].includes(record.destinationTransportPort as number);
  const exported = async () => {
    const filter = encodeURIComponent(`exporter:${hosts.upAddress} protocol:tcp port:${v4},${v6}`);
    return (await program.get<{ records: FlowRecord[] }>(`/api/v1/flows?limit=1000&filter=${filter}`))
      .records;
  };
  const linkNow = () => liveLink(program, client, server);
  const portOf = async (port: number) => (await linkNow())?.ports.find((p) => p.port === port);

  await t.test("a connection that was open before is on the map, with what it does from now on", async () => {
    const link = await until("the early connection", async () =>
      (await linkNow())?.active === 1 ? await linkNow() : undefined,
    );
    assert.equal(link.connections, 0, "it was not opened in this window");
    assert.equal((await portOf(before))?.bytesSent, 0);
  });

  const sent = { [v4]: 3_000_000, [v6]: 2_000_000 };
  const clients = [
    hosts.spawn(
      hosts.client,
      process.execPath,
      traffic,
      "send",
      hosts.serverAddress,
      String(v4),
      String(sent[v4]),
      String(v4 * 100),
    ),
    hosts.spawn(
      hosts.client,
      process.execPath,
      traffic,
      "send",
      hosts.serverAddress6,
      String(v6),
      String(sent[v6]),
      String(v6 * 100),
    ),
  ];
  await Promise.all(clients.map((child) => said(child, "received all")));

  await t.test("IPv4 and IPv6 connections show exact bytes both ways while they are open", async () => {
    for (const port of [v4, v6]) {
      const seen = await until(
        `port ${port}`,
        async () => {
          const found = await portOf(port);
          return found?.bytesReceived === port * 100 ? found : undefined;
        },
        5,
      );
      assert.equal(seen.bytesSent, sent[port]! + 8);
    }
    const link = await linkNow();
    assert.equal(link?.active, 3);
    assert.equal(link?.connections, 2);
    assert.equal(link?.failed, 0);
    assert.ok((link?.rttMs ?? 0) > 0);
    assert.ok(link!.rttMinMs! > 0 && link!.rttMinMs! <= link!.rttMs!);
    assert.ok(link!.connectMs! > 0);
  });

  await t.test("a connection that is refused is told with its reason, now and in history", async () => {
    const closedPort = "59999";
    hosts
      .spawn(hosts.client, process.execPath, tcpTraffic, "connect", hosts.serverAddress, closedPort)
      .stdout?.resume();
    // Nobody's socket is at the other end: it is a host, by its address.
    const isRefused = ({ failed, failures }: TopologyLink) => failed === 1 && failures.refused === 1;
    const filter = encodeURIComponent(`port:${closedPort}`);
    await until("it is on the live map", async () => (await liveMap(program)).links.find(isRefused));
    await until("it is in history", async () => {
      const { links } = await program.get<Topology>(`/api/v1/map?from=-15m&filter=${filter}`);
      return links.find(isRefused);
    });
  });

  await t.test("closing is seen, and nothing is counted twice", async () => {
    for (const child of [...clients, early]) child.stdin?.write("close");
    await until("all closed", async () => ((await linkNow())?.active === 0 ? true : undefined), 10);
    const link = await linkNow();
    assert.equal(link?.bytesSent, sent[v4]! + sent[v6]! + 16);
    assert.equal(link?.bytesReceived, (v4 + v6) * 100);
  });

  await t.test(
    "the exporter's figures of the same link agree within 1 %, headers aside, and are not added",
    async () => {
      const expected = sent[v4]! + sent[v6]! + 16;
      const seen = await until(
        "the exporter's records",
        async () => {
          const observer = (await linkNow())?.observers.find(({ kind }) => kind === "exporter");
          return observer !== undefined && observer.bytesSent > expected ? observer : undefined;
        },
        40,
      );
      assert.equal(seen.id, `exporter:${hosts.upAddress}`);
      const payload = await until("the exporter's records in the store", async () => {
        const records = await exported();
        for (const record of records) assert.equal(record.isDuplicate, true);
        return records.length >= 4 ? payloadOf(records.filter(isSent)) : undefined;
      });
      assert.ok(
        Math.abs(payload - expected) < expected * 0.01,
        `exporter's payload ${payload}, sent ${expected}`,
      );
      assert.equal((await linkNow())?.bytesSent, expected, "the agent's figures stand");
    },
  );

  await t.test("UDP is on the map too: one link, whose figures agent and exporter agree on", async () => {
    await said(
      hosts.spawn(hosts.client, process.execPath, traffic, "udp", hosts.serverAddress, "5000", "200"),
      "sent",
    );
    const link = await until(
      "the whole UDP flow, IP header on as the exporter counts, from both observers",
      async () => {
        const found = await liveLink(program, client, `host:${hosts.serverAddress}`);
        const port = found?.ports.find((p) => p.port === 5000 && p.protocol === "udp");
        const isExported = found?.observers.some(({ kind }) => kind === "exporter");
        return port?.bytesSent === 200 * 1028 && isExported ? found : undefined;
      },
      60,
    );
    assert.deepEqual(link.observers.map(({ kind }) => kind).sort(), ["agent", "exporter"]);
  });

  await t.test("the page has drawn both links, with these figures", async () => {
    for (const [from, to] of [
      [client, server],
      [client, `host:${hosts.serverAddress}`],
    ] as const) {
      const expected = await liveLink(program, from, to);
      assert.ok(expected !== undefined, `${from} > ${to} is on the live map`);
      await until(
        `${from} > ${to} drawn`,
        async () => {
          const drawn = await page.evaluate(readDrawnLink, `${from}>${to}`);
          return drawn !== undefined && drawn.bytesSent >= expected.bytesSent ? true : undefined;
        },
        10,
      );
    }
    assert.deepEqual(complaints, []);
  });

  await t.test("the past tells the same as the live map", async () => {
    // The live map may be ahead by what the next commit, within a second, makes durable.
    const told = (link: Awaited<ReturnType<typeof linkNow>>) =>
      link && [link.bytesSent, link.bytesReceived, link.packets, link.connections, link.observers];
    let live: Awaited<ReturnType<typeof linkNow>>;
    let past: typeof live;
    await until("the past tells the same", async () => {
      live = await linkNow();
      const { links } = await program.get<Awaited<ReturnType<typeof liveMap>>>("/api/v1/map?from=-15m");
      past = links.find((link) => link.id === live?.id);
      return past !== undefined && isDeepStrictEqual(told(past), told(live)) ? true : undefined;
    }).catch(() => assert.deepEqual(told(past), told(live)));
  });

  await t.test("it stops cleanly", async () => {
    assert.equal(await program.stop(), 0);
  });
});

type FlowRecord = Readonly<Record<string, number | string | boolean>>;

function payloadOf(records: readonly FlowRecord[]): number {
  return records.reduce((sum, { sourceAddress, octetDeltaCount, packetDeltaCount }) => {
    const header = String(sourceAddress).includes(":") ? headerBytes.ipv6 : headerBytes.ipv4;
    return sum + Number(octetDeltaCount) - header * Number(packetDeltaCount);
  }, 0);
}

/** Runs in the page: what the map has drawn of a link. */
function readDrawnLink(id: string): { bytesSent: number } | undefined {
  const hooks = (
    globalThis as unknown as { portolan?: { drawnLink?(id: string): { bytesSent: number } | undefined } }
  ).portolan;
  return hooks?.drawnLink?.(id);
}
