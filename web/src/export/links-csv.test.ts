import assert from "node:assert/strict";
import { test } from "node:test";
import { csvCell, linksCsv } from "./links-csv.ts";

test("cells with commas, quotes and line ends are quoted; formulas are text", () => {
  assert.equal(csvCell('a "b", c'), '"a ""b"", c"');
  assert.equal(csvCell("a\nb"), '"a\nb"');
  assert.equal(csvCell("=HYPERLINK(1)"), "'=HYPERLINK(1)");
  assert.equal(csvCell(null), "");
  assert.equal(csvCell(-5), "-5");
});

test("each link is one line with as many cells as there are names", () => {
  const link = {
    ...{
      id: "a>b",
      client: "a",
      server: "b",
      bytesSent: 2 ** 40,
      bytesReceived: 0,
      packets: 1,
      connections: 1,
    },
    ...{
      failed: 0,
      retransmits: 0,
      rttMs: null,
      ports: [{ port: 443, protocol: "tcp" }],
      observers: [{ id: "agent:x" }],
    },
  };
  const [head, line, rest] = linksCsv([link as never], new Map()).split("\r\n");
  assert.equal(rest, "");
  assert.equal(line!.split(",").length, head!.split(",").length);
  assert.match(line!, /^a,a,,,b,b,,,443\/tcp,1099511627776,0,1,1,0,0,,agent:x,$/);
});
