import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCommandLine, readCommandLine } from "./command-line.ts";

const lines: [string, string[], string][] = [
  [
    "a program and its parameters",
    ["python3", "/opt/app.py", "--port", "80", ""],
    "python3 /opt/app.py --port 80",
  ],
  ["a password as a value", ["psql", "--password=hunter2", "-h", "db", ""], "psql --password=… -h db"],
  [
    "a password as the next parameter",
    ["redis-cli", "--pass", "hunter2", "ping", ""],
    "redis-cli --pass … ping",
  ],
  ["a token in an assignment", ["env", "API_TOKEN=abc", "curl", ""], "env API_TOKEN=… curl"],
  ["a password with an equals sign", ["x", "--db-password=a=b", ""], "x --db-password=…"],
  [
    "a password in an address",
    ["pgbouncer", "postgres://app:hunter2@db:5432/shop", ""],
    "pgbouncer postgres://app:…@db:5432/shop",
  ],
  ["a user in an address", ["curl", "ftp://me@host/", ""], "curl ftp://me@host/"],
  ["a parameter that only sounds alike", ["make", "passage=1", ""], "make passage=1"],
  [
    "a process that wrote over it",
    ["nginx: master process /usr/sbin/nginx"],
    "nginx: master process /usr/sbin/nginx",
  ],
  ["what controls terminals", ["x", "a\x1b[2J\n\u202eb", ""], "x a [2J b"],
  ["nothing", [""], ""],
];
for (const [what, parameters, expected] of lines) {
  test(`a command line: ${what}`, () => assert.equal(formatCommandLine(parameters.join("\0")), expected));
}

test("a long one is cut between characters, and says so", () => {
  const shown = formatCommandLine(`java\0${"😀".repeat(4000)}`);
  assert.equal([...shown].length, 300);
  assert.ok(shown.endsWith("😀…"));
});

test("this process has one; a process that has ended, none", () => {
  assert.ok(readCommandLine(`/proc/${process.pid}/cmdline`).includes("node"));
  assert.equal(readCommandLine("/proc/4194305/cmdline"), "");
});
