import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { makeMmdb } from "../src/enrich/geo/testdata/make-mmdb.ts";
import { runProgram, startProgram, temporaryFolder, until } from "./program.ts";

/** A Prometheus that answers as it is told. */
async function startPretend(t: TestContext, answer: () => { status: number; body: string }) {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    asked.push(
      `${request.method} ${request.url} ${new URLSearchParams(text).get("query")} ${request.headers.authorization}`,
    );
    const { status, body } = answer();
    response.writeHead(status).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, place: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function places(t: TestContext): string {
  const file = join(temporaryFolder(t), "places.mmdb");
  writeFileSync(
    file,
    makeMmdb({
      "192.0.2.0/24": { country: { iso_code: "DE" } },
      "2001:db8::/32": { country: { iso_code: "FR" } },
    }),
  );
  return file;
}

const vector = (...result: { metric: object; value: unknown }[]) =>
  JSON.stringify({ status: "success", data: { resultType: "vector", result } });

test("labels are carried over and escaped, what is nowhere is left out, series that become alike are one", async (t) => {
  const series = [
    { metric: { ip: "192.0.2.1", pod: 'a"b', left: "1" }, value: [1, "2.5"] },
    { metric: { ip: "192.0.2.1", pod: 'a"b', left: "2" }, value: [1, "1"] },
    { metric: { ip: "2001:db8::7" }, value: [1, "3"] },
    { metric: { ip: "10.0.0.1" }, value: [1, "3"] },
    { metric: { ip: "nowhere" }, value: [1, "3"] },
    { metric: { pod: "no address" }, value: [1, "3"] },
    { metric: { ip: "192.0.2.2" }, value: [1, "NaN"] },
    { metric: { ip: "192.0.2.2" }, value: null },
  ];
  let body = vector(...series);
  let status = 200;
  const { asked, place } = await startPretend(t, () => ({ status, body }));
  const geoip = await startProgram(
    [
      "geoip",
      "-p",
      `http://me:secret@${place}/prom/`,
      "-i",
      "ip",
      "-d",
      places(t),
      "-l",
      "pod",
      "-l",
      "pod",
      "--listen",
      "127.0.0.1:0",
      "--interval",
      "1",
    ],
    ["env", "QUERY=sum(x) by (ip)"],
  );
  t.after(() => geoip.stop());
  const told = async () => {
    const text = await (await fetch(`${new URL(geoip.url).origin}/metrics`)).text();
    return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  };
  const expected = [
    'geo_ip{pod="a\\"b",ip="192.0.2.1",country="DE",latitude="",longitude="",zip=""} 3.5',
    'geo_ip{pod="",ip="2001:db8::7",country="FR",latitude="",longitude="",zip=""} 3',
  ];
  const lines = await until("an answer", async () => {
    const found = await told();
    return found.some((line) => line.startsWith("geo_ip")) ? found : undefined;
  });
  assert.deepEqual(
    lines.filter((line) => line.startsWith("geo_ip")),
    expected,
  );
  assert.equal(
    asked[0],
    `POST /prom/api/v1/query sum(x) by (ip) Basic ${Buffer.from("me:secret").toString("base64")}`,
  );
  for (const [wrongStatus, wrongBody, said] of [
    [400, JSON.stringify({ status: "error", error: "parse error" }), "answered 400: parse error"],
    [200, "<html>", "not what Prometheus answers"],
    [200, JSON.stringify({ status: "success", data: { resultType: "scalar" } }), "the query gives a scalar"],
  ] as const) {
    [status, body] = [wrongStatus, wrongBody];
    await until(`it says ${said}`, () => (geoip.output().includes(said) ? true : undefined));
  }
  assert.deepEqual(
    (await told()).filter((line) => line.startsWith("geo_ip")),
    expected,
    "the last answer stays a while",
  );
  assert.ok(!geoip.output().includes("secret"));
  assert.equal(await geoip.stop(), 0);
});

const wrong: [string, string[], RegExp][] = [
  ["no query", ["-p", "http://x", "-i", "ip", "-d", "/etc/hosts"], /environment QUERY is not set/],
  ["no URL", ["-p", "x:1", "-i", "ip", "-d", "f"], /a URL is expected/],
  ["no label", ["-p", "http://x", "-i", "a-b", "-d", "f"], /the name of a label is expected/],
  [
    "a label of its own",
    ["-p", "http://x", "-i", "ip", "-d", "f", "-l", "zip"],
    /zip says where the address is/,
  ],
  ["no database", ["-p", "http://x", "-i", "ip"], /required option '-d/],
];

test("a database that is damaged, packed, of another kind or not there is refused in words", async (t) => {
  const whole = readFileSync(places(t));
  const systems = makeMmdb({ "192.0.2.0/24": { autonomous_system_number: 64500 } });
  const cases: [string, Buffer, RegExp][] = [
    ["cut.mmdb", whole.subarray(0, whole.length / 2), /is no MaxMind database, or a damaged one/],
    ["packed.mmdb", gzipSync(whole), /is packed by gzip; unpack it first/],
    ["systems.mmdb", systems, /has no country code: its type is .*autonomous_system_number/],
    ["empty.mmdb", Buffer.alloc(0), /is empty/],
    ["text.mmdb", Buffer.from("192.0.2.0/24 DE\n".repeat(100)), /is no MaxMind database/],
  ];
  const folder = temporaryFolder(t);
  const refused = async (file: string, said: RegExp) => {
    const parameters = ["geoip", "-p", "http://127.0.0.1:1", "-i", "ip", "-d", file];
    const { code, output } = await runProgram(parameters, { QUERY: "up" });
    assert.equal(code, 2, output);
    assert.match(output, said);
    assert.match(output, /-d: .*a MaxMind DB of cities is expected/);
  };
  for (const [name, bytes, said] of cases) {
    writeFileSync(join(folder, name), bytes);
    await refused(join(folder, name), said);
  }
  await refused(join(folder, "nothing.mmdb"), /cannot be read: ENOENT/);
});

for (const [what, parameters, said] of wrong) {
  test(`wrong flags end it with 2, in words: ${what}`, async () => {
    const { code, output } = await runProgram(["geoip", ...parameters]);
    assert.equal(code, 2, output);
    assert.match(output, said);
  });
}
