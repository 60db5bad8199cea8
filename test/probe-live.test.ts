import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  compileFilter,
  hasPacketSockets,
  PacketRing,
  retireMilliseconds,
} from "../src/observe/capture/index.ts";
import { PacketBatch } from "../src/packet/index.ts";
import { runBpf } from "../src/pcap/index.ts";
import { connection, questions, totalsOf, writeCapture } from "./capture.ts";
import { whyNoNamespaces } from "./namespaces.ts";
import { decodeMessages, missing, sum } from "./probe-trial.ts";
import { freePort, temporaryFolder, until } from "./program.ts";

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const skip =
  whyNoNamespaces() ||
  (!hasPacketSockets() && "no packet sockets here") ||
  missing("tcpreplay") ||
  missing("softflowctl");

const flows = [
  ...connection({ packets: 200, payloadBytes: 900 }, { packets: 300, payloadBytes: 20 }),
  ...questions(40, () => 5),
];
const { packetCount, octetCount } = totalsOf(flows);

/** A namespace with a wire whose ends are `left` and `right`, and what is done in it. */
class Wire {
  readonly name = `ptl-probe-live-${(process.pid % 46_656).toString(36)}`;
  readonly #children: ChildProcess[] = [];

  constructor() {
    this.ip("netns", "add", this.name);
    this.ip("-n", this.name, "link", "set", "lo", "up");
    // What the kernel itself says on a new link would be counted too.
    this.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
    this.lay();
  }

  lay(): void {
    this.ip("-n", this.name, "link", "add", "left", "type", "veth", "peer", "name", "right");
    for (const end of ["left", "right"]) this.ip("-n", this.name, "link", "set", end, "up");
  }

  ip(...parameters: string[]): void {
    execFileSync("ip", parameters, { stdio: ["ignore", "ignore", "pipe"] });
  }

