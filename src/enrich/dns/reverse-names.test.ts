import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { mock, test } from "node:test";
import { formatAddress, isPrivateAddress, parseAddress } from "../../flow/index.ts";
import { createReverseNames, type ReverseMode, reverseNamesDefaults } from "./reverse-names.ts";

interface Question {
  readonly address: string;
  answer(...names: string[]): Promise<void>;
  fail(code: string): Promise<void>;
}

const inside = "10.0.0.7";
const outside = "192.88.99.9";
/** Has a name that a workload asked for. */
const lookedUp = "10.0.0.99";

/** With a clock that stands still unless it is moved, and a resolver that answers when it is told to. */
function createNames(mode: ReverseMode, changes: Partial<typeof reverseNamesDefaults> = {}) {
  let now = 1_000_000;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setInterval"] });
  const questions: Question[] = [];
  const named: string[] = [];
  const names = createReverseNames(
    { ...reverseNamesDefaults, mode, ...changes },
    {
      isInside: isPrivateAddress,
      isNamed: (bytes, offset) => formatAddress(bytes, offset) === lookedUp,
      now: () => now,
      onName: (bytes, offset, name) => named.push(`${formatAddress(bytes, offset)} ${name}`),
      reverse: (address) =>
        new Promise((resolve, reject) => {
          const settled = async () => {
            for (let i = 0; i < 5; i++) await null;
          };
          questions.push({
            address,
            answer: (...found) => settledAfter(() => resolve(found), settled),
            fail: (code) => settledAfter(() => reject(Object.assign(new Error(code), { code })), settled),
          });
        }),
    },
  );
  names.start();
  return {
    names,
    questions,
    named,
    ask: (address: string) => names.nameOf(parseAddress(address)!, 0),
    passSeconds(seconds: number) {
      now += seconds * 1000;
      mock.timers.tick(seconds * 1000);
    },
    asked: () => questions.map(({ address }) => address),
  };
}

async function settledAfter(act: () => void, settled: () => Promise<void>): Promise<void> {
  act();
  await settled();
}

test("the name is there once the answer is, and whoever wants to know is told", async () => {
  const { ask, questions, named } = createNames("inside");
  assert.equal(ask(inside), "", "nobody waits");
  assert.equal(ask(inside), "");
  assert.equal(questions.length, 1, "it is asked for once");
  await questions[0]!.answer("NAS.Home.Example.");
  assert.equal(ask(inside), "nas.home.example");
  assert.deepEqual(named, [`${inside} nas.home.example`]);
});

const modes: [ReverseMode, string[]][] = [
  ["off", []],
  ["inside", [inside]],
  ["all", [inside, outside]],
];
for (const [mode, asked] of modes) {
  test(`${mode}: ${asked.join(" and ") || "nobody"} is asked for`, () => {
    const names = createNames(mode);
    for (const address of [inside, outside, "127.0.0.1", "::1", "0.0.0.0", "::"]) names.ask(address);
    assert.deepEqual(names.asked(), asked);
  });
}

test("names that are none, or would lead astray, are left out; of several the first that is one counts", async () => {
  const { ask, questions } = createNames("inside");
  const answers: [string[], string][] = [
    [[], ""],
    [["<script>.example", "ok.example"], "ok.example"],
    [["a b"], ""],
    [["192.0.2.1"], ""],
    [["\u202eevil.example"], ""],
    [["-a.example"], ""],
    [[`${"a".repeat(64)}.example`], ""],
    [[`${"a.".repeat(127)}a`], ""],
    [["_srv.host-1.example"], "_srv.host-1.example"],
    [["."], ""],
  ];
  for (const [i, [found, name]] of answers.entries()) {
    ask(`10.1.0.${i}`);
    await questions.at(-1)!.answer(...found);
    assert.equal(ask(`10.1.0.${i}`), name, JSON.stringify(found));
  }
});

test("an answer is believed for its time: a name, that there is none, and that nobody answered", async () => {
  for (const [answer, seconds] of [
    [["a.example"], reverseNamesDefaults.nameSeconds],
    ["ENOTFOUND", reverseNamesDefaults.noNameSeconds],
    ["ENODATA", reverseNamesDefaults.noNameSeconds],
    ["ETIMEOUT", reverseNamesDefaults.noAnswerSeconds],
    ["ESERVFAIL", reverseNamesDefaults.noAnswerSeconds],
  ] as const) {
    const { ask, questions, passSeconds } = createNames("inside");
    ask(inside);
    await (typeof answer === "string" ? questions[0]!.fail(answer) : questions[0]!.answer(...answer));
    passSeconds(seconds);
    ask(inside);
    assert.equal(questions.length, 1, `${answer} at its end`);
    passSeconds(1);
    ask(inside);
    assert.equal(questions.length, 2, `${answer} behind its end`);
  }
});

