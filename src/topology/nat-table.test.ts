import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseAddress } from "../flow/index.ts";
import type { ConnectionTuple } from "./connection-table.ts";
import { NatTable, ownEnd, type Translation } from "./nat-table.ts";

type Tuple = readonly [source: string, sourcePort: number, destination: string, destinationPort: number];
const tcp = 6;

function translation(original: Tuple, reply: Tuple, protocol = tcp): Translation {
  const addresses = new Uint8Array(64);
  [original[0], original[2], reply[0], reply[2]].forEach((text, i) => {
    addresses.set(parseAddress(text)!, i * 16);
  });
  return {
    addresses,
    originalSourcePort: original[1],
    originalDestinationPort: original[3],
    replySourcePort: reply[1],
    replyDestinationPort: reply[3],
    protocol,
    networkNamespace: 0,
    endedMilliseconds: 0,
  };
}

/** As a column has them: behind another row. */
function tupleOf(
  [source, sourcePort, destination, destinationPort]: Tuple,
  protocol = tcp,
  scope = 0,
): ConnectionTuple {
  const column = (text: string) => {
    const bytes = new Uint8Array(32).fill(0xaa);
    bytes.set(parseAddress(text)!, 16);
    return new Uint32Array(bytes.buffer);
  };
  return {
    source: column(source),
    destination: column(destination),
    at: 4,
    sourcePort,
    destinationPort,
    protocol,
    scope,
  };
}

const reversed = (t: Tuple): Tuple => [t[2], t[3], t[0], t[1]];

function undo(table: NatTable, tuple: Tuple, seconds = 100, protocol = tcp): Tuple | undefined {
  if (!table.undo(tupleOf(tuple, protocol), seconds)) return undefined;
  const { result } = table;
  assert.deepEqual([result.at, result.protocol, result.scope], [0, protocol, 0]);
  const text = (words: Uint32Array) => formatAddress(new Uint8Array(words.buffer, words.byteOffset, 16));
  return [text(result.source), result.sourcePort, text(result.destination), result.destinationPort];
}

function createTable(connectionsMax = 1000) {
  const drops: [string, number][] = [];
  const table = new NatTable({ connectionsMax }, (reason, _source, count = 1) => drops.push([reason, count]));
  return { table, drops };
}

const service: Tuple = ["10.0.0.5", 40000, "10.96.0.10", 80];
const backend = ["10.0.1.7", 8080] as const;

test("a Service's address becomes its backend's, whichever way the record is written", () => {
  const { table } = createTable();
  assert.ok(table.enter(translation(service, [...backend, "10.0.0.5", 40000]), 100));
  const truth: Tuple = ["10.0.0.5", 40000, ...backend];
  assert.deepEqual(undo(table, service), truth);
  assert.deepEqual(undo(table, reversed(service)), reversed(truth));
  assert.equal(undo(table, truth), undefined, "already true");
  assert.equal(table.count, 1);
});

test("a masqueraded client is found from what the server saw, IPv6 too", () => {
  const { table } = createTable();
  table.enter(translation(["fd00::5", 1, "2001:db8::1", 443], ["2001:db8::1", 443, "fd01::1", 2]), 100);
  const truth: Tuple = ["fd00::5", 1, "2001:db8::1", 443];
  assert.deepEqual(undo(table, ["fd01::1", 2, "2001:db8::1", 443]), truth);
  assert.deepEqual(undo(table, ["2001:db8::1", 443, "fd01::1", 2]), reversed(truth));
  assert.equal(undo(table, truth), undefined);
});

test("both ends changed by one translator: each side's tuple leads to the same ends", () => {
  const { table } = createTable();
  table.enter(translation(service, [...backend, "10.0.0.1", 61000]), 100);
  const truth: Tuple = ["10.0.0.5", 40000, ...backend];
  const seen: Tuple = ["10.0.0.1", 61000, ...backend];
  for (const tuple of [service, seen]) {
    assert.deepEqual(undo(table, tuple), truth);
    assert.deepEqual(undo(table, reversed(tuple)), reversed(truth));
  }
  assert.equal(undo(table, truth), undefined, "nobody on the way sees the true tuple");
});

