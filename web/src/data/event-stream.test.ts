import assert from "node:assert/strict";
import { test } from "node:test";
import { EventStreamParser } from "./event-stream.ts";

const stream = `: hello\nevent: map\ndata: {"a":1}\n\nevent: change\r\ndata: one\r\ndata: two\r\n\r\ndata:bare\n\n`;
const expected = [
  { event: "map", data: '{"a":1}' },
  { event: "change", data: "one\ntwo" },
  { event: "message", data: "bare" },
];

test("a stream cut anywhere gives the same events", () => {
  for (let size = 1; size <= stream.length; size++) {
    const parser = new EventStreamParser();
    const events = [];
    for (let at = 0; at < stream.length; at += size) events.push(...parser.push(stream.slice(at, at + size)));
    assert.deepEqual(events, expected, `pieces of ${size}`);
  }
});

test("an event without data is none", () => {
  assert.deepEqual(new EventStreamParser().push(": keep alive\n\nevent: x\n\n"), []);
});

test("a long line that comes in many parts is put together, whatever ends it", () => {
  const long = "0123456789".repeat(5000);
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = `event: map${end}data: ${long}${end}${end}data: next${end}${end}:`;
    for (const size of [1, 7, 4096, text.length]) {
      const parser = new EventStreamParser();
      const events = [];
      for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
      assert.deepEqual(
        events,
        [
          { event: "map", data: long },
          { event: "message", data: "next" },
        ],
        `${JSON.stringify(end)} in parts of ${size}`,
      );
    }
  }
});