test("a name stays while it is asked for again, and when nobody answers; it goes when the DNS says so", async () => {
  const { ask, questions, passSeconds, named } = createNames("inside");
  ask(inside);
  await questions[0]!.answer("a.example");
  passSeconds(reverseNamesDefaults.nameSeconds + 1);
  assert.equal(ask(inside), "a.example");
  await questions[1]!.fail("ETIMEOUT");
  assert.equal(ask(inside), "a.example");
  passSeconds(reverseNamesDefaults.noAnswerSeconds + 1);
  ask(inside);
  await questions[2]!.answer("a.example");
  assert.equal(named.length, 1, "the same name is no news");
  passSeconds(reverseNamesDefaults.nameSeconds + 1);
  ask(inside);
  await questions[3]!.fail("ENOTFOUND");
  assert.equal(ask(inside), "");
});

test("a refresh asks again for what is too old and in use, and forgets the rest", async () => {
  const { names, ask, questions, passSeconds } = createNames("inside");
  for (const address of [inside, "10.0.0.8"]) ask(address);
  for (const question of questions) await question.answer("x.example");
  names.refresh(() => true);
  assert.equal(questions.length, 2, "nothing is too old");
  passSeconds(reverseNamesDefaults.nameSeconds + 1);
  names.refresh((bytes, offset) => formatAddress(bytes, offset) === inside);
  assert.deepEqual(
    questions.slice(2).map(({ address }) => address),
    [inside],
  );
  assert.equal(names.status().nameCount, 1);
});

test("an address with a better name keeps it", async () => {
  const { ask, questions, named } = createNames("inside");
  ask(lookedUp);
  await questions[0]!.answer("worse.example");
  assert.deepEqual(named, []);
});

test("so many questions a second, so many at once, so many that wait: the rest is counted", async () => {
  const { names, ask, questions, passSeconds } = createNames("inside", {
    questionsPerSecond: 3,
    concurrencyMax: 2,
    waitingMax: 4,
  });
  for (let i = 0; i < 10; i++) ask(`10.0.1.${i}`);
  assert.equal(questions.length, 2);
  assert.deepEqual([names.status().waitingCount, names.status().leftOutCount], [4, 4]);
  await questions[0]!.answer("x.example");
  assert.equal(questions.length, 3, "one has come back, another goes");
  await questions[1]!.answer("x.example");
  assert.equal(questions.length, 3, "the second's three are spent");
  passSeconds(1);
  assert.equal(questions.length, 4, "one is still under way");
});

test("answers kept are bounded: the one known longest goes", async () => {
  const { names, ask, questions } = createNames("inside", { namesMax: 2 });
  for (let i = 0; i < 3; i++) {
    ask(`10.0.1.${i}`);
    await questions[i]!.answer(`h${i}.example`);
  }
  assert.equal(names.status().nameCount, 2);
  assert.deepEqual(["10.0.1.1", "10.0.1.2", "10.0.1.0"].map(ask), ["h1.example", "h2.example", ""]);
});

test("before the start and after the end nobody is asked or told", async () => {
  const { names, ask, questions, named } = createNames("inside");
  ask(inside);
  names.stop();
  await questions[0]!.answer("late.example");
  ask("10.0.0.9");
  assert.deepEqual([questions.length, named], [1, []]);
});

test("node's resolver is asked as the DNS wants it, and its answers are understood", async () => {
  mock.timers.reset();
  const server = createSocket("udp4");
  server.on("message", (query, { port, address }) => {
    // The question is the name 7.0.0.10.in-addr.arpa, type PTR; the answer points to it.
    const name = Buffer.from("\x04host\x07example\x00", "latin1");
    const answer = Buffer.concat([
      query.subarray(0, 2),
      Buffer.from([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]),
      query.subarray(12, query.indexOf(Buffer.from([0, 0, 12, 0, 1]), 12) + 5),
      Buffer.from([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0, name.length]),
      name,
    ]);
    server.send(answer, port, address);
  });
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  const resolver = new Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.address().port}`]);
  const name = await new Promise<string>((resolve) => {
    const names = createReverseNames(
      { ...reverseNamesDefaults, mode: "inside" },
      {
        ...{
          isInside: () => true,
          isNamed: () => false,
          now: Date.now,
          onName: (_bytes, _offset, found) => resolve(found),
        },
        reverse: (address) => resolver.reverse(address),
      },
    );
    names.start();
    names.nameOf(parseAddress(inside)!, 0);
  });
  server.close();
  assert.equal(name, "host.example");
});
