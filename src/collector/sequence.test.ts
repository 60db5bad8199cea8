import assert from "node:assert/strict";
import { test } from "node:test";
import { exportFormat } from "../flow/index.ts";
import { SequenceStream } from "./sequence.ts";

interface Message {
  readonly number: number;
  readonly records?: number;
  readonly options?: number;
  readonly uptime?: number;
  /** Export time, seconds. */
  readonly at?: number;
}

/** Feeds messages and sums the verdicts. */
function judge(format: number, messages: readonly Message[]) {
  const stream = new SequenceStream(format);
  const sum = { received: 0, lost: 0, reordered: 0, duplicates: 0, restarts: 0 };
  for (const { number, records = 1, options = 0, uptime, at = 1000 } of messages) {
    const verdict = stream.take({
      format,
      observationDomainId: 0,
      agent: "",
      sequenceNumber: number >>> 0,
      recordCount: records,
      optionsRecordCount: options,
      uptimeMilliseconds: uptime,
      exportMilliseconds: at * 1000,
    });
    sum.received += verdict.received;
    sum.lost += verdict.lost;
    sum.reordered += Number(verdict.isReordered);
    sum.duplicates += Number(verdict.isDuplicate);
    sum.restarts += Number(verdict.isRestart);
  }
  return {
    ...sum,
    unit: stream.unit,
    countsOwnMessage: stream.countsOwnMessage,
    isNumbered: stream.isNumbered,
  };
}

const { netflow5, netflow9, ipfix, sflow5 } = exportFormat;
/** Numbers of messages with these record counts, as RFC 7011 §3.1 says: records before the message. */
function numbered(counts: readonly number[], start = 0): Message[] {
  let number = start;
  return counts.map((records) => {
    const message = { number: number >>> 0, records };
    number += records;
    return message;
  });
}
const counts = [3, 7, 1, 12, 4, 9, 2, 30, 5, 8, 6, 11];
const total = counts.reduce((sum, count) => sum + count, 0);

test("v5 counts records: nothing is lost when every number follows, also over 2^32", () => {
  for (const start of [0, 77, 2 ** 32 - 20]) {
    const sum = judge(netflow5, numbered(counts, start));
    assert.deepEqual([sum.received, sum.lost, sum.restarts, sum.unit], [total, 0, 0, "records"]);
  }
});

test("v5: a message that is missing is lost with its records", () => {
  const messages = numbered(counts).filter((_, i) => i !== 3 && i !== 7);
  const sum = judge(netflow5, messages);
  assert.deepEqual([sum.received, sum.lost], [total - 42, 42]);
});

test("trap 15: v9 counts datagrams, whatever they hold", () => {
  const numbers = [5, 6, 7, 10, 11].map((number, i) => ({ number, records: i * 3 + 1 }));
  const sum = judge(netflow9, numbers);
  assert.deepEqual([sum.received, sum.lost, sum.unit], [5, 2, "datagrams"]);
});

test("sFlow counts datagrams per agent", () => {
  const sum = judge(sflow5, [{ number: 1 }, { number: 2, records: 7 }, { number: 5 }]);
  assert.deepEqual([sum.received, sum.lost, sum.unit], [3, 2, "datagrams"]);
});

test("trap 15: softflowd's IPFIX counts the message's own records and leaves options out: no loss", () => {
  let number = 0;
  const messages = counts.map((records, i) => {
    number += records;
    const options = i % 4 === 0 ? 1 : 0;
    return { number, records: records + options, options };
  });
  const sum = judge(ipfix, messages);
  assert.equal(sum.lost, 0);
  assert.equal(sum.countsOwnMessage, true);
  const missing = judge(ipfix, [...messages.slice(0, 8), ...messages.slice(9)]);
  assert.equal(missing.lost, counts[8]);
});

test("an exporter that counts in its own way loses nothing in its first messages either", () => {
  const own = [
    { number: 15, records: 15 },
    { number: 17, records: 2 },
    { number: 29, records: 12 },
  ];
  for (const count of [2, 3]) assert.equal(judge(ipfix, own.slice(0, count)).lost, 0);
});

test("when nothing ever comes true, what is missing is a loss after all", () => {
  const sum = judge(
    netflow5,
    numbered(Array.from({ length: 20 }, (_, i) => 5 + (i % 7))).filter((_, i) => i % 2 === 0),
  );
  assert.ok(sum.lost > 50, String(sum.lost));
});

test("restart: numbers that go back a little, in a message that was sent later", () => {
  const before = numbered(counts).map((message) => ({ ...message, at: 1000 }));
  const after = numbered(counts).map((message) => ({ ...message, at: 1060 }));
  const sum = judge(ipfix, [...before, ...after.slice(0, 3), ...after.slice(4)]);
  assert.deepEqual([sum.restarts, sum.duplicates, sum.lost], [1, 0, counts[3]]);
});

test("several gaps are closed each by its own late message, in any order", () => {
  const messages = numbered(Array.from({ length: 60 }, (_, i) => 1 + (i % 5)));
  const late = [10, 20, 30].map((i) => messages[i]!);
  const kept = messages.filter((message) => !late.includes(message));
  const sum = judge(netflow5, [...kept.slice(0, 40), late[1]!, late[2]!, late[0]!, ...kept.slice(40)]);
  assert.deepEqual([sum.lost, sum.reordered, sum.duplicates], [0, 3, 0]);
});

test("a gap of three is closed from its middle, and the rest stays", () => {
  const messages = numbered(Array.from({ length: 30 }, () => 4));
  const [first, middle, last] = [messages[10]!, messages[11]!, messages[12]!];
  const kept = messages.filter((message) => ![first, middle, last].includes(message));
  assert.equal(judge(netflow5, [...kept.slice(0, 15), middle, ...kept.slice(15)]).lost, 8);
  assert.equal(judge(netflow5, [...kept.slice(0, 15), middle, last, ...kept.slice(15)]).lost, 4);
});

