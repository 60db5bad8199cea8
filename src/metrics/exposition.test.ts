import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMetrics, type Metric } from "./exposition.ts";

const metric = (changes: Partial<Metric> = {}): Metric => ({
  name: "portolan_things_total",
  type: "counter",
  help: "Things.",
  samples: [{ value: 1 }],
  ...changes,
});

test("a metric is its help, its type, and a line per sample", () => {
  const text = formatMetrics([
    metric({ samples: [{ value: 1.5 }, { labels: { a: "x", b: "y" }, value: 2 }] }),
    metric({ name: "portolan_up", type: "gauge", help: "Up.", samples: [] }),
  ]);
  assert.equal(
    text,
    [
      "# HELP portolan_things_total Things.",
      "# TYPE portolan_things_total counter",
      "portolan_things_total 1.5",
      'portolan_things_total{a="x",b="y"} 2',
      "# HELP portolan_up Up.",
      "# TYPE portolan_up gauge",
      "",
    ].join("\n"),
  );
});

test("backslashes, quotes and line ends in labels are escaped, all of them", () => {
  const text = formatMetrics([metric({ samples: [{ labels: { a: '\\"\n\\"\n' }, value: 1 }] })]);
  assert.ok(text.includes('{a="\\\\\\"\\n\\\\\\"\\n"} 1'), text);
  assert.equal(text.split("\n").length, 4, "no label begins a line of its own");
});

test("help keeps its quotes, and is one line", () => {
  const text = formatMetrics([metric({ help: 'a "b"\n\\c\nd' })]);
  assert.ok(text.startsWith('# HELP portolan_things_total a "b"\\n\\\\c\\nd\n'), text);
});

test("other characters are written as they are", () => {
  const text = formatMetrics([metric({ samples: [{ labels: { a: "été 🚢 {},=\t" }, value: 1 }] })]);
  assert.ok(text.includes('{a="été 🚢 {},=\t"} 1'));
});