test("what one node translates and another translates again is followed through both, from every tuple", () => {
  const { table } = createTable();
  // A client calls a node port; that node sends it to a Service behind its own address; another finds the backend.
  const call: Tuple = ["198.51.100.9", 5555, "192.0.2.1", 30080];
  const middle: Tuple = ["192.0.2.1", 61001, "10.96.0.10", 80];
  const last: Tuple = ["192.0.2.2", 61002, ...backend];
  const step = (from: Tuple, to: Tuple) => table.enter(translation(from, reversed(to)), 100);
  step(middle, last); // the order in which nodes tell is not that of the packet
  step(call, middle);
  const truth: Tuple = ["198.51.100.9", 5555, ...backend];
  for (const tuple of [call, middle, last]) {
    assert.deepEqual(undo(table, tuple), truth);
    assert.deepEqual(undo(table, reversed(tuple)), reversed(truth));
  }
});

test("at most four steps each way, and a ring does not loop", () => {
  const { table } = createTable();
  const hop = (i: number): Tuple => [`10.1.0.${i}`, 1000 + i, `10.2.0.${i}`, 80];
  for (let i = 0; i < 7; i++) table.enter(translation(hop(i), reversed(hop(i + 1))), 100);
  assert.deepEqual(undo(table, hop(0)), ["10.1.0.0", 1000, "10.2.0.4", 80]);
  assert.deepEqual(undo(table, hop(7)), ["10.1.0.3", 1003, "10.2.0.7", 80]);
  table.enter(translation(hop(7), reversed(hop(0))), 100);
  assert.deepEqual(undo(table, hop(0)), ["10.1.0.4", 1004, "10.2.0.4", 80]);
});

test("the newest translation of a tuple counts", () => {
  const { table } = createTable();
  table.enter(translation(service, [...backend, "10.0.0.5", 40000]), 100);
  table.enter(translation(service, ["10.0.1.8", 8080, "10.0.0.5", 40000]), 101);
  assert.deepEqual(undo(table, service), ["10.0.0.5", 40000, "10.0.1.8", 8080]);
  assert.equal(table.count, 1);
});

test("a tuple used the other way round is another connection", () => {
  const { table } = createTable();
  table.enter(translation(service, [...backend, "10.0.0.1", 61000]), 100);
  const back: Tuple = [...backend, "10.0.0.1", 61000]; // the backend opens one, from and to the very same ends
  table.enter(translation(back, ["10.0.9.9", 9, ...backend]), 101);
  assert.deepEqual(undo(table, back), [...backend, "10.0.9.9", 9]);
  assert.deepEqual(undo(table, service), ["10.0.0.5", 40000, ...backend], "whose own tuple still tells");
});

test("another protocol or port is another tuple; without ports the record keeps its own", () => {
  const { table } = createTable();
  table.enter(translation(service, [...backend, "10.0.0.5", 40000]), 100);
  assert.equal(undo(table, service, 100, 17), undefined);
  assert.equal(undo(table, [service[0], 40001, service[2], 80]), undefined);
  table.enter(translation(["10.0.0.5", 0, "8.8.8.8", 0], ["8.8.8.8", 0, "192.0.2.1", 0], 1), 100);
  assert.deepEqual(undo(table, ["192.0.2.1", 0, "8.8.8.8", 2048], 100, 1), ["10.0.0.5", 0, "8.8.8.8", 2048]);
});

test("what is not translated, and what has a loopback address of nobody knows whom, is not entered", () => {
  const { table } = createTable();
  assert.ok(!table.enter(translation(service, reversed(service)), 100));
  const local: Tuple = ["127.0.0.1", 40000, "127.0.0.1", 80];
  assert.ok(!table.enter(translation(local, [...backend, "10.0.0.1", 40000]), 100));
  assert.ok(!table.enter(translation(service, ["127.0.0.1", 15001, "10.0.0.5", 40000]), 100));
  assert.ok(!table.enter(translation(["::1", 1, "fd00::1", 2], ["fd00::2", 2, "fd00::3", 1]), 100));
  assert.equal(table.count, 0);
  assert.equal(undo(table, local), undefined);
});