test("restart: uptime alone tells, when the numbers go on", () => {
  const before = numbered(counts, 5000).map((message) => ({ ...message, uptime: 900_000 }));
  const after = numbered(counts, 5000 + total + 40).map((message) => ({ ...message, uptime: 1000 }));
  const sum = judge(netflow5, [...before, ...after]);
  assert.deepEqual([sum.restarts, sum.lost], [1, 0]);
});

test("an IPFIX exporter that counts datagrams is understood", () => {
  const messages = counts.map((records, i) => ({ number: 100 + i, records }));
  const sum = judge(ipfix, messages);
  assert.deepEqual([sum.lost, sum.unit], [0, "datagrams"]);
  const missing = judge(ipfix, [...messages.slice(0, 8), ...messages.slice(10)]);
  assert.deepEqual([missing.lost, missing.unit], [2, "datagrams"]);
});

test("a v9 exporter that counts records is understood", () => {
  const sum = judge(netflow9, numbered(counts, 1000));
  assert.deepEqual([sum.lost, sum.unit, sum.received], [0, "records", total]);
});

test("trap 15: a message that comes late closes its gap", () => {
  const messages = numbered(counts);
  const late = [...messages.slice(0, 4), messages[5]!, messages[6]!, messages[4]!, ...messages.slice(7)];
  const sum = judge(netflow5, late);
  assert.deepEqual([sum.lost, sum.reordered, sum.duplicates, sum.restarts], [0, 1, 0, 0]);
  assert.equal(sum.received, total);
});

test("late over the edge of 2^32", () => {
  const messages = numbered(counts, 2 ** 32 - 15);
  const late = [...messages.slice(0, 3), messages[4]!, messages[3]!, ...messages.slice(5)];
  const sum = judge(ipfix, late);
  assert.deepEqual([sum.lost, sum.reordered, sum.restarts], [0, 1, 0]);
});

test("trap 15: a message that comes twice is a duplicate, at once and later, and no loss", () => {
  const messages = numbered(counts);
  const twice = [
    ...messages.slice(0, 4),
    messages[3]!,
    ...messages.slice(4, 8),
    messages[5]!,
    ...messages.slice(8),
  ];
  const sum = judge(netflow5, twice);
  assert.deepEqual([sum.duplicates, sum.lost, sum.reordered, sum.received], [2, 0, 0, total]);
});

test("messages without records share a number with the next, and are no duplicates", () => {
  const sum = judge(ipfix, [
    { number: 10, records: 0 },
    { number: 10, records: 0 },
    { number: 10, records: 5 },
    { number: 15, records: 2 },
  ]);
  assert.deepEqual([sum.duplicates, sum.lost, sum.received], [0, 0, 7]);
});

test("trap 15, restart: uptime that goes back begins a new count", () => {
  const before = numbered(counts, 5000).map((message, i) => ({ ...message, uptime: 900_000 + i * 1000 }));
  const after = numbered(counts).map((message, i) => ({ ...message, uptime: 1000 + i * 1000 }));
  const sum = judge(netflow5, [...before, ...after]);
  assert.deepEqual([sum.restarts, sum.lost, sum.received], [1, 0, 2 * total]);
});

test("restart: IPFIX says no uptime, its number goes far back", () => {
  const sum = judge(ipfix, [...numbered(counts, 50_000), ...numbered(counts)]);
  assert.deepEqual([sum.restarts, sum.lost, sum.received], [1, 0, 2 * total]);
});

test("uptime that wraps after 49.7 days is no restart", () => {
  const messages = numbered(counts).map((message, i) => ({
    ...message,
    uptime: (2 ** 32 - 5000 + i * 1000) >>> 0,
  }));
  assert.equal(judge(netflow9, messages).restarts, 0);
});

test("a number that leaps absurdly far is another count, not a loss of millions", () => {
  const sum = judge(netflow5, [...numbered(counts), ...numbered(counts, 1_000_000_000)]);
  assert.deepEqual([sum.restarts, sum.lost], [1, 0]);
});

test("a message whose records are not known says nothing about the next", () => {
  const sum = judge(ipfix, [
    { number: 0, records: 3 },
    { number: 3, records: 1 },
    { number: 4, records: Number.NaN },
    { number: 50, records: 2 },
    { number: 55, records: 1 },
  ]);
  assert.deepEqual([sum.lost, sum.received], [3, 7]);
});

test("an exporter that does not count at all loses nothing and sends no duplicates for ever", () => {
  const sum = judge(
    netflow5,
    Array.from({ length: 100 }, () => ({ number: 0, records: 30 })),
  );
  assert.deepEqual([sum.lost, sum.isNumbered], [0, false]);
  assert.ok(sum.duplicates <= 3, `${sum.duplicates} duplicates`);
});

const seed = Number(process.env.SEED ?? 20_261_121);
test(`losses are counted exactly whatever is missing (SEED=${seed})`, () => {
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 200; round++) {
    const messages = numbered(
      Array.from({ length: 300 }, () => 1 + random(30)),
      random(2 ** 32),
    );
    const kept = messages.filter((_, i) => i === 0 || i === messages.length - 1 || random(10) > 0);
    const sum = judge(round % 2 === 0 ? netflow5 : ipfix, kept);
    const units = (list: readonly Message[]) => list.reduce((n, { records = 0 }) => n + records, 0);
    assert.equal(sum.received, units(kept), `round ${round}`);
    assert.equal(sum.lost, units(messages) - units(kept), `round ${round}`);
  }
});
