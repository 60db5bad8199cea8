import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressHistory, addressHistoryDefaults } from "./address-history.ts";

const { lingerMilliseconds, slackMilliseconds, keepMilliseconds } = addressHistoryDefaults;
const address = "10.50.0.7";

function holderAt(history: AddressHistory<string>, time: number): string | undefined {
  return history.at(address, time).holder;
}

test("an address is its holder's from a little before it was told until a while after its end", () => {
  const history = new AddressHistory<string>();
  history.claim(address, "a", "a", 100_000, Infinity, 102_000);
  assert.equal(holderAt(history, 100_000 - slackMilliseconds), "a");
  assert.equal(holderAt(history, 100_000 - slackMilliseconds - 1), undefined);
  assert.equal(holderAt(history, 1e12), "a");
  history.release(address, "a", 200_000);
  assert.equal(holderAt(history, 200_000 + lingerMilliseconds - 1), "a");
  assert.equal(holderAt(history, 200_000 + lingerMilliseconds), undefined);
  assert.equal(holderAt(history, 150_000), "a", "late records of the past are still its");
});

test("given away at once, an address is the first one's before and the next one's after", () => {
  const history = new AddressHistory<string>();
  history.claim(address, "a", "a", 100_000, Infinity, 101_000);
  history.release(address, "a", 200_300);
  history.claim(address, "b", "b", 201_000, Infinity, 202_500);
  assert.equal(holderAt(history, 200_299), "a");
  assert.equal(holderAt(history, 200_999), "a", "nobody else can have had it yet");
  assert.equal(holderAt(history, 201_000), "b");
});

test("the next holder is heard of before the first one's end: it has the address from then at the latest", () => {
  const history = new AddressHistory<string>();
  history.claim(address, "a", "a", 100_000, Infinity, 101_000);
  history.claim(address, "b", "b", 200_000, Infinity, 202_000);
  assert.equal(holderAt(history, 199_999), "a");
  assert.equal(holderAt(history, 200_000), "b", "while the end of the first is not known");
  history.release(address, "a", 203_000);
  assert.equal(holderAt(history, 201_999), "a");
  assert.equal(holderAt(history, 202_000), "b");
});

test("a finished pod that is listed with an address that others have since does not have it", () => {
  const history = new AddressHistory<string>();
  history.claim(address, "b", "b", 201_000, Infinity, 500_000);
  history.claim(address, "a", "a", 100_000, 200_000, 500_000); // a Job's, Succeeded, in the same list
  assert.equal(holderAt(history, 150_000), "a");
  assert.equal(holderAt(history, 201_000), "b");
});

test("claims are bounded per address and in all, and let go of when they are old", () => {
  const history = new AddressHistory<string>({ ...addressHistoryDefaults, claimsMax: 3, addressesMax: 2 });
  for (let i = 0; i < 9; i++) history.claim(address, `p${i}`, `p${i}`, i * 1e6, i * 1e6 + 500_000, i * 1e6);
  assert.equal(holderAt(history, 8e6), "p8");
  assert.equal(holderAt(history, 6e6), "p6");
  assert.equal(holderAt(history, 5e6), undefined);
  assert.equal(history.claim("10.0.0.2", "x", "x", 1, Infinity, 1), true);
  assert.equal(history.claim("10.0.0.3", "x", "x", 1, Infinity, 1), false);
  assert.deepEqual([history.count, history.refused], [2, 1]);
  history.sweep(8.5e6 + keepMilliseconds - 1);
  assert.equal(holderAt(history, 8e6), "p8");
  history.sweep(8.5e6 + keepMilliseconds);
  assert.deepEqual([history.count, holderAt(history, 8e6)], [1, undefined]);
});

interface Told {
  readonly key: string;
  readonly from: number;
  until: number;
  readonly heard: number;
}

/** The rule in its plain form: everything that was told, looked through for each question. */
function slowHolder(told: readonly Told[], time: number): string | undefined {
  const ordered = told.toSorted((a, b) => a.from - b.from || a.heard - b.heard);
  const ends = ordered.map((one, i) => {
    const next = ordered[i + 1];
    if (next === undefined) return Infinity;
    if (one.until === Infinity) return next.from;
    return Math.min(Math.max(one.until, next.from), Math.max(next.from, next.heard));
  });
  let begin = Number.NEGATIVE_INFINITY;
  for (const [i, one] of ordered.entries()) {
    const start = i === 0 ? one.from - slackMilliseconds : Math.max(begin, one.from);
    const end = Math.min(ends[i]!, one.until + lingerMilliseconds);
    if (time < start) return undefined;
    if (time < end) return one.key;
    begin = Math.max(begin, end);
  }
  return undefined;
}

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`random claims: the same as the slow way, and the same for all of the time that the answer says (SEED=${seed})`, () => {
  const random = randomFrom(seed);
  const below = (count: number) => Math.floor(random() * count);
  for (let round = 0; round < 300; round++) {
    const history = new AddressHistory<string>({ ...addressHistoryDefaults, claimsMax: 100 });
    const told: Told[] = [];
    for (let step = 0; step < 12; step++) {
      const one = told[below(told.length)];
      if (one !== undefined && random() < 0.4) {
        const at = below(400_000);
        history.release(address, one.key, at);
        one.until = Math.min(one.until, at);
      } else {
        const from = below(300_000);
        const heard = from + below(5000);
        const fresh = {
          key: `p${step}`,
          from,
          until: random() < 0.3 ? from + below(90_000) : Infinity,
          heard,
        };
        told.push(fresh);
        history.claim(address, fresh.key, fresh.key, fresh.from, fresh.until, fresh.heard);
      }
      for (let question = 0; question < 20; question++) {
        const time = below(500_000) - 20_000;
        const { holder, since, until } = history.at(address, time);
        assert.equal(holder, slowHolder(told, time), `${JSON.stringify(told)} at ${time}`);
        assert.ok(since <= time && time < until, `${since} <= ${time} < ${until}`);
        for (const other of [Math.max(since, -1e6), Math.min(until, 1e6) - 1])
          assert.equal(
            slowHolder(told, other),
            holder,
            `${JSON.stringify(told)} at ${other}, asked at ${time}`,
          );
      }
    }
  }
});

test(`an address that goes from pod to pod within seconds names the right pod on both sides of each change (SEED=${seed})`, () => {
  const random = randomFrom(seed);
  for (let round = 0; round < 300; round++) {
    const history = new AddressHistory<string>({ ...addressHistoryDefaults, claimsMax: 100 });
    const truth: { key: string; from: number; to: number }[] = [];
    const news: { at: number; tell(): void }[] = [];
    let now = 1_000_000 + Math.floor(random() * 1000);
    for (let pod = 0; pod < 8; pod++) {
      const key = `p${pod}`;
      const from = now;
      const to = from + 3000 + Math.floor(random() * 60_000);
      truth.push({ key, from, to });
      // The kubelet tells whole seconds; the API server is told within a second, by and by.
      const second = Math.floor(from / 1000) * 1000;
      const heard = from + Math.floor(random() * 1000);
      const gone = to + Math.floor(random() * 900);
      news.push({ at: heard, tell: () => history.claim(address, key, key, second, Infinity, heard) });
      news.push({ at: gone, tell: () => history.release(address, key, gone) });
      now = to + 2000 + Math.floor(random() * 8000);
    }
    for (const { tell } of news.sort((a, b) => a.at - b.at)) tell();
    for (const { key, from, to } of truth)
      for (const time of [from, from + 1, Math.floor((from + to) / 2), to - 1, to])
        assert.equal(holderAt(history, time), key, `at ${time} of ${from} to ${to}`);
  }
});
