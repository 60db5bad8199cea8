import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { writeMessage } from "../src/ingest/index.ts";
import { sampleMessage } from "../src/ingest/testdata/sample-message.ts";
import type { Topology } from "../src/topology/index.ts";
import { netflow5, sendDatagrams } from "./pretend-exporter.ts";
import { freePort, liveMap, startProgram, temporaryFolder, until } from "./program.ts";

const flow = {
  source: "10.9.0.1",
  destination: "10.9.0.2",
  sourcePort: 40000,
  destinationPort: 443,
  bytes: 1000,
  packets: 2,
};
const bytesOf = ({ links }: Topology) => links.reduce((sum, link) => sum + link.bytesSent, 0);

test("killed while it records, it loses at most the last second and starts again by itself", {
  timeout: 120_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const flowPort = await freePort();
  const start = () =>
    startProgram([
      "server",
      "--data",
      folder,
      "--listen",
      "127.0.0.1:0",
      "--flows",
      `udp://127.0.0.1:${flowPort}`,
    ]);
  let program = await start();
  t.after(() => program.stop("SIGKILL"));
  const stored = async () => bytesOf(await program.get<Topology>("/api/v1/map?from=-1h"));
  let sequence = 0;
  let sent = 0;

  for (let round = 1; round <= 3; round++) {
    for (let i = 0; i < 20; i++) {
      await sendDatagrams(flowPort, [netflow5([flow, { ...flow, sourcePort: 40001 + i }], sequence)]);
      sequence += 2;
    }
    sent += 40 * flow.bytes;
    await until(`round ${round} is stored`, async () => ((await stored()) === sent ? true : undefined));
    // These are on their way into the store when it is killed: some of them may be lost, none may be there twice.
    await sendDatagrams(flowPort, [netflow5([flow], sequence++)]);
    await sleep(round * 300);
    await program.stop("SIGKILL");
    program = await start();
    const after = await stored();
    assert.ok(after === sent || after === sent + flow.bytes, `round ${round}: ${after} of ${sent}`);
    assert.equal(bytesOf(await liveMap(program)), after, "the live map comes back too");
    sent = after;
  }
});

/** Which start of the server answers an agent's message. */
async function epochOf(url: string, sequence: number): Promise<string> {
  const answer = await fetch(`${url}/api/v1/ingest`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: writeMessage(sampleMessage({ sequence })),
  });
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { serverEpoch: string }).serverEpoch;
}

test("stopped by SIGTERM it loses nothing it has received; an agent sees that it was started again", {
  timeout: 60_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const flowPort = await freePort();
  const parameters = [
    "server",
    "--data",
    folder,
    "--listen",
    "127.0.0.1:0",
    "--flows",
    `udp://127.0.0.1:${flowPort}`,
  ];
  const first = await startProgram(parameters);
  t.after(() => first.stop("SIGKILL"));
  await sendDatagrams(
    flowPort,
    Array.from({ length: 50 }, (_, i) => netflow5([flow], i)),
  );
  await until("all received", async () => {
    const { collector } = await first.get<{ collector: { exporters: { packets: number }[] } }>(
      "/api/v1/status",
    );
    return collector.exporters[0]?.packets === 50 ? true : undefined;
  });
  const epochs = [await epochOf(first.url, 1), await epochOf(first.url, 2)];
  assert.equal(await first.stop("SIGTERM"), 0);
  const second = await startProgram(parameters);
  t.after(() => second.stop("SIGKILL"));
  assert.equal(bytesOf(await second.get<Topology>("/api/v1/map?from=-1h")), 50 * flow.bytes);
  epochs.push(await epochOf(second.url, 2), await epochOf(second.url, 3));
  for (const epoch of epochs) assert.match(epoch, /^[0-9a-f]{32}$/);
  const [before, again, after, afterwards] = epochs;
  assert.deepEqual([before === again, after === afterwards, before === after], [true, true, false]);
});
