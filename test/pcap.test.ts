import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Topology } from "../src/topology/index.ts";
import { launchBrowser, openAt, whyNoBrowser } from "./browser.ts";
import { connection, networkBytes, writeCapture } from "./capture.ts";
import { freePort, liveMap, runProgram, startProgram, temporaryFolder, until } from "./program.ts";

const start = 1_700_000_000;
/** Of a pcap file (draft-ietf-opsawg-pcap), before what it has of each packet. */
const [fileHeadBytes, recordHeadBytes] = [24, 16];
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
  const status = await program.get<{ now: number; capture: boolean }>("/api/v1/status");
  assert.equal(status.capture, true);
  assert.ok(Math.abs(status.now / 1000 - start) < 10, "and its clock, by which the page asks");
  const { records } = await program.get<{ records: { observer: { name: string } | string }[] }>(
    "/api/v1/flows",
  );
  assert.ok(records.length >= 2);
  assert.match(JSON.stringify(records[0]), /night\.pcap/);
  assert.equal(await program.stop(), 0);
});

test("the page of a capture from long ago asks about its time, not the browser's", {
  skip: whyNoBrowser,
}, async (t) => {
  const path = join(temporaryFolder(t), "night.pcap");
  writeFileSync(path, writeCapture(flows, start));
  const program = await startProgram(["up", "--pcap", path, "--listen", `127.0.0.1:${await freePort()}`]);
  t.after(() => program.stop("SIGKILL"));
  await until("all is stored", async () => {
    const { store } = await program.get<{ store: { flowRecords: number } }>("/api/v1/status");
    return store.flowRecords > 0 ? store : undefined;
  });
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage({ timezoneId: "UTC" });
  await openAt(page, `${program.url}/?view=series`);
  await page.getByTestId("series-table").getByText("10.0.0.1 → 10.0.0.2").waitFor();
  assert.equal(await page.getByTestId("capture").textContent(), "a capture: now is 2023-11-14 22:13");
  await page.keyboard.press("e");
  await page.getByText("A capture is shown").waitFor();
  await openAt(page, `${program.url}/?range=15m`);
  await page.getByText("as of 22:13").waitFor();
  assert.doesNotMatch((await page.textContent("body"))!, /does not listen/);
});

test("the page of a capture without a packet of IP says so, and not how to send flows here", {
  skip: whyNoBrowser,
}, async (t) => {
  const path = join(temporaryFolder(t), "arp.pcap");
  const capture = writeCapture([{ ...flows[2]!, packets: 1 }], start);
  capture.writeUInt16BE(0x0806, fileHeadBytes + recordHeadBytes + 12); // the frame's type: ARP
  writeFileSync(path, capture);
  const program = await startProgram(["up", "--pcap", path, "--listen", `127.0.0.1:${await freePort()}`]);
  t.after(() => program.stop("SIGKILL"));
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await openAt(page, program.url);
  const empty = page.getByTestId("empty-no_flows_yet");
  await empty.getByText("packets of other protocols than IP are no flows").waitFor();
  assert.doesNotMatch(
    (await empty.textContent())!,
    /portolan (demo|agent)|Point an exporter|does not listen/,
  );
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
