import assert from "node:assert/strict";
import { test } from "node:test";
import { type CollectFlags, parseCollectFlags } from "./command-flags.ts";
import { flagTable, formatFlagHelp, idleFlags } from "./flag-table.ts";

function flagsOf(...parameters: string[]): CollectFlags {
  const parsed = parseCollectFlags(parameters);
  assert.equal(parsed.kind, "flags", JSON.stringify(parsed));
  return (parsed as { flags: CollectFlags }).flags;
}

function problemsOf(...parameters: string[]): string {
  const parsed = parseCollectFlags(parameters);
  assert.equal(parsed.kind, "problems", JSON.stringify(parsed));
  return (parsed as { problems: readonly string[] }).problems.join("\n");
}

test("without flags: GoFlow2's defaults", () => {
  assert.deepEqual(flagsOf(), {
    listen: [
      { scheme: "sflow", host: "", port: 6343, count: 1 },
      { scheme: "netflow", host: "", port: 2055, count: 1 },
    ],
    http: { host: "", port: 8080 },
    format: "json",
    file: "",
    separator: "\n",
    templatesPath: "/templates",
    templateMilliseconds: 0,
    templatesFile: undefined,
    logLevel: "info",
    logFormat: "normal",
    errorCount: 10,
    errorMilliseconds: 10_000,
  });
});

test("the seed manifest's arguments", () => {
  const flags = flagsOf("-listen", "netflow://:2055", "-transport", "stdout", "-format", "json");
  assert.deepEqual(flags.listen, [{ scheme: "netflow", host: "", port: 2055, count: 1 }]);
  assert.equal(flags.file, "");
});

test("one dash or two, a value behind an equals sign or as the next argument, the last one counts", () => {
  for (const parameters of [["-format", "bin"], ["--format", "bin"], ["-format=bin"], ["--format=bin"]])
    assert.equal(flagsOf("-format=text", ...parameters).format, "bin");
  assert.equal(flagsOf("-transport.file.sep=").separator, "");
  assert.equal(flagsOf("-transport.file.sep", "a=b\n").separator, "a=b\n");
  assert.equal(flagsOf("-transport.file=-x").file, "-x");
});

test("where to listen: schemes, hosts, query", () => {
  const text = "flow://127.0.0.1:1?count=3&workers=8,sflow://[2001:db8::1]:6343?blocking=true&queue_size=0";
  assert.deepEqual(flagsOf("-listen", `${text}, netflow://localhost:9`).listen, [
    { scheme: "flow", host: "127.0.0.1", port: 1, count: 3 },
    { scheme: "sflow", host: "2001:db8::1", port: 6343, count: 1 },
    { scheme: "netflow", host: "127.0.0.1", port: 9, count: 1 },
  ]);
  assert.equal(flagsOf("-listen", "netflow://:2055?count=0").listen[0]?.count, 1);
});

test("where HTTP is, and how long things are", () => {
  assert.deepEqual(flagsOf("-addr", "[::1]:9").http, { host: "::1", port: 9 });
  assert.deepEqual(flagsOf("-addr", "127.0.0.1:0").http, { host: "127.0.0.1", port: 0 });
  assert.equal(flagsOf("-addr=").http, undefined);
  assert.equal(flagsOf("-err.int", "1m30.5s").errorMilliseconds, 90_500);
  assert.equal(flagsOf("-templates.ttl", "0").templateMilliseconds, 0);
  assert.equal(flagsOf("-templates.ttl", "250ms").templateMilliseconds, 250);
});

for (const [parameters, expected] of [
  [["-lisen", "netflow://:1"], /-lisen is no flag: did you mean -listen; .* -h/],
  [["-transport.fiel", "x"], /did you mean -transport\.file/],
  [["netflow://:2055"], /netflow:\/\/:2055 is no flag/],
  [["-bogus"], /^-bogus is no flag[^\n]*$/],
  [["-bogus", "x", "-format", "xml"], /^-bogus is no flag[^\n]*\n-format: xml is not one of [^\n]*$/],
  [["-bogus", "-format", "xml"], /^-bogus is no flag[^\n]*\n-format: xml is not one of [^\n]*$/],
  [["-format"], /-format needs a value/],
  [["-format", "xml"], /-format: xml is not one of json, text, bin/],
  [["-transport", "kafka"], /-transport: kafka is not built yet: /],
  [["-transport", "nats"], /-transport: nats is not one of file, stdout/],
  [["-transport", "stdout", "-transport.file", "x"], /-transport\.file: -transport stdout writes no file/],
  [["-produce", "raw"], /-produce: only sample is built/],
  [["-mapping", "m.yaml"], /-mapping: mapping files are not built yet/],
  [["-listen", ""], /-listen: an empty text is not SCHEME/],
  [["-listen", "tcp://:1"], /-listen: tcp:\/\/:1 is not SCHEME.*flow, netflow, sflow.*netflow:\/\/:2055/],
  [["-listen", "netflow://router:2055"], /router is no address/],
  [["-listen", "netflow://[10.0.0.1]:2055"], /10\.0\.0\.1 is no address/],
  [["-listen", "netflow://:70000"], /port 70000/],
  [["-listen", "netflow://:1?count=x"], /count is a whole number, not x/],
  [["-listen", "netflow://:1?count=65"], /count is at most 64/],
  [["-listen", "netflow://:1?blocking=2"], /blocking is true or false/],
  [["-listen", "netflow://:1?sockets=2"], /sockets is not known; accepted are count, workers/],
  [["-addr", "8080"], /-addr: 8080 is not HOST:PORT/],
  [["-addr", ":65536"], /-addr: :65536/],
  [["-err.int", "10"], /-err\.int: 10 is no duration/],
  [["-err.cnt", "-1"], /-err\.cnt: -1 is no whole number/],
  [["-loglevel", "loud"], /-loglevel: loud is not one of debug, info, warn, error/],
] as const) {
  test(`${parameters.join(" ")}: what is wrong and what is accepted`, () => {
    assert.match(problemsOf(...parameters), expected);
  });
}

test("every problem at once", () => {
  assert.equal(problemsOf("-format=x", "-transport=y", "-addr=z", "-q=1").split("\n").length, 4);
});

test("flags that mean nothing without Kafka are taken", () => {
  for (const name of idleFlags) flagsOf(`-${name}=1`);
});

test("help and version come before everything else", () => {
  for (const name of ["-h", "--help", "-help"])
    assert.equal(parseCollectFlags(["-format=xml", name]).kind, "help");
  assert.equal(parseCollectFlags(["-v"]).kind, "version");
  const help = formatFlagHelp();
  for (const { name, fallback } of flagTable) {
    const line = new RegExp(`^  -${name.replaceAll(".", "\\.")} .*$`, "m").exec(help)?.[0] ?? "";
    if (name !== "v" && fallback !== "") assert.ok(line.includes(JSON.stringify(fallback)), line);
  }
});
