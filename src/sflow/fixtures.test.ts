import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { createTrial, readFixtures } from "./testdata/decode.ts";

/** Every `name.hex` of testdata (a datagram per line) decodes to its `name.json`. UPDATE=1 rewrites them; read the diff. */
for (const { name, datagrams } of readFixtures()) {
  test(name, () => {
    const trial = createTrial();
    for (const datagram of datagrams) trial.send(datagram);
    const actual = { rows: trial.rows, drops: trial.drops, interfaces: trial.interfaces };
    const path = `${import.meta.dirname}/testdata/${name}.json`;
    if (process.env.UPDATE === "1") writeFileSync(path, `${JSON.stringify(actual, null, 1)}\n`);
    assert.deepEqual(actual, JSON.parse(readFileSync(path, "utf8")));
  });

  test(`${name}, cut anywhere, gives its first rows and a drop for the rest`, () => {
    for (const datagram of datagrams) {
      const whole = createTrial();
      whole.send(datagram);
      for (let length = 0; length < datagram.length; length++) {
        const cut = createTrial();
        cut.send(datagram.subarray(0, length));
        assert.deepEqual(cut.rows, whole.rows.slice(0, cut.rows.length), `cut to ${length}`);
        const isReported = "message_truncated" in cut.drops || "sample_truncated" in cut.drops;
        // Only the filling of the last sample may be missing without a word.
        assert.ok(isReported || datagram.length - length < 4, `cut to ${length}: nothing is reported`);
      }
    }
  });

  test(`${name}, in a batch without details, gives the same core fields`, () => {
    const detailed = createTrial();
    const core = createTrial({ hasDetails: false });
    for (const datagram of datagrams) {
      detailed.send(datagram);
      core.send(datagram);
    }
    const withNetworkHeader = detailed.rows.filter((row) => row.sourceAddress !== undefined);
    assert.equal(core.rows.length, withNetworkHeader.length);
    for (const [i, row] of core.rows.entries())
      for (const [field, value] of Object.entries(row))
        assert.equal(withNetworkHeader[i]![field], value, field);
  });
}
