import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { storeDefaults } from "../config.ts";
import { SampleWorld } from "../sample-records.ts";
import type { Store } from "../store.ts";
import { createDuckDBStore } from "./duckdb-store.ts";

const child = new URL("crash-child.ts", import.meta.url).pathname;

/** Runs the child until it is killed some time after its first commit; gives the count it acknowledged last. */
async function runAndKill(folder: string, firstNumber: number, milliseconds: number): Promise<number> {
  const started = spawn(process.execPath, [child, folder, String(firstNumber)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const firstLine = new Promise<void>((resolve) => {
    started.stdout.on("data", (data: Buffer) => {
      output += data;
      resolve();
    });
  });
  const exit = new Promise<void>((resolve) => started.on("close", () => resolve()));
  await Promise.race([firstLine, exit]);
  await sleep(milliseconds);
  started.kill("SIGKILL");
  await exit;
  const lines = output.split("\n").slice(0, -1); // what follows the last newline may be cut off
  assert.ok(lines.length > 0, "the child committed nothing");
  return Number(lines.at(-1));
}

test("what was acknowledged before SIGKILL is there exactly once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-crash-"));
  const random = new SampleWorld(Number(process.env.SEED ?? 3));
  let written = 0;
  const [hours, days] = [new Set<number>(), new Set<number>()];
  for (let run = 0; run < 6; run++) {
    const acknowledged = await runAndKill(folder, written, 20 + random.below(400));
    const store = createDuckDBStore({ ...storeDefaults, folder }, new SampleWorld(1));
    await store.start();
    const window = { from: 0, to: Date.UTC(2027, 0, 1) };
    const { flowRecords, linkHours, linkDays } = await store.status();
    // One commit may be in the file without its acknowledgement having been read.
    assert.ok(
      flowRecords >= acknowledged && flowRecords <= acknowledged + 700,
      `${flowRecords} of ${acknowledged}`,
    );
    const [newest] = (await store.flows({ ...window, limit: 1 })).records;
    assert.equal(newest?.octetDeltaCount, flowRecords - 1);
    const { rows } = await store.aggregate({ ...window, by: [], metric: "bytes", limit: 1 });
    // Numbers from 0 on, each once: in the records one by one, in the links by their sum.
    const sum = ((flowRecords - 1) * flowRecords) / 2;
    assert.equal(rows[0]!.bytesSent + rows[0]!.bytesReceived, sum);
    const names = await store.askedNames({ ...window, limit: 5 });
    assert.deepEqual(
      names.rows.map(({ queryCount }) => queryCount),
      [flowRecords],
      "names are there with their records",
    );
    if (run === 5) assert.equal(await sumOfRecords(store), sum);
    hours.add(linkHours);
    days.add(linkDays);
    await store.stop();
    written = flowRecords;
  }
  assert.ok(hours.size > 1 && days.size > 1, "minutes became hours, and hours days");
  assert.ok(written >= 6 * 700, `only ${written} records were written`);
  rmSync(folder, { recursive: true });
});

async function sumOfRecords(store: Store): Promise<number> {
  let [sum, cursor]: [number, string | undefined] = [0, undefined];
  do {
    const page = await store.flows({ from: 0, to: Date.UTC(2027, 0, 1), limit: 20_000, cursor });
    for (const { octetDeltaCount } of page.records) sum += octetDeltaCount as number;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return sum;
}
