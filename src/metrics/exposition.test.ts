import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseFormat, formatMetrics, formatPieces, type Metric } from "./exposition.ts";

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

test("OpenMetrics: a counter's family has no _total, what has no type is unknown, the end is said", () => {
  const text = formatMetrics(
    [
      metric({ help: 'a "b"\\' }),
      metric({ name: "caretta_polls_made", samples: [] }),
      metric({ name: "flow_bytes_total", samples: [{ value: 1 }] }),
      metric({ name: "flow_bytes", type: "untyped", samples: [{ value: 1 }] }),
    ],
    "openmetrics",
  );
  assert.deepEqual(text.split("\n"), [
    "# TYPE portolan_things counter",
    '# HELP portolan_things a \\"b\\"\\\\',
    "portolan_things_total 1",
    "# TYPE caretta_polls_made unknown",
    "# HELP caretta_polls_made Things.",
    // Two families may not share a name.
    "# TYPE flow_bytes_total unknown",
    "# HELP flow_bytes_total Things.",
    "flow_bytes_total 1",
    "# TYPE flow_bytes unknown",
    "# HELP flow_bytes Things.",
    "flow_bytes 1",
    "# EOF",
    "",
  ]);
});

test("histograms have suffixes and bounds; values that are no numbers are written as Prometheus reads them", () => {
  const labels = { a: "x" };
  const samples = [
    { labels, suffix: "_bucket", le: "+Inf", value: Number.POSITIVE_INFINITY },
    { suffix: "_bucket", le: "0.5", value: Number.NEGATIVE_INFINITY },
    { labels, text: 'a="y"', suffix: "_sum", value: Number.NaN },
    { value: 1e21 },
  ];
  const text = formatMetrics([metric({ name: "h", type: "histogram", samples })]);
  assert.deepEqual(text.split("\n").slice(2, -1), [
    'h_bucket{a="x",le="+Inf"} +Inf',
    'h_bucket{le="0.5"} -Inf',
    'h_sum{a="y"} NaN',
    "h 1e+21",
  ]);
});

test("what could not be read again is replaced: zero bytes and halves of surrogate pairs", () => {
  assert.ok(
    formatMetrics([metric({ samples: [{ labels: { a: "a\0b\udc00" }, value: 1 }] })]).includes(
      '{a="a\ufffdb\ufffd"}',
    ),
  );
});

test("the format is what the Accept header likes best", () => {
  const prometheus =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  const formats: [string | undefined, string][] = [
    [undefined, "text"],
    ["*/*", "text"],
    [prometheus, "openmetrics"],
    ["application/openmetrics-text; version=1.0.0; q=0.3, text/plain; q=0.9", "text"],
    ["application/openmetrics-text;version=2.0.0", "text"],
    ["application/vnd.google.protobuf;q=1, APPLICATION/OPENMETRICS-TEXT;q=0.6", "openmetrics"],
    [";;q=x,,", "text"],
  ];
  for (const [accept, format] of formats) assert.equal(chooseFormat(accept), format, accept);
});

test("the text comes in pieces, each made when it is asked for", () => {
  let made = 0;
  const samples = (function* () {
    for (; made < 100_000; made++) yield { labels: { number: String(made) }, value: made };
  })();
  const pieces = formatPieces([metric({ samples })], "text");
  const first = pieces.next().value as string;
  assert.ok(first.length >= 65_536 && first.length < 66_000);
  assert.ok(made < 2500, `${made} samples for one piece`);
  const rest = [...pieces];
  assert.ok(rest.every((piece) => piece.length < 66_000));
  assert.equal((first + rest.join("")).split("\n").length, 100_003);
});
