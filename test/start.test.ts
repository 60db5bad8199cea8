import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { sendDatagrams } from "./pretend-exporter.ts";
import { freePort, runProgram, startProgram, temporaryFolder, until } from "./program.ts";

const local = (folder: string, flowPort: number) => [
  ...["--data", folder],
  ...["--listen", "127.0.0.1:0"],
  ...["--flows", `udp://127.0.0.1:${flowPort}`],
];

test("a TCP port that is taken: exit 2, which port, and what instead", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  const flows = ["--flows", `udp://127.0.0.1:${await freePort()}`];
  const { code, output } = await runProgram([
    "server",
    "--data",
    temporaryFolder(t),
    "--listen",
    `127.0.0.1:${port}`,
    ...flows,
  ]);
  assert.equal(code, 2, output);
  assert.match(output, new RegExp(`127\\.0\\.0\\.1:${port} is already in use: .*--listen`));
});

test("a UDP port that is taken: exit 2, which port, and what instead", async (t) => {
  const taken = createSocket("udp4").bind(0, "127.0.0.1");
  t.after(() => taken.close());
  await once(taken, "listening");
  const { port } = taken.address();
  const { code, output } = await runProgram(["server", ...local(temporaryFolder(t), port)]);
  assert.equal(code, 2, output);
  assert.match(output, new RegExp(`127\\.0\\.0\\.1:${port} is already in use: .*--flows`));
});

for (const [name, parameters, expected] of [
  ["an unknown command", ["upp"], /unknown command 'upp'.*up/s],
  [
    "an unknown flag",
    ["up", "--flow"],
    /^error: unknown option '--flow'\n.*--flows.*\n\(portolan up --help lists what is accepted\)\n$/,
  ],
  ["a bad address", ["up", "--listen", "8080"], /--listen: "8080" is not HOST:PORT/],
  ["a bad listener", ["up", "--flows", "tcp://0.0.0.0:1"], /--flows.*udp:\/\/ADDRESS:PORT/],
  [
    "an open address without a word on credentials",
    ["up", "--listen", "0.0.0.0:8080"],
    /auth: \{ingestTokens.*auth: none/,
  ],
  ["a log level that is none", ["up", "--log", "loud"], /--log: .*error, warn, info/],
  ["a configuration file that is not there", ["up", "--config", "/nonexistent.yaml"], /\/nonexistent\.yaml/],
] as const) {
  test(`${name}: exit 2 and what is accepted`, async () => {
    const { code, output } = await runProgram(parameters);
    assert.equal(code, 2, output);
    assert.match(output, expected);
  });
}

test("every problem of a configuration file is told at once, with its line", async (t) => {
  const file = join(temporaryFolder(t), "portolan.yaml");
  writeFileSync(
    file,
    "listen: 127.0.0.1:99999\nstor:\n  flows: 7d\nagent:\n  connections: many\nstore:\n  size: 0GB\n",
  );
  const { code, output } = await runProgram(["up", "--config", file]);
  assert.equal(code, 2, output);
  assert.match(output, new RegExp(`${file}:1: listen: `));
  assert.match(output, new RegExp(`${file}:2: stor: no such setting; accepted here: .*store`));
  assert.match(output, new RegExp(`${file}:5: agent.connections: `));
  assert.match(output, new RegExp(`${file}:7: store.size: .*such as 10GB`));
});

test("a damaged data folder: exit 1, nothing deleted", async (t) => {
  const folder = temporaryFolder(t);
  const first = await startProgram(["server", ...local(folder, await freePort())]);
  await first.stop();
  const file = join(folder, "portolan.duckdb");
  writeFileSync(file, "this is no database");
  const { code, output } = await runProgram(["server", ...local(folder, await freePort())]);
  assert.equal(code, 1, output);
  assert.match(output, /store_damaged/);
  assert.match(output, /portolan\.duckdb/);
});

test("a data folder that cannot be made: exit 1 and why", async () => {
  const { code, output } = await runProgram(["server", ...local("/proc/portolan/data", await freePort())]);
  assert.equal(code, 1, output);
  assert.match(output, /\/proc\/portolan\/data: not writable.*store_folder/);
});

test("a data folder that another Portolan uses: exit 1 and why", async (t) => {
  const folder = temporaryFolder(t);
  const first = await startProgram(["server", ...local(folder, await freePort())]);
  t.after(() => first.stop("SIGKILL"));
  const { code, output } = await runProgram(["server", ...local(folder, await freePort())]);
  assert.equal(code, 1, output);
  assert.match(output, /store_in_use/);
});

/** Ways to start the program with one thing missing. Each needs root to take it away. */
const lacking = [
  ["privileges", ["setpriv", "--bounding-set=-all", "--inh-caps=-all"], /needs root/, /sudo \.\/portolan up/],
  [
    "BTF",
    ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"],
    /btf\/vmlinux is missing/,
    /DEBUG_INFO_BTF/,
  ],
] as const;
const skip = process.getuid?.() === 0 ? false : "only root can take these away";

for (const [what, through, reason, remedy] of lacking) {
  test(`without ${what} it runs all the same, TCP by sock_diag, and says what would change that`, {
    skip,
  }, async (t) => {
    const program = await startProgram(["up", ...local(temporaryFolder(t), await freePort())], through);
    t.after(() => program.stop("SIGKILL"));
    type Agent = { state: string; way: string; limits: { reason: string; remedy: string }[] };
    const { agent } = await program.get<{ agent: Agent & { datagrams: { state: string } } }>(
      "/api/v1/status",
    );
    assert.deepEqual([agent.state, agent.way, agent.datagrams.state], ["on", "sock_diag", "off"]);
    assert.match(agent.limits[0]!.reason, reason);
    assert.match(agent.limits[0]!.remedy, remedy);
    assert.match(program.output(), /sees less than eBPF/);
    assert.match(program.output(), reason);
    assert.equal((await fetch(`${program.url}/readyz`)).status, 200);
  });
}

test("it is called portolan, by whoever tells of processes", async (t) => {
  const program = await startProgram(["server", ...local(temporaryFolder(t), await freePort())]);
  t.after(() => program.stop("SIGKILL"));
  const { pid } = program.child;
  assert.equal(readFileSync(`/proc/${pid}/comm`, "utf8"), "portolan\n");
  assert.match(readFileSync(`/proc/${pid}/cmdline`, "utf8"), /main\.ts\0server\0--data\0/);
});

test("garbage datagrams are counted by reason and exporter, and nothing else happens", async (t) => {
  const flowPort = await freePort();
  const program = await startProgram(["server", ...local(temporaryFolder(t), flowPort)]);
  t.after(() => program.stop("SIGKILL"));
  const garbage = [
    Buffer.from("hello"),
    Buffer.alloc(1400, 0xff),
    Buffer.from([0, 9]),
    Buffer.from([0, 10, 0, 200, 1, 2]),
    Buffer.alloc(0),
  ];
  await sendDatagrams(flowPort, garbage);
  const metrics = await until("the drops are counted", async () => {
    const text = await (await fetch(`${program.url}/metrics`)).text();
    const counts = [
      ...text.matchAll(/^portolan_drops_total\{reason="(\w+)",source="127\.0\.0\.1"\} (\d+)$/gm),
    ];
    return counts.reduce((sum, [, , count]) => sum + Number(count), 0) >= garbage.length ? counts : undefined;
  });
  assert.deepEqual([...new Set(metrics.map(([, reason]) => reason))].sort(), [
    "message_truncated",
    "version_unknown",
  ]);
  assert.equal((await fetch(`${program.url}/readyz`)).status, 200);
});
