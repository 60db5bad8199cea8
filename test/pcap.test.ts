import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Topology } from "../src/topology/index.ts";
import { connection, networkBytes, writeCapture } from "./capture.ts";
import { freePort, liveMap, runProgram, startProgram, temporaryFolder, until } from "./program.ts";

const start = 1_700_000_000;
const flows = [
  ...connection({ packets: 400, payloadBytes: 100 }, { packets: 300, payloadBytes: 900 }),
  {
    source: [10, 0, 0, 3],
    destination: [10, 0, 0, 9],
    sourcePort: 999,
    destinationPort: 53,
    protocol: 17,
    packets: 2,
    payloadBytes: 30,
  },
];

test("up --pcap shows a capture's links and records at its own time", async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "night.pcap");
  writeFileSync(path, writeCapture(flows, start));
  const program = await startProgram(["up", "--pcap", path, "--listen", `127.0.0.1:${await freePort()}`]);
  t.after(() => program.stop("SIGKILL"));
  const link = await until("the link is there, whole", async () => {
    const { links } = await program.get<Topology>("/api/v1/map");
    const found = links.find(
      ({ client, server }) => client === "host:10.0.0.1" && server === "host:10.0.0.2",
    );
    return found !== undefined && found.packets === 700 ? found : undefined;
  });
  assert.equal(link.bytesSent, networkBytes(flows[0]!));
  assert.equal(link.bytesReceived, networkBytes(flows[1]!));
  assert.ok(Math.abs(link.lastSeen / 1000 - start) < 10, "the time is the capture's");
  const live = await liveMap(program);
  assert.ok(Math.abs(live.to / 1000 - start) < 10, "and so is the live map's");
  const { records } = await program.get<{ records: { observer: { name: string } | string }[] }>(
    "/api/v1/flows",
  );
  assert.ok(records.length >= 2);
  assert.match(JSON.stringify(records[0]), /night\.pcap/);
  assert.equal(await program.stop(), 0);
});

test("up --pcap says what a file is that is no capture", async (t) => {
  const path = join(temporaryFolder(t), "text");
  writeFileSync(path, "a text, and no capture at all");
  const { code, output } = await runProgram(["up", "--pcap", path]);
  assert.equal(code, 2);
  assert.match(output, /--pcap .*no capture/);
});

test("up --pcap says that it cannot show a pipe", async () => {
  const { code, output } = await runProgram(["up", "--pcap", "-"]);
  assert.equal(code, 2);
  assert.match(output, /--pcap -: a capture is read twice .* save it to a file first/);
});
