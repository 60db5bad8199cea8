import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseAddress } from "../../flow/index.ts";
import { type DnsSketch, writeDns } from "../../packet/testdata/dns-messages.ts";
import { AskedNames } from "./asked-names.ts";
import { createLookups, lookupsDefaults } from "./lookups.ts";
import { NameTable } from "./name-table.ts";
import { ResolverTrust } from "./resolver-trust.ts";

const milliseconds = 1e6;
const resolver = "10.0.0.53";

function createBench(config = {}, resolvers = [resolver]) {
  const names = new NameTable();
  const trust = new ResolverTrust({ resolvers, files: [], networkNamespace: 0, askedSeconds: 600 });
  const news: string[] = [];
  const asked = new AskedNames({ owners: { peerOf: ({ process }) => process }, lost: () => assert.fail() });
  const lookups = createLookups(
    {
      names,
      trust,
      asked,
      onName: (bytes, offset, name) => void news.push(`${formatAddress(bytes, offset)} ${name}`),
    },
    { ...lookupsDefaults, ...config },
  );
  function take(
    message: Uint8Array,
    isAnswer: boolean,
    at: number,
    from = resolver,
    localPort = 40_000,
    networkNamespace = 7,
    process = 2,
  ): void {
    const bytes = Uint8Array.from([...parseAddress(from)!, ...message]);
    lookups.take(
      {
        bytes,
        message: 16,
        messageLength: message.length,
        resolverAddress: 0,
        localAddress: 0,
        ...{ process, processName: "a", cgroupId: 1 },
        isAnswer,
        networkNamespace,
        localPort,
        seenNanoseconds: at * milliseconds,
      },
      1000,
    );
  }
  const nameOf = (address: string) => names.nameOf(parseAddress(address)!, 0, 1000);
  return {
    lookups,
    asked,
    news,
    nameOf,
    take,
    ask: (sketch: DnsSketch, at = 0, from = resolver) =>
      take(writeDns({ ...sketch, isQuery: true }), false, at, from),
    answer: (sketch: DnsSketch, at = 0, from = resolver) => take(writeDns(sketch), true, at, from),
    report: () => lookups.report(),
  };
}

const found = { name: "a.example", answers: [{ name: "a.example", a: "192.0.2.1" }] };

test("an answer names its addresses, and its latency is counted for resolver and name", () => {
  const bench = createBench();
  bench.ask({ name: "a.example" }, 100);
  bench.answer(found, 112);
  bench.ask({ name: "a.example", id: 2 }, 200);
  bench.answer({ ...found, id: 2 }, 204);
  assert.equal(bench.nameOf("192.0.2.1"), "a.example");
  assert.deepEqual(bench.news, ["192.0.2.1 a.example"], "said once");
  const figures = {
    queryCount: 2,
    answerCount: 2,
    failureCounts: {},
    timedOutCount: 0,
    latencyMeanMilliseconds: 8,
    latencyMaxMilliseconds: 12,
    latencySumMilliseconds: 16,
  };
  assert.deepEqual(bench.report(), {
    nameCount: 1,
    waitingCount: 0,
    malformedCount: 0,
    unaskedCount: 0,
    unbelievedCount: 0,
    resolvers: [{ address: resolver, ...figures }],
    names: [{ name: "a.example", ...figures }],
  });
});

test("failures are counted by response code, the worst name first", () => {
  const bench = createBench();
  for (const [id, name, rcode] of [
    [1, "fine.example", 0],
    [2, "no.example", 3],
    [3, "no.example", 3],
    [4, "no.example", 2],
    [5, "odd.example", 23],
  ] as const) {
    bench.ask({ id, name });
    bench.answer({ id, name, rcode });
  }
  const { names, resolvers } = bench.report();
  assert.deepEqual(
    names.map(({ name, failureCounts }) => [name, failureCounts]),
    [
      ["no.example", { NXDOMAIN: 2, SERVFAIL: 1 }],
      ["odd.example", { RCODE23: 1 }],
      ["fine.example", {}],
    ],
  );
  assert.deepEqual(resolvers[0]?.failureCounts, { NXDOMAIN: 2, SERVFAIL: 1, RCODE23: 1 });
});

test("a question without an answer times out once; what comes later is not believed", () => {
  const bench = createBench();
  bench.ask({ name: "a.example" }, 0);
  bench.lookups.expire(4999 * milliseconds);
  assert.equal(bench.report().waitingCount, 1);
  bench.lookups.expire(5000 * milliseconds);
  bench.lookups.expire(9000 * milliseconds);
  bench.answer(found, 9001);
  const { waitingCount, unaskedCount, resolvers } = bench.report();
  assert.deepEqual([waitingCount, unaskedCount, resolvers[0]?.timedOutCount], [0, 1, 1]);
  assert.equal(bench.nameOf("192.0.2.1"), "");
});

