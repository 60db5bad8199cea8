import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../flow/index.ts";
import { AskedNames } from "./asked-names.ts";

/** Peers are numbered by process and address; process 0 is nobody's. */
function createBench(config = { namesMax: 100, namesPerPeerMax: 10 }) {
  let lostCount = 0;
  const rows = new Map<string, number>();
  let asked = 0;
  const owners = {
    peerOf({ process }: { process: number }, bytes: Uint8Array, offset: number) {
      asked++;
      const key = `${process} ${bytes.subarray(offset, offset + 16).join()}`;
      if (process !== 0 && !rows.has(key)) rows.set(key, rows.size + 2);
      return process === 0 ? 0 : rows.get(key)!;
    },
  };
  const names = new AskedNames({ owners, lost: () => lostCount++ }, config);
  const ask = (process: number, name: string, address = "10.0.0.1") => {
    const bytes = Uint8Array.from([0xee, ...parseAddress(address)!]);
    const owner = { process, processName: "curl", cgroupId: 1, networkNamespace: 7 };
    const asker = names.ask({ ...owner, bytes, localAddress: 1 }, name);
    bytes.fill(0); // the record is gone before the answer comes
    return asker;
  };
  return { names, ask, rows, lost: () => lostCount, asked: () => asked };
}

const nothing = {
  ...{ queryCount: 0, answerCount: 0, nxdomainCount: 0, servfailCount: 0, refusedCount: 0 },
  ...{ otherFailureCount: 0, timedOutCount: 0, latencySumMicroseconds: 0, latencyMaxMicroseconds: 0 },
};

test("names are counted by who asked and at which address, since they were last taken", () => {
  const { names, ask } = createBench();
  const first = ask(1, "a.example");
  const second = ask(1, "a.example");
  const other = ask(2, "a.example");
  const elsewhere = ask(1, "b.example", "10.0.0.2");
  names.answer(first, 0, 1.5);
  names.answer(second, 3, 0.25);
  names.answer(other, 2, 4);
  names.giveUp(elsewhere);
  assert.deepEqual(names.take(), [
    {
      ...{ ...nothing, peer: 2, name: "a.example", queryCount: 2, answerCount: 2, nxdomainCount: 1 },
      ...{ latencySumMicroseconds: 1750, latencyMaxMicroseconds: 1500 },
    },
    {
      ...{ ...nothing, peer: 3, name: "a.example", queryCount: 1, answerCount: 1, servfailCount: 1 },
      ...{ latencySumMicroseconds: 4000, latencyMaxMicroseconds: 4000 },
    },
    { ...nothing, peer: 4, name: "b.example", queryCount: 1, timedOutCount: 1 },
  ]);
  assert.deepEqual(names.take(), []);
});

test("an answer that comes after the names were taken is in the next, of whatever row its asker has then", () => {
  const { names, ask, rows } = createBench();
  const asker = ask(1, "a.example");
  names.take();
  rows.clear();
  ask(9, "b.example");
  names.answer(asker, 5, 1);
  const late = names.take().find(({ name }) => name === "a.example");
  assert.deepEqual(late, {
    ...{ ...nothing, peer: 3, name: "a.example", answerCount: 1, refusedCount: 1 },
    ...{ latencySumMicroseconds: 1000, latencyMaxMicroseconds: 1000 },
  });
  for (const code of [1, 4, 9, 23]) names.answer(ask(1, "c.example"), code, 0);
  assert.equal(names.take()[0]?.otherFailureCount, 4);
});

test("beyond a peer's bound names are one, beyond the bound of all they are not kept; each is counted", () => {
  const { names, ask, lost } = createBench({ namesMax: 6, namesPerPeerMax: 3 });
  for (let i = 0; i < 5; i++) ask(1, `n${i}.example`);
  assert.equal(lost(), 2);
  ask(1, "n0.example");
  assert.equal(lost(), 2, "one that is kept has its place");
  for (let i = 0; i < 3; i++) ask(2, `m${i}.example`);
  assert.equal(lost(), 3);
  const taken = names.take().map(({ peer, name, queryCount }) => [peer, name, queryCount]);
  assert.deepEqual(taken, [
    [2, "n0.example", 2],
    [2, "n1.example", 1],
    [2, "n2.example", 1],
    [2, "~other", 2],
    [3, "m0.example", 1],
    [3, "m1.example", 1],
  ]);
  ask(2, "m2.example");
  assert.equal(names.take().length, 1, "there is room again");
});

test("of a socket that is nobody's nothing is kept, and it is counted", () => {
  const { names, ask, lost } = createBench();
  const asker = ask(0, "a.example");
  names.answer(asker, 0, 1);
  assert.deepEqual([names.take(), lost()], [[], 1]);
});