  run(...command: string[]): string {
    return execFileSync("ip", ["netns", "exec", this.name, ...command], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  start(...command: string[]): ChildProcess {
    const child = spawn("ip", ["netns", "exec", this.name, ...command], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.push(child);
    return child;
  }

  remove(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    spawnSync("ip", ["netns", "del", this.name]);
  }
}

/** A socket in the namespace, whose datagrams come out as text. */
async function startCollector(wire: Wire) {
  const port = await freePort();
  const collector = wire.start(
    process.execPath,
    "-e",
    `require("dgram").createSocket("udp4").on("message",(m)=>console.log(m.toString("hex"))).bind(${port},"127.0.0.1",()=>console.log("bound"))`,
  );
  let received = "";
  collector.stdout!.on("data", (text) => (received += text));
  await until("the collector listens", () => (received.includes("bound") ? true : undefined));
  const rows = () => {
    const whole = received.slice(0, received.lastIndexOf("\n"));
    const messages = whole.split("\n").filter((line) => line.startsWith("000a"));
    return decodeMessages(messages.map((line) => Buffer.from(line, "hex")));
  };
  return { port, rows };
}

test("live: an interface to a collector, softflowctl, a lost interface, and the end", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  execFileSync("chmod", ["755", folder]);
  const wire = new Wire();
  t.after(() => wire.remove());
  const capture = join(folder, "traffic.pcap");
  writeFileSync(capture, writeCapture(flows, 1_760_000_000));
  const control = join(folder, "probe.ctl");
  const { port, rows: receivedRows } = await startCollector(wire);
  const probe = wire.start(
    process.execPath,
    main,
    "probe",
    "-d",
    "-i",
    "7:left",
    "-n",
    `127.0.0.1:${port}`,
    "-v",
    "10",
    "-T",
    "vlan",
    "-c",
    control,
    "ip",
  );
  let log = "";
  for (const stream of [probe.stdout!, probe.stderr!]) stream.on("data", (text) => (log += text));
  await until(`the probe starts: ${log}`, () => (log.includes("started") ? true : undefined));
  const ask = (word: string) => wire.run("softflowctl", "-c", control, word);

  wire.run("tcpreplay", "-q", "-i", "right", "-p", "20000", capture);
  const processed = await until("all packets are seen", () => {
    const text = ask("statistics");
    return text.includes(`Packets processed: ${packetCount}\n`) ? text : undefined;
  });
  assert.match(processed, /Number of active flows: 41\n/);
  assert.match(processed, /Packets dropped by kernel: 0\n/);
  assert.match(ask("timeouts"), /Maximum lifetime: 60s/);
  assert.equal(ask("dump-flows").match(/^ACTIVE seq:/gm)?.length, 41);
  assert.match(ask("send-template"), /Template will be sent/);
  assert.match(ask("nonsense"), /Unknown control command "nonsense"/);
  const owner = readFileSync(`/proc/${probe.pid}/status`, "utf8");
  const [, uid] = /^Uid:\s+(\d+)/m.exec(owner)!;
  assert.notEqual(uid, "0", "privileges are dropped");

  assert.match(ask("stop-gather"), /stopped/);
  wire.run("tcpreplay", "-q", "-i", "right", "-p", "20000", capture);
  assert.match(ask("start-gather"), /resumed/);
  assert.match(ask("expire-all"), /Expired 4[0-9] flows/);

  wire.ip("-n", wire.name, "link", "del", "left");
  await until("the loss is told", () => (log.includes("interface left is gone") ? true : undefined));
  wire.lay();
  await until("the return is told", () => (log.includes("interface left is back") ? true : undefined));
  wire.run("tcpreplay", "-q", "-i", "right", "-p", "20000", capture);
  await until("it is captured again", () =>
    /Number of active flows: 41\n/.test(ask("statistics")) ? true : undefined,
  );

  probe.kill("SIGTERM");
  const [code] = await once(probe, "exit");
  assert.equal(code, 0, log);
  const rows = await until("what was reported at the end arrives", () => {
    const found = receivedRows();
    return sum(found, "packetDeltaCount") >= packetCount * 2 ? found : undefined;
  });
  // What came while gathering was stopped may in part have been read before: it is not counted here.
  const [, whole] = [sum(rows, "packetDeltaCount"), sum(rows, "octetDeltaCount")];
  assert.ok(whole >= octetCount * 2);
  for (const row of rows) {
    assert.equal(row.ingressInterface, 7);
    assert.equal(row.egressInterface ?? 0, 0, "what comes in does not go out there");
    assert.equal(row.observationDomainId, 7);
  }
});

test("live: what leaves is told from what comes in", { skip, timeout: 60_000 }, async (t) => {
  const wire = new Wire();
  t.after(() => wire.remove());
  const folder = temporaryFolder(t);
  const capture = join(folder, "traffic.pcap");
  writeFileSync(capture, writeCapture(flows.slice(0, 1), 1_760_000_000));
  const { port, rows: receivedRows } = await startCollector(wire);
  const probe = wire.start(
    process.execPath,
    main,
    "probe",
    "-d",
    "-c",
    "none",
    "-i",
    "1:left",
    "-i",
    "2:right",
    "-n",
    `127.0.0.1:${port}`,
    "tcp",
  );
  let log = "";
  probe.stderr!.on("data", (text) => (log += text));
  await until("the probe starts", () => (log.includes("started") ? true : undefined));
  wire.run("tcpreplay", "-q", "-i", "right", "-p", "20000", capture);
  // At once: what the kernel has not handed over yet is reported too.
  probe.kill("SIGTERM");
  await once(probe, "exit");
  const rows = await until("both interfaces report", () => {
    const found = receivedRows();
    return found.length === 2 ? found : undefined;
  });
  const seen = rows.map((row) => [
    row.observationDomainId,
    row.flowDirection ?? 0,
    row.ingressInterface ?? 0,
    row.egressInterface ?? 0,
    row.packetDeltaCount,
  ]);
  assert.deepEqual(seen.sort(), [
    [1, 0, 1, 0, 200],
    [2, 1, 0, 2, 200],
  ]);
});

test("live: what nfcapd has of a probe of each version is what was on the wire, with nothing missing", {
  skip: skip || missing("nfcapd"),
  timeout: 60_000,
}, async (t) => {
  const wire = new Wire();
  t.after(() => wire.remove());
  const folder = temporaryFolder(t);
  const capture = join(folder, "traffic.pcap");
  writeFileSync(capture, writeCapture(flows, 1_760_000_000));
  // nfdump does not count the options of IPFIX, and would report a gap after each.
  const versions = [["5"], ["9"], ["10", "--no-options"]];
  const running = await Promise.all(
    versions.map(async ([version = "", ...more]) => {
      const port = String(await freePort());
      const received = join(folder, version);
      mkdirSync(received);
      const collector = wire.start("nfcapd", "-w", received, "-p", port, "-b", "127.0.0.1");
      await until("nfcapd listens", () =>
        wire.run("ss", "-Hlun", `sport = :${port}`).includes(port) ? true : undefined,
      );
      const control = join(folder, `${version}.ctl`);
      const flags = ["-d", "-i", "left", "-n", `127.0.0.1:${port}`, "-v", version, "-c", control, ...more];
      const probe = wire.start(process.execPath, main, "probe", ...flags);
      let log = "";
      probe.stderr!.on("data", (text) => (log += text));
      await until("the probe starts", () => (log.includes("started") ? true : undefined));
      const ask = (word: string) => wire.run("softflowctl", "-c", control, word);
      return { version, received, collector, probe, ask };
    }),
  );
  for (const round of [1, 2]) {
    wire.run("tcpreplay", "-q", "-i", "right", "-p", "20000", capture);
    for (const { ask } of running) {
      await until("all packets are seen", () =>
        ask("statistics").includes(`Packets processed: ${packetCount * round}\n`) ? true : undefined,
      );
      assert.match(ask("expire-all"), /Expired 41 flows/);
    }
  }
  for (const { version, received, collector, probe } of running) {
    probe.kill("SIGTERM");
    await once(probe, "exit");
    collector.kill("SIGTERM");
    await once(collector, "exit");
    const summary = execFileSync("nfdump", ["-I", "-R", received], { encoding: "utf8" });
    const value = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, "m").exec(summary)?.[1]);
    assert.deepEqual(
      ["Flows", "Packets", "Bytes", "Sequence failures"].map(value),
      [flows.length * 2, packetCount * 2, octetCount * 2, 0],
      `version ${version}: ${summary}`,
    );
  }
});