/** Which namespace the ends are of, with the true ones. */
function undoIn(table: NatTable, tuple: Tuple, scope: number): [number, ...Tuple] | undefined {
  if (!table.undo(tupleOf(tuple, tcp, scope), 100)) return undefined;
  const { source, sourcePort, destination, destinationPort, scope: found } = table.result;
  const text = (words: Uint32Array) => formatAddress(new Uint8Array(words.buffer, words.byteOffset, 16));
  return [found, text(source), sourcePort, text(destination), destinationPort];
}

test("a proxy on loopback is found from the client's tuple, each namespace its own", () => {
  const { table } = createTable();
  const other: Tuple = ["10.0.0.6", 40000, "10.96.0.10", 80];
  const proxied = (t: Tuple): Tuple => [t[0], t[1], "127.0.0.1", 15001];
  for (const [call, networkNamespace] of [
    [service, 7],
    [other, 8],
  ] as const)
    assert.ok(table.enter({ ...translation(call, reversed(proxied(call))), networkNamespace }, 100));
  assert.deepEqual(undoIn(table, service, 0), [7, ...proxied(service)]);
  assert.deepEqual(undoIn(table, reversed(service), 0), [7, ...reversed(proxied(service))]);
  assert.deepEqual(undoIn(table, other, 0), [8, ...proxied(other)]);
  assert.equal(undoIn(table, proxied(service), 7), undefined, "what the proxy's socket has is true");
  assert.deepEqual(undoIn(table, ["127.0.0.1", 1, "127.0.0.1", 2], 7), undefined);
});

test("a port published on loopback: the client's own tuple is its namespace's, the server's is everywhere", () => {
  const { table } = createTable();
  const call: Tuple = ["127.0.0.1", 40000, "127.0.0.1", 8080];
  const seen: Tuple = ["172.17.0.1", 40000, "172.17.0.2", 80];
  table.enter({ ...translation(call, reversed(seen)), networkNamespace: 7 }, 100);
  const truth = ["127.0.0.1", 40000, "172.17.0.2", 80] as const;
  assert.deepEqual(undoIn(table, call, 7), [7, ...truth]);
  assert.deepEqual(undoIn(table, seen, 0), [7, ...truth]);
  for (const scope of [0, 8]) assert.equal(undoIn(table, call, scope), undefined, "another's loopback");
});

test("with loopback addresses gone from both ends the connection is nobody's own", () => {
  const { table } = createTable();
  const call: Tuple = ["10.0.0.5", 40000, "127.0.0.1", 80];
  table.enter({ ...translation(call, [...backend, "10.0.0.5", 40000]), networkNamespace: 7 }, 100);
  assert.deepEqual(undoIn(table, call, 7), [0, "10.0.0.5", 40000, ...backend]);
});

const nodeCall: Tuple = ["10.0.0.1", 61000, ...backend];
const masquerade = translation(["10.0.0.5", 40000, ...backend], reversed(nodeCall));
const ended = (entry: Translation, endedMilliseconds: number) => ({ ...entry, endedMilliseconds });
const isUndone = (table: NatTable, began: number, own = 0, t = nodeCall, protocol = tcp) =>
  table.undo(tupleOf(t, protocol), 100, began, own);

test("a translation that is over is not applied to what began since, until it is told anew", () => {
  const { table } = createTable();
  table.enter(masquerade, 100);
  table.end(ended(masquerade, 50_000));
  assert.ok(isUndone(table, 49_000), "a late record of before");
  assert.ok(isUndone(table, 0), "nobody knows since when");
  assert.ok(!isUndone(table, 50_001));
  table.enter(masquerade, 100);
  assert.ok(isUndone(table, 50_001));
});

test("what is not applied is no use of it", () => {
  const { table } = createTable();
  table.enter(masquerade, 100);
  table.end(ended(masquerade, 50_000));
  table.undo(tupleOf(nodeCall), 200, 150_000);
  table.sweep(150);
  assert.equal(table.count, 0);
});

test("a socket that goes on keeps a translation that is over, unless its tuple was opened since", () => {
  const { table } = createTable();
  table.enter(masquerade, 100);
  table.end(ended(masquerade, 50_000));
  assert.ok(isUndone(table, 0, ownEnd.destination));
  assert.ok(!isUndone(table, 60_000, ownEnd.destination), "opened");
  assert.ok(!isUndone(table, 0, ownEnd.destination), "and goes on");
  assert.ok(isUndone(table, 40_000), "a late record of before");
});

