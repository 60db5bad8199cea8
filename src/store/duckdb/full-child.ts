import { storeDefaults } from "../config.ts";
import { SampleWorld } from "../sample-records.ts";
import { createDuckDBStore } from "./duckdb-store.ts";

/** Records more than fits on the small file system that the test has mounted for this process, then says how it went. */
const [folder = ""] = process.argv.slice(2);
const world = new SampleWorld(1);
const messages: string[] = [];
const store = createDuckDBStore(
  { ...storeDefaults, folder },
  { ...world, log: (message) => messages.push(message) },
);
await store.start();
const start = Date.UTC(2026, 10, 21, 9, 0);
const batch = world.batch(world.records(5000, start, 1));
let appended = 0;
for (let i = 0; i < 60; i++) {
  const time = start + i * 10_000;
  for (let row = 0; row < batch.count; row++) {
    batch.columns.octetDeltaCount[row] = world.below(2 ** 31);
    batch.columns.flowStartMilliseconds[row] = world.below(2 ** 31);
    batch.columns.collectionTimeMilliseconds[row] = time;
  }
  store.append(batch);
  await store.commit();
  await store.maintain(time);
  appended += batch.count;
}
const { flowRecords } = await store.status();
const newest = (await store.flows({ from: 0, to: Date.UTC(2027, 0, 1), limit: 1 })).records[0];
const dropped = world.drops
  .filter(({ reason }) => reason === "store_full")
  .reduce((sum, { count }) => sum + count, 0);
const otherDrops = world.drops.filter(({ reason }) => reason !== "store_full");
await store.stop();
const last = start + 59 * 10_000;
const report = {
  appended,
  flowRecords,
  dropped,
  otherDrops,
  messages,
  last,
  newest: newest?.collectionTimeMilliseconds,
};
console.log(JSON.stringify(report));
