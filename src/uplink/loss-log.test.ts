import assert from "node:assert/strict";
import { test } from "node:test";
import { type Loss, LossLog } from "./loss-log.ts";

test("the first loss is told at once, an hour of them once a minute, all of them together", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told: Loss[] = [];
  const log = new LossLog(60_000, (loss) => told.push(loss));
  log.add({ messageCount: 1, rowCount: 7 });
  assert.deepEqual(told, [{ messageCount: 1, rowCount: 7 }]);
  for (let second = 1; second <= 3600; second++) {
    log.add({ messageCount: 1, rowCount: 2 });
    t.mock.timers.tick(1000);
  }
  assert.equal(told.length, 61);
  assert.deepEqual(told[60], { messageCount: 60, rowCount: 120 });
  t.mock.timers.tick(600_000);
  assert.equal(told.length, 61, "nothing is lost, nothing is said");
  log.add({ messageCount: 1, rowCount: 1 });
  assert.equal(told.length, 62, "at once again");
  log.add({ messageCount: 2, rowCount: 5 });
  log.stop();
  assert.deepEqual(told[62], { messageCount: 2, rowCount: 5 }, "the rest at the end");
  log.stop();
  assert.equal(told.length, 63);
});