test("in the background: the one who asked goes when the probe runs, and finds its process id", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const wire = new Wire();
  t.after(() => wire.remove());
  const folder = temporaryFolder(t);
  const [pidFile, control] = [join(folder, "pid"), join(folder, "ctl")];
  wire.run(process.execPath, main, "probe", "-i", "left", "-p", pidFile, "-c", control);
  const pid = Number(readFileSync(pidFile, "utf8"));
  assert.ok(existsSync(`/proc/${pid}`));
  assert.match(wire.run("softflowctl", "-c", control, "shutdown"), /Shutting down gracefully/);
  await until("it ends", () => (existsSync(`/proc/${pid}`) ? undefined : true));
  // The folder is root's, and the probe was nobody.
  assert.ok(!existsSync(pidFile) && !existsSync(control), "what it left is gone with it");

  wire.run(process.execPath, main, "probe", "-i", "left", "-p", pidFile, "-c", control);
  process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
  await until("what a killed one left goes too", () =>
    existsSync(pidFile) || existsSync(control) ? undefined : true,
  );
  const refused = spawnSync(
    "ip",
    [
      "netns",
      "exec",
      wire.name,
      process.execPath,
      main,
      "probe",
      "-i",
      "nosuch",
      "-p",
      pidFile,
      "-c",
      control,
    ],
    { encoding: "utf8" },
  );
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /interface nosuch is not there/);
});

test("an intake that has ended brings what came before, and nothing that comes after", {
  skip,
}, async (t) => {
  const port = await freePort();
  const ring = new PacketRing({
    interfaceName: "lo",
    snapLength: 64,
    ringBytes: 2_097_152,
    isPromiscuous: false,
    interfaceNumber: 0,
    compileFilter: (link) => compileFilter(`udp dst port ${port}`, link, 64),
    isFilterOwn: false,
  });
  ring.open();
  t.after(() => ring.close());
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  const send = (count: number) =>
    Promise.all(
      Array.from(
        { length: count },
        () => new Promise((resolve) => socket.send("packet", port, "127.0.0.1", resolve)),
      ),
    );
  await send(5);
  ring.endIntake();
  await send(7);
  await new Promise((resolve) => setTimeout(resolve, retireMilliseconds * 5));
  const batch = new PacketBatch(64);
  let packetCount = 0;
  for (let hasMore = true; hasMore; ) {
    hasMore = ring.read(batch);
    packetCount += batch.count;
  }
  assert.equal(packetCount, 5);
});

test("libpcap's programs run here as libpcap means them", {
  skip: !hasPacketSockets() && "no packet sockets here",
}, () => {
  const frame = writeCapture([flows[0]!], 0).subarray(40);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const cases: [string, boolean][] = [
    ["tcp", true],
    ["udp", false],
    ["port 443", true],
    ["src port 443", false],
    ["host 10.0.0.2 and not port 22", true],
    ["net 10.0.0.0/8", true],
    ["ip6", false],
    ["tcp[tcpflags] & tcp-ack != 0", true],
    ["len > 2000", false],
    ["greater 900", true],
    ["ip[8] * 2 = 128 or vlan", true],
    ["ether host 02:00:00:00:00:01", true],
    ["ip[2:2] - 40 = 900", true],
  ];
  for (const [text, isWanted] of cases)
    assert.equal(runBpf(compileFilter(text, 1, 65_535), view, 0, 954, 954) > 0, isWanted, text);
});
