import assert from "node:assert/strict";
import { test } from "node:test";
import { SampleWorld } from "../sample-records.ts";
import { AskedBuffer } from "./asked-buffer.ts";

const world = new SampleWorld(7);

function createWorld() {
  const buffer = new AskedBuffer();
  let names = 0;
  /** How many of so many new names there was room for. */
  const tell = (source: string, count: number) => {
    let taken = 0;
    for (let i = 0; i < count; i++)
      if (buffer.add(7, world.asked(2, `n${names++}.example`), 1, source)) taken++;
    return taken;
  };
  return { buffer, tell };
}

test("who tells very many names takes half of the room, and others have theirs", () => {
  const { buffer, tell } = createWorld();
  assert.equal(tell("greedy", 70_000), 32_768);
  assert.equal(tell("web-1", 8192), 8192, "a whole second's of the next");
  assert.ok(tell("web-2", 70_000) < 32_768 && tell("web-3", 100) === 100);
  assert.equal(tell("greedy", 1), 0);
  for (let i = 0; i < 200; i++) tell(`agent-${i}`, 1000);
  assert.ok(buffer.count <= 65_536);
  buffer.take();
  assert.equal(tell("greedy", 8192), 8192, "after a commit there is room again");
});

test("a name that waits already takes no room", () => {
  const { buffer, tell } = createWorld();
  const asked = { ...world.asked(2, "a.example"), queryCount: 1 };
  assert.ok(buffer.add(7, asked, 1, "web-1"));
  tell("web-1", 70_000);
  assert.ok(buffer.add(7, asked, 2, "web-1"));
  assert.equal(buffer.take().find(({ name }) => name === "a.example")?.queryCount, 2);
});
