import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ConfigError } from "../settings/index.ts";
import { formatPorts, printAnswer } from "./query-answers.ts";
import { formatCell } from "./query-cells.ts";
import { planQuery, type QueryFlags } from "./query-flags.ts";
import { pointAt, runQuery } from "./query-run.ts";
import { formatTable } from "./query-table.ts";

function problemsOf(flags: QueryFlags): readonly string[] {
  try {
    planQuery("", flags, {});
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return [];
}

test("the links of the last minutes are asked for when nothing else is; --by means the top", () => {
  const plan = planQuery("port:443", {}, {});
  assert.deepEqual(
    [plan.subject, plan.output, plan.parameters],
    ["links", "table", { filter: "port:443", limit: "20" }],
  );
  const top = planQuery("", { by: "port", limit: 3, raw: true, from: "-1h" }, {});
  assert.deepEqual(
    [top.subject, top.parameters],
    ["top", { by: "port", limit: "3", sampling: "raw", from: "-1h" }],
  );
  assert.equal(planQuery("", { by: "port", series: true }, {}).subject, "series");
});

test("of many ports a table names the heaviest, and says how many more there are", () => {
  const ports = [443, 80, 22, 25, 53, 8080].map((port) => ({ port, protocol: "tcp" }));
  assert.equal(formatPorts(ports), "443/tcp 80/tcp 22/tcp 25/tcp +2");
  assert.equal(formatPorts(ports.slice(0, 4)), "443/tcp 80/tcp 22/tcp 25/tcp");
});

test("the ending of a file says its form, unless it is said", () => {
  assert.equal(planQuery("", { write: "a.PARQUET" }, {}).output, "parquet");
  assert.equal(planQuery("", { write: "a.jsonl" }, {}).output, "ndjson");
  assert.equal(planQuery("", { write: "a.csv", output: "json" }, {}).output, "json");
  assert.deepEqual(problemsOf({ output: "parquet" }), [
    "-o parquet: a file is expected too, such as -w flows.parquet",
  ]);
});

test("flags that have nothing to do with each other are told, all of them", () => {
  assert.deepEqual(
    problemsOf({ top: true, diff: true, step: 5, server: "ftp://x", token: "a", tokenFile: "/nowhere" }),
    [
      "--top, --diff: one of them is expected",
      "--step: of --series only",
      '--server: "ftp://x" is no URL such as http://127.0.0.1:8080',
      "--token, --token-file: one of them is expected",
    ],
  );
  for (const server of ["host:8080", "file:///x", "http://"])
    assert.match(problemsOf({ server })[0] ?? "", /^--server: .* is no URL such as/, server);
  for (const server of ["http://me:secret@host", "http://:secret@host", "http://secret@host"])
    assert.deepEqual(problemsOf({ server }), [
      "--server: a URL without user and password is expected; --token-file FILE lets in",
    ]);
  assert.deepEqual(problemsOf({ tokenFile: "/nowhere" }), ["--token-file: /nowhere: ENOENT"]);
  assert.deepEqual(problemsOf({ data: "/x", token: "secret-of-mine" }), [
    "--token: not with --data, which asks no server",
  ]);
});

test("a token comes from a flag or the environment, and is in no error", () => {
  const plan = planQuery("", {}, { PORTOLAN_TOKEN: "from-the-environment" });
  assert.ok(plan.place.kind === "server" && plan.place.token === "from-the-environment");
  const [problem = ""] = problemsOf({ token: "has a blank" });
  assert.match(problem, /characters that no token has/);
  assert.doesNotMatch(problem, /has a blank/);
});

test("a mistake in a filter has a caret under it, also far to the right", () => {
  assert.equal(
    pointAt("port:443 nmae:curl", { message: "unknown field", position: 9, length: 4 }),
    "filter: unknown field\n  port:443 nmae:curl\n           ^^^^",
  );
  const long = `${"port:443 ".repeat(100)}nmae:curl`;
  const [, shown = "", carets = ""] = pointAt(long, { message: "x", position: 900, length: 4 }).split("\n");
  assert.equal(shown.slice(carets.indexOf("^"), carets.length), "nmae");
  assert.ok(shown.length < 130);
  const [, empty = "", caret = ""] = pointAt("a OR", { message: "x", position: 4, length: 0 }).split("\n");
  assert.deepEqual([empty, caret.indexOf("^")], ["  a OR", 6]);
});

for (const [kind, value, text] of [
  ["bytes", 0, "0 B"],
  ["bytes", 999, "999 B"],
  ["bytes", 1000, "1.00 kB"],
  ["bytes", 99_960, "100 kB"],
  ["bytes", 999_500, "1.00 MB"],
  ["bytes", 123_456_789, "123 MB"],
  ["bytes", 2 ** 60, "1.15 EB"],
  ["count", 999, "999"],
  ["count", 1234, "1.23 k"],
  ["milliseconds", 0.5, "0.50 ms"],
  ["milliseconds", 48.4, "48 ms"],
  ["milliseconds", 1500, "1.5 s"],
  ["factor", 0.171, "×0.17"],
  ["bytes", null, ""],
  ["text", "a\u001b[31mb\u202ec\nd", "a[31mbcd"],
] as const) {
  test(`a cell of ${kind} ${JSON.stringify(value)} is "${text}"`, () =>
    assert.equal(formatCell(kind, value), text));
}

test("a table stands in columns, figures to the right, and fits the terminal", () => {
  const table = {
    columns: [
      { title: "name", kind: "text" },
      { title: "sent", kind: "bytes" },
      { title: "packets", kind: "count" },
    ],
    rows: [
      ["nginx-7d4b9c5f6d-abcde", 1500, 7],
      ["b", 20_000_000, 123_456],
    ],
    note: "2 groups",
  } as const;
  assert.equal(
    formatTable(table, 100),
    [
      "name                       sent  packets",
      "nginx-7d4b9c5f6d-abcde  1.50 kB        7",
      "b                       20.0 MB    123 k",
      "",
      "2 groups",
      "",
    ].join("\n"),
  );
  for (const width of [40, 30, 22, 12, 1]) {
    const lines = formatTable(table, width).split("\n");
    for (const line of lines.slice(0, 3)) assert.ok(line.length <= Math.max(width, 10), `${width}: ${line}`);
  }
  assert.match(formatTable(table, 30), /nginx…abcde|nginx-\S*…\S*abcde/);
  assert.match(formatTable(table, 22), /1 columns do not fit, -o csv has them/);
});

/** A server that answers like this, and a folder for answers. */
async function createPlace(t: TestContext, answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const folder = mkdtempSync(join(tmpdir(), "portolan-query-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, folder };
}

test("what something else answers is no answer, also where it says 200", async (t) => {
  const { url: server, folder } = await createPlace(t, (_request, response) =>
    response.setHeader("content-type", "text/html; charset=utf-8").end("<!doctype html>"),
  );
  for (const write of ["a.txt", "a.json", "a.csv", "a.parquet"])
    await assert.rejects(runQuery("", { server, write: join(folder, write) }, {}), {
      code: "server_unknown",
      message: /text\/html in place of .*; is --server its address\?/,
    });
});

test("an answer that is cut off is told, whatever it is printed as", async (t) => {
  const types: Record<string, string> = { json: "application/json", ndjson: "application/x-ndjson" };
  const { url: server, folder } = await createPlace(t, (request, response) => {
    const format = new URL(request.url ?? "", "http://x").searchParams.get("format") ?? "";
    response.writeHead(200, { "content-type": types[format] ?? "text/csv", "content-length": "1000" });
    response.write(format === "ndjson" ? '{"a":1}\n' : '{"a":1', () => response.destroy());
  });
  for (const write of ["a.txt", "a.json", "a.csv", "a.parquet"])
    await assert.rejects(runQuery("", { server, write: join(folder, write) }, {}), {
      code: "answer_broken",
      message: /the answer ended early/,
    });
});

test("a file that cannot be written is told", async (t) => {
  const { url: server, folder } = await createPlace(t, (_request, response) =>
    response.setHeader("content-type", "text/csv").end("a\r\n1\r\n"),
  );
  await assert.rejects(runQuery("", { server, write: join(folder, "none", "a.csv") }, {}), {
    code: "answer_broken",
    message: /the answer could not be written: ENOENT/,
  });
});

test("a table in a file is as wide as its texts are, whatever the terminal", async (t) => {
  const name = "a-name-that-is-longer-than-the-terminal-of-whoever-asks";
  const rows = [{ group: [name], bytesSent: 1, bytesReceived: 2, packets: 3, rttMs: null }];
  const { url: server, folder } = await createPlace(t, (_request, response) =>
    response
      .setHeader("content-type", "application/json; charset=utf-8")
      .end(
        JSON.stringify({ from: 0, to: 60_000, by: ["client.name"], metric: "bytes", rows, groupsLeftOut: 0 }),
      ),
  );
  const { isTTY, columns } = process.stdout;
  t.after(() => Object.assign(process.stdout, { isTTY, columns }));
  Object.assign(process.stdout, { isTTY: true, columns: 30 });
  const write = join(folder, "top.txt");
  assert.equal(await runQuery("", { server, by: "client.name", write }, {}), 0);
  assert.match(readFileSync(write, "utf8"), new RegExp(name));
});

test("names that were looked up stand in a table with what failed, and by whom they are is a filter of peers", async (t) => {
  const asked: string[] = [];
  const names = [
    {
      ...{ name: "gone.example", queries: 12, answers: 12, failures: 12, timedOut: 1, peers: 2 },
      ...{ failureCounts: { NXDOMAIN: 11, other: 1 }, latencyMeanMs: 1.5, latencyMaxMs: 20, lastSeen: 0 },
    },
    {
      ...{
        name: "a.example.lan",
        queries: 2,
        answers: 0,
        failures: 0,
        timedOut: 0,
        peers: 1,
        failureCounts: {},
      },
      ...{ latencyMeanMs: null, latencyMaxMs: null, lastSeen: 0, searchOf: "a.example" },
    },
  ];
  const { url: server, folder } = await createPlace(t, (request, response) => {
    asked.push(request.url!);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ from: 0, to: 3_600_000, names, namesLeftOut: 7 }));
  });
  const write = join(folder, "names.txt");
  assert.equal(await runQuery("namespace:shop", { server, names: true, write, output: "table" }, {}), 0);
  const [head, ...lines] = readFileSync(write, "utf8").split("\n");
  assert.match(head!, /^name +asked +failed +mean +longest +peers +last +search list of$/);
  assert.match(lines[0]!, /^gone\.example +12 +11 NXDOMAIN, 1 other, 1 timed out +1\.5/);
  assert.match(lines[1]!, /^a\.example\.lan +2 .* a\.example$/);
  assert.match(lines.join("\n"), /2 of 9 names; -n shows more/);
  assert.match(asked[0]!, /^\/api\/v1\/lookups\?filter=namespace%3Ashop&limit=30&format=json/);
  await assert.rejects(runQuery("port:53", { server, names: true }, {}), /fields of a peer only/);
  assert.equal(asked.length, 1);
  assert.deepEqual(problemsOf({ names: true, by: "port" }), ["--by: of --top, --series only"]);
});

test("how many there are is said below the table: one is one", () => {
  const top = (count: number, groupsLeftOut: number) =>
    printAnswer.top({
      ...{ from: 0, to: 60_000, by: ["port"], metric: "bytes", groupsLeftOut },
      rows: Array.from({ length: count }, () => ({ group: ["443"] })),
    } as never).note;
  assert.match(top(1, 0), /: 1 group$/);
  assert.match(top(2, 0), /: 2 groups$/);
  assert.match(top(1, 2), /: 1 of 3 groups; -n shows more$/);
  assert.match(printAnswer.flows([] as never).note, /^0 records as/);
});
