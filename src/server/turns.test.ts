import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "./turns.ts";

/** Work that ends when it is told to, and the names of what has begun. */
function createWork(turns: Turns) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const take = (name: string, signal?: AbortSignal) =>
    turns.take(
      name[0]!,
      () =>
        new Promise<string>((resolve) => {
          begun.push(name);
          ends.set(name, () => resolve(name));
        }),
      signal,
    );
  const end = async (name: string) => {
    ends.get(name)!();
    for (let i = 0; i < 3; i++) await new Promise(setImmediate);
  };
  return { begun, take, end };
}

test("of several at once, too, whoever waits is served in turn", async () => {
  const { begun, take, end } = createWork(new Turns({ runningMax: 2 }));
  for (const name of ["a1", "a2", "a3", "a4", "b1"]) void take(name);
  assert.deepEqual(begun, ["a1", "a2"]);
  await end("a2");
  await end("a1");
  assert.deepEqual(begun, ["a1", "a2", "b1", "a3"], "b1 came last, but a has had its turn");
  await end("b1");
  assert.deepEqual(begun.at(-1), "a4");
});

test("who waits is served before another who has something done: nobody has two turns while one waits for the first", async () => {
  const { begun, take, end } = createWork(new Turns({ runningMax: 2 }));
  for (const name of ["a1", "a2", "a3", "a4"]) void take(name);
  await end("a1");
  assert.deepEqual(begun, ["a1", "a2", "a3"], "alone a has both");
  for (const name of ["b1", "b2", "b3"]) void take(name);
  await end("a3");
  await end("b1");
  await end("b2");
  assert.deepEqual(begun.slice(3), ["b1", "b2", "b3"], "a has its one");
  await end("a2");
  assert.deepEqual(begun.slice(6), ["a4"]);
});

test("a turn lasts until it is ended; who gives up while waiting has none", async () => {
  const turns = new Turns();
  const endFirst = await turns.begin("a");
  const given = new AbortController();
  const second = turns.begin("a", given.signal);
  let hasThird = false;
  const third = turns.begin("b").then((end) => {
    hasThird = true;
    return end;
  });
  given.abort(new Error("gone"));
  await assert.rejects(second, /gone/);
  assert.equal(hasThird, false);
  endFirst();
  (await third)();
  (await turns.begin("c"))();
});

test("who gives up while waiting leaves the place to others; beyond the bound it is full", async () => {
  const turns = new Turns({ runningMax: 1, waitingMax: 2 });
  const { begun, take, end } = createWork(turns);
  const [given, running] = [new AbortController(), new AbortController()];
  const first = take("a1", running.signal);
  const second = take("a2", given.signal);
  assert.equal(turns.isFull, false);
  void take("b1");
  assert.equal(turns.isFull, true);
  given.abort(new Error("gone"));
  await assert.rejects(second, /gone/);
  assert.equal(turns.isFull, false);
  running.abort();
  await end("a1");
  assert.equal(await first, "a1", "what runs is ended by whoever runs it");
  assert.deepEqual(begun, ["a1", "b1"]);
  await assert.rejects(take("c1", AbortSignal.abort(new Error("before"))), /before/);
});

test("one at a time, each asker in turn; what fails does not stop the rest", async () => {
  const turns = new Turns();
  const order: string[] = [];
  let running = 0;
  const work = (name: string) => async () => {
    assert.equal(++running, 1, "never two at once");
    await new Promise(setImmediate);
    running--;
    order.push(name);
    if (name === "a2") throw new Error("a2 fails");
    return name;
  };
  const all = ["a1", "a2", "a3", "b1", "a4", "c1"].map((name) => turns.take(name[0]!, work(name)));
  const results = await Promise.allSettled(all);
  assert.deepEqual(order, ["a1", "a2", "b1", "c1", "a3", "a4"]);
  assert.deepEqual(
    results.map((result) => (result.status === "fulfilled" ? result.value : "failed")),
    ["a1", "failed", "a3", "b1", "a4", "c1"],
  );
  assert.equal(await turns.take("a", work("a5")), "a5", "it begins again after a pause");
});