test("the end of a translation whose tuple another has taken is not that one's", () => {
  const { table } = createTable();
  const first = translation(service, [...backend, "10.0.0.5", 40000]);
  table.enter(first, 100);
  table.enter(translation(service, ["10.0.1.8", 8080, "10.0.0.5", 40000]), 100);
  table.end(ended(first, 50_000));
  assert.ok(isUndone(table, 60_000, 0, service));
});

test("without ports several connections are one tuple: it is not over with one of them", () => {
  const { table } = createTable();
  const ping = translation(["10.0.0.5", 0, "8.8.8.8", 0], ["8.8.8.8", 0, "192.0.2.1", 0], 1);
  table.enter(ping, 100);
  table.end(ended(ping, 50_000));
  assert.ok(isUndone(table, 60_000, 0, ["192.0.2.1", 0, "8.8.8.8", 0], 1));
});

test("an end stays with its translation when others leave the table", () => {
  const { table } = createTable();
  table.enter(translation(service, [...backend, "10.0.0.5", 40000]), 100);
  table.enter(masquerade, 200);
  table.end(ended(masquerade, 50_000));
  table.sweep(150);
  assert.equal(table.count, 1);
  assert.ok(!isUndone(table, 60_000));
});

test("no translation changes the end that is a socket's own", () => {
  const { table } = createTable();
  table.enter(masquerade, 100);
  assert.ok(!isUndone(table, 0, ownEnd.source), "a process of the node itself, from the same port");
  assert.ok(isUndone(table, 0, ownEnd.destination));
  const call = translation(service, [...backend, "10.0.0.5", 40000]);
  table.enter(call, 100);
  assert.ok(!isUndone(table, 0, ownEnd.destination, service), "somebody has the service's address");
  assert.ok(isUndone(table, 0, ownEnd.source, service));
});

test("a sweep forgets what is not used; a record keeps all its path", () => {
  const { table } = createTable();
  const other: Tuple = ["10.0.0.6", 40000, "10.96.0.10", 80];
  const seen: Tuple = ["10.0.0.1", 61000, ...backend];
  table.enter(translation(service, reversed(seen)), 100);
  table.enter(translation(other, [...backend, "10.0.0.1", 61001]), 100);
  undo(table, reversed(seen), 200);
  table.sweep(150);
  assert.equal(table.count, 1);
  assert.deepEqual(undo(table, service, 200), ["10.0.0.5", 40000, ...backend]);
  assert.equal(undo(table, other, 200), undefined);
  table.sweep(201);
  assert.equal(table.count, 0);
  assert.equal(undo(table, service, 201), undefined);
});

test("when it is full those unused longest leave, and are counted", () => {
  const { table, drops } = createTable(16);
  const call = (i: number): Tuple => ["10.0.0.5", 40000 + i, "10.96.0.10", 80];
  const enter = (i: number, seconds: number) =>
    table.enter(translation(call(i), [...backend, "10.0.0.5", 40000 + i]), seconds);
  for (let i = 0; i < 16; i++) enter(i, 100 + i);
  assert.deepEqual([table.count, drops], [16, []]);
  enter(5, 130);
  assert.deepEqual([table.count, drops], [16, []], "told once more, it needs no room");
  undo(table, call(0), 131); // used: it stays
  enter(16, 131);
  assert.deepEqual(drops, [["nat_limit", 2]]);
  assert.equal(table.count, 15);
  for (const gone of [1, 2]) assert.equal(undo(table, call(gone), 131), undefined);
  for (const kept of [0, 3, 5, 15, 16]) assert.notEqual(undo(table, call(kept), 131), undefined);
});

