import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createDuckDBStore, storeDefaults } from "../src/store/index.ts";
import { SampleWorld, samplePods } from "../src/store/sample-records.ts";
import { freePort, startProgram, temporaryFolder } from "./program.ts";

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

async function query(parameters: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, ["--v8-pool-size=0", main, "query", ...parameters], {
    env: { ...process.env, ...environment },
  });
  const [out, err] = [child.stdout, child.stderr].map((stream) => {
    const told = { text: "" };
    stream.on("data", (data) => (told.text += data));
    return told;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out: out!.text, err: err!.text };
}

test("history is asked for from a folder, and of a server that has it open; what is wrong is told", async (t) => {
  const folder = temporaryFolder(t);
  const data = join(folder, "data");
  const world = new SampleWorld(20_261_121);
  const store = createDuckDBStore({ ...storeDefaults, folder: data }, world);
  await store.start();
  const start = Math.floor(Date.now() / 60_000) * 60_000 - 10 * 60_000;
  const records = world.records(1500, start, 300_000);
  store.append(world.batch(records));
  store.appendAsked([world.asked(world.peers.intern(samplePods[0]!), "a.example")], start, "web-1");
  await store.commit();
  await store.stop();
  const counting = records.filter(({ isDuplicate }) => !isDuplicate);
  const connections = counting.reduce((sum, record) => sum + record.connections, 0);
  const all = ["--from", String(start), "--to", String(start + 300_000)];

  const ofFolder = await query(["--data", data, "--by", "protocol", "-o", "ndjson", ...all]);
  assert.deepEqual([ofFolder.code, ofFolder.err], [0, ""]);
  const rows = ofFolder.out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(
    rows.reduce((sum, row) => sum + row.connections, 0),
    connections,
  );

  const table = await query(["--data", data, "port:443", "-n", "2", ...all]);
  assert.equal(table.code, 0, table.err);
  assert.match(table.out, /^client +server +ports +sent +received/);
  assert.match(table.out, /2 of \d+ links; -n shows more/);

  const parquet = join(folder, "it's.parquet");
  const written = await query(["--data", data, "--flows", "-n", "2000", "-w", parquet, ...all]);
  assert.deepEqual([written.code, written.out, written.err], [0, "", ""]);
  assert.equal(readFileSync(parquet).subarray(0, 4).toString(), "PAR1");
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const reader = await connection.runAndReadAll(
    `SELECT count(*)::INTEGER, sum("octetDeltaCount")::DOUBLE, any_value(typeof("octetDeltaCount")), any_value(typeof("sourcePeerName")) FROM '${parquet.replaceAll("'", "''")}'`,
  );
  const octets = records.reduce((sum, record) => sum + record.octets, 0);
  assert.deepEqual(reader.getRowsJS(), [[1500, octets, "BIGINT", "VARCHAR"]]);

  const names = await query(["--data", data, "--names", "namespace:shop", "-o", "csv", ...all]);
  assert.deepEqual([names.code, names.out.split("\r\n")[1]?.split(",")[0]], [0, "a.example"]);

  const wrong = await query(["--data", data, "port:443", "nmae:x"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, / {2}port:443 nmae:x\n {11}\^\^\^\^\n/);
  assert.equal((await query(["--data", join(folder, "none")])).code, 1);

  const token = "token-of-this-test";
  const config = join(folder, "portolan.yaml");
  writeFileSync(config, `auth: { tokens: [${token}] }\n`);
  const flows = `udp://127.0.0.1:${await freePort()}`;
  const server = await startProgram([
    ...["server", "--listen", "127.0.0.1:0", "--flows", flows, "--data", data, "--config", config],
  ]);
  try {
    const inUse = await query(["--data", data]);
    assert.equal(inUse.code, 1);
    assert.match(inUse.err, /in use by process \d+ .*; while it runs, ask it: --server URL/);
    const asked = ["--server", server.url, "--by", "protocol", "-o", "ndjson", ...all];
    const ofServer = await query(asked, { PORTOLAN_TOKEN: token });
    assert.deepEqual([ofServer.code, ofServer.out], [0, ofFolder.out]);
    const stranger = await query(asked);
    assert.equal(stranger.code, 1);
    assert.match(stranger.err, /a token of auth\.tokens is expected.*--token-file FILE or PORTOLAN_TOKEN/s);
    const scraped = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    assert.deepEqual([(await fetch(`${server.url}/metrics`)).status, scraped.status], [401, 200]);
    assert.ok(!server.output().includes(token));
    const described = await fetch(`${server.url}/api/openapi.json`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { paths } = (await described.json()) as { paths: object };
    const questions = [
      "map",
      "top",
      "series",
      "flows",
      "diff",
      "lookups",
      "peers/{id}",
      "links/{id}",
      "fields",
      "values",
    ];
    const others = ["live", "exporters", "exporters/{address}", "agents", "status", "ingest", "reload"];
    for (const path of [...questions, ...others]) assert.ok(`/api/v1/${path}` in paths, path);
    writeFileSync(config, `auth: { tokens: [${token}-2] }\n`);
    server.child.kill("SIGHUP");
    while (!server.output().includes("was read again"))
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal((await query(asked, { PORTOLAN_TOKEN: token })).code, 1);
    assert.equal((await query(asked, { PORTOLAN_TOKEN: `${token}-2` })).code, 0);
  } finally {
    assert.equal(await server.stop(), 0);
  }
  const away = await query(["--server", server.url]);
  assert.deepEqual([away.code, /nobody listens there/.test(away.err)], [1, true]);
});
