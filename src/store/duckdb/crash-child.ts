import { storeDefaults } from "../config.ts";
import { SampleWorld } from "../sample-records.ts";
import { createDuckDBStore } from "./duckdb-store.ts";

/**
 * Appends and commits until it is killed, and says after each commit how many records it was told are safe. Each
 * record carries its number as bytes, so that the test can see which ones are there; with each goes one question for a name. Time goes by quickly, so that minutes become hours
 * and days and are removed; now and then the clock that is told goes back for a while.
 */
const [folder = "", firstNumber = "0"] = process.argv.slice(2);
const world = new SampleWorld(1);
const keptFor = { flowsRetentionHours: 1e6, minutesRetentionHours: 3, linksRetentionDays: 1e5 };
const store = createDuckDBStore(
  { ...storeDefaults, ...keptFor, clockTrustMinutes: 0, folder },
  { ...world, log: console.error },
);
await store.start();
const start = Date.UTC(2026, 10, 21, 9, 0);
const hour = 3_600_000;
const asker = world.peers.intern(world.records(1, start, 1)[0]!.source);
const asked = { ...world.asked(asker, "a.example"), queryCount: 700 };
const batch = world.batch(world.records(700, start, 1));
for (let number = Number(firstNumber); ; ) {
  const time = start + (number / batch.count) * 5 * hour;
  for (let row = 0; row < batch.count; row++) {
    batch.columns.octetDeltaCount[row] = number++;
    batch.columns.reverseOctetDeltaCount[row] = 0;
    batch.columns.samplingInterval[row] = 0;
    batch.columns.isDuplicate[row] = 0;
    batch.columns.collectionTimeMilliseconds[row] = time;
  }
  store.append(batch);
  store.appendAsked([asked], time, "web-1");
  await store.commit();
  process.stdout.write(`${number}\n`);
  const isSetBack = (number / batch.count) % 7 > 4;
  await store.maintain(time + hour - (isSetBack ? 15 * hour : 0));
}