test("a table full within one second loses those entered first, and stays within its bound", () => {
  const { table, drops } = createTable(100);
  for (let i = 0; i < 5000; i++) {
    table.enter(translation(["10.0.0.5", i, "10.96.0.10", 80], [...backend, "10.0.0.5", i]), 100);
    assert.ok(table.count <= 100 && table.count > Math.min(i, 80), `${table.count} after ${i + 1}`);
  }
  assert.equal(
    drops.reduce((sum, [, count]) => sum + count, 0) + table.count,
    5000,
    "each is there or counted",
  );
  assert.notEqual(undo(table, ["10.0.0.5", 4999, "10.96.0.10", 80]), undefined);
});

/** The same rules with maps of texts. */
class Oracle {
  readonly after = new Map<string, Tuple>();
  readonly before = new Map<string, Tuple>();
  readonly used = new Map<string, number>();
  readonly key = (t: Tuple) => t.join(" ");
  /** The same for both directions. */
  readonly both = (t: Tuple) => [this.key(t), this.key(reversed(t))].sort().join();

  enter(from: Tuple, to: Tuple, seconds: number): void {
    if (this.key(from) === this.key(to)) return;
    for (const t of [from, to]) {
      if (this.key(t) === this.key(reversed(t))) continue;
      this.after.delete(this.key(reversed(t)));
      this.before.delete(this.key(reversed(t)));
    }
    if (this.both(from) === this.both(to)) return;
    this.after.set(this.key(from), to);
    this.before.set(this.key(to), from);
    for (const t of [from, to]) this.used.set(this.both(t), seconds);
  }

  undo(t: Tuple, seconds: number): Tuple | undefined {
    const isKnown = (each: Tuple) => this.after.has(this.key(each)) || this.before.has(this.key(each));
    if (isKnown(t)) return this.#ends(t, seconds);
    const ends = isKnown(reversed(t)) ? this.#ends(reversed(t), seconds) : undefined;
    return ends && reversed(ends);
  }

  #ends(t: Tuple, seconds: number): Tuple | undefined {
    const walk = (links: Map<string, Tuple>) => {
      let at = t;
      for (let steps = 0; ; steps++) {
        this.used.set(this.both(at), Math.max(seconds, this.used.get(this.both(at))!));
        const next = links.get(this.key(at));
        if (next === undefined || steps === 4) return at;
        at = next;
      }
    };
    const [first, last] = [walk(this.before), walk(this.after)];
    const truth: Tuple = [first[0], first[1], last[2], last[3]];
    return this.key(truth) === this.key(t) ? undefined : truth;
  }

  sweep(seconds: number): void {
    const isStale = (t: Tuple) => (this.used.get(this.both(t)) ?? 0) < seconds;
    for (const links of [this.after, this.before])
      for (const [key, to] of links) {
        const [source, sourcePort, destination, destinationPort] = key.split(" ");
        const from: Tuple = [source!, Number(sourcePort), destination!, Number(destinationPort)];
        if (isStale(from) || isStale(to)) links.delete(key);
      }
  }
}

test("random translations, look-ups and sweeps agree with maps of texts", () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 0x7fffffff));
  console.log(`SEED=${seed}`);
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x100000000) * below);
  };
  for (const [ends, rounds] of [
    [3, 4000],
    [6, 8000],
    [40, 8000],
  ] as const) {
    const { table, drops } = createTable(5000);
    const oracle = new Oracle();
    const end = () => [`10.0.0.${1 + random(ends)}`, 1 + random(2)] as const;
    const tuple = (): Tuple => [...end(), ...end()];
    let foundCount = 0;
    for (let round = 0; round < rounds; round++) {
      const seconds = 100 + Math.floor(round / 10);
      const kind = random(100);
      if (kind < 30) {
        const [from, to] = [tuple(), tuple()];
        table.enter(translation(from, reversed(to)), seconds);
        oracle.enter(from, to, seconds);
      } else if (kind < 98) {
        const t = tuple();
        const expected = oracle.undo(t, seconds);
        if (expected !== undefined) foundCount++;
        assert.deepEqual(undo(table, t, seconds), expected, `round ${round}: ${t.join(" ")}`);
      } else {
        table.sweep(seconds - 20);
        oracle.sweep(seconds - 20);
      }
      assert.equal(table.count, oracle.after.size, `round ${round}`);
    }
    assert.ok(foundCount > 20, `${foundCount} found`);
    assert.deepEqual(drops, []);
  }
});