test("an answer that nobody asked for names nothing: other id, resolver, port, name or type", () => {
  for (const [what, answer] of Object.entries<(bench: ReturnType<typeof createBench>) => void>({
    id: (bench) => bench.answer({ ...found, id: 2 }),
    resolver: (bench) => bench.answer(found, 0, "10.0.0.66"),
    port: (bench) => bench.take(writeDns(found), true, 0, resolver, 40_001),
    name: (bench) => bench.answer({ name: "b.example", answers: [{ name: "b.example", a: "192.0.2.1" }] }),
    type: (bench) => bench.answer({ ...found, type: 28 }),
  })) {
    const bench = createBench();
    bench.ask({ name: "a.example" });
    answer(bench);
    assert.deepEqual([bench.nameOf("192.0.2.1"), bench.report().unaskedCount], ["", 1], what);
  }
});

test("bytes that are no DNS, and answers sent as queries, are counted", () => {
  const bench = createBench();
  bench.take(new Uint8Array(40).fill(0xff), true, 0);
  bench.take(writeDns(found), false, 0);
  assert.equal(bench.report().malformedCount, 2);
});

test("questions, resolvers and names have a bound", () => {
  const bench = createBench({ waitingMax: 2, resolversMax: 2, namesMax: 2 });
  for (let i = 0; i < 5; i++) bench.ask({ id: i, name: `${i}.example` }, 0, `10.0.0.${i}`);
  const { waitingCount, resolvers, names } = bench.report();
  assert.equal(waitingCount, 2);
  for (const list of [resolvers.map(({ address, queryCount }) => [address, queryCount])])
    assert.deepEqual(list, [
      ["10.0.0.0", 1],
      ["10.0.0.1", 1],
      ["~other", 3],
    ]);
  assert.deepEqual(
    names.map(({ name, timedOutCount }) => [name, timedOutCount]),
    [
      ["~other", 1],
      ["0.example", 1],
      ["1.example", 1],
    ],
  );
});

test("questions for the names of addresses are counted together", () => {
  const bench = createBench();
  for (const [id, name] of ["7.0.0.10.in-addr.arpa", "8.0.0.10.in-addr.arpa"].entries())
    bench.ask({ name, type: 12, id });
  assert.deepEqual(
    bench.report().names.map(({ name, queryCount }) => [name, queryCount]),
    [["~reverse", 2]],
  );
});

test("a resolver that one workload asks names nothing, though it is counted; one that most ask does", () => {
  const bench = createBench({}, []);
  const lookUp = (networkNamespace: number, id: number) => {
    bench.take(
      writeDns({ name: "a.example", id, isQuery: true }),
      false,
      0,
      resolver,
      40_000,
      networkNamespace,
    );
    bench.take(writeDns({ ...found, id }), true, 1, resolver, 40_000, networkNamespace);
  };
  lookUp(7, 1);
  lookUp(7, 2);
  const { unbelievedCount, resolvers } = bench.report();
  assert.deepEqual([bench.nameOf("192.0.2.1"), unbelievedCount, resolvers[0]?.answerCount], ["", 2, 2]);
  lookUp(8, 3);
  assert.equal(bench.nameOf("192.0.2.1"), "a.example");
});

test("what was asked is kept with who asked: answers, failures and time-outs, names of addresses together", () => {
  const bench = createBench({ waitingMax: 3 });
  const ask = (name: string, id: number, at: number, process: number, type = 1) =>
    bench.take(writeDns({ name, id, type, isQuery: true }), false, at, resolver, 40_000 + id, 7, process);
  ask("a.example", 1, 0, 2);
  ask("gone.example", 2, 0, 3);
  bench.take(writeDns({ ...found, id: 1 }), true, 2, resolver, 40_001);
  bench.take(writeDns({ name: "gone.example", id: 2, rcode: 3 }), true, 4, resolver, 40_002);
  bench.take(writeDns({ name: "gone.example", id: 2, rcode: 3 }), true, 5, resolver, 40_002); // sent twice
  const figures = () =>
    bench.asked
      .take()
      .map(({ peer, name, queryCount, answerCount, nxdomainCount, timedOutCount }) => [
        ...[peer, name, queryCount, answerCount, nxdomainCount, timedOutCount],
      ]);
  assert.deepEqual(figures(), [
    [2, "a.example", 1, 1, 0, 0],
    [3, "gone.example", 1, 1, 1, 0],
  ]);
  ask("1.0.0.10.in-addr.arpa", 3, 10, 2, 12);
  ask("2.0.0.10.in-addr.arpa", 4, 10, 2, 12);
  ask("late.example", 5, 11, 2);
  assert.deepEqual(figures(), [
    [2, "~reverse", 2, 0, 0, 0],
    [2, "late.example", 1, 0, 0, 0],
  ]);
  ask("one-more.example", 6, 12, 2); // there is no room to wait for all
  bench.lookups.expire(5011 * milliseconds);
  assert.deepEqual(figures(), [
    [2, "one-more.example", 1, 0, 0, 0],
    [2, "~reverse", 0, 0, 0, 2],
    [2, "late.example", 0, 0, 0, 1],
  ]);
});
