import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { connection, totalsOf, writeCapture } from "./capture.ts";

/** Where the modules that stay outside the one file are found. */
const cache = fileURLToPath(new URL("../node_modules/.cache/", import.meta.url));
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, "probe-start-"));
after(() => rmSync(folder, { recursive: true }));
const place = (name: string) => join(folder, name);
const flows = connection({ packets: 40, payloadBytes: 900 }, { packets: 70, payloadBytes: 1000 });
writeFileSync(place("own.pcap"), writeCapture(flows, 1_760_000_000));
const vite = fileURLToPath(new URL("../node_modules/vite/bin/vite.js", import.meta.url));
const config = fileURLToPath(new URL("../runtime/probe.vite.config.ts", import.meta.url));
execFileSync(process.execPath, [vite, "build", "--config", config, "--outDir", folder]);

/** Reads the capture, with flags for V8 and an environment. */
function read(flags: readonly string[] = [], environment = {}): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--v8-pool-size=0", ...flags, place("probe.cjs"), "probe", "-r", place("own.pcap"), "-v", "9"],
    { encoding: "utf8", env: { ...process.env, ...environment } },
  );
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, new RegExp(`^Packets processed: ${totalsOf(flows).packetCount}$`, "m"));
}

test("a probe starts from its one file, and leaves what V8 made of it where it is told to", () => {
  read([], { PORTOLAN_PROBE_COMPILED: place("probe.compiled") });
  const bytes = readFileSync(place("probe.compiled"));
  const source = bytes.toString("utf8", 4, 4 + bytes.readUInt32LE(0));
  const cachedData = bytes.subarray(4 + bytes.readUInt32LE(0));
  const script = new Script(source, { cachedData });
  assert.equal(script.cachedDataRejected, false);
  // Another text to V8, which else knows the one that it has already.
  const atLoad = new Script(`${source}\n`).createCachedData();
  assert.ok(cachedData.length > 1.5 * atLoad.length, "functions that were called are in it");
});

test("it starts from what V8 made, also where V8 does not take it; without, from the file", () => {
  renameSync(place("probe-main.cjs"), place("away.cjs"));
  read();
  read(["--max-lazy"]);
  renameSync(place("away.cjs"), place("probe-main.cjs"));
  rmSync(place("probe.compiled"));
  read();
  writeFileSync(place("probe.compiled"), "");
  read();
});
