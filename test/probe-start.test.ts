import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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

/** Reads the capture as the launcher would, with more flags for V8 and an environment. */
function read(flags: readonly string[] = [], environment = {}): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...launcherFlags, ...flags, place("probe.cjs"), "probe", "-r", place("own.pcap"), "-v", "9"],
    { encoding: "utf8", env: { ...process.env, ...environment } },
  );
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, new RegExp(`^Packets processed: ${totalsOf(flows).packetCount}$`, "m"));
}

const launcherFlags = assignment("probe_flags").split(" ");

/** What the launcher sets a variable of its own to. */
function assignment(name: string): string {
  const launcher = readFileSync(new URL("../portolan", import.meta.url), "utf8");
  return new RegExp(`^${name}="(.*)"$`, "m").exec(launcher)![1]!;
}

/** Where in a compiled file V8's cache begins, where the source does, and where both do once more. */
function placesIn(bytes: Buffer) {
  const source = 12 + bytes.readUInt32LE(4);
  return { cache: 12, source, again: source + bytes.readUInt32LE(8) };
}

test("a probe starts from its one file, and leaves what V8 made of it where it is told to", () => {
  read([], { PORTOLAN_PROBE_COMPILED: place("probe.compiled") });
  const bytes = readFileSync(place("probe.compiled"));
  const places = placesIn(bytes);
  const source = bytes.toString("utf8", places.source, places.again);
  const cachedData = bytes.subarray(places.cache, places.source);
  const atLoad = new Script(source).createCachedData();
  assert.ok(cachedData.length > 1.5 * atLoad.length, "functions that were called are in it");
});

test("V8 takes what it has compiled with the launcher's flags, and with no others", () => {
  const program = `
    const { Script } = require("node:vm");
    const bytes = require("node:fs").readFileSync(process.argv[1]);
    const [start, end, again] = process.argv.slice(2).map(Number);
    const script = new Script(bytes.toString("latin1", end, again), { cachedData: bytes.subarray(start, end) });
    console.log(script.cachedDataRejected);`;
  const { cache, source, again } = placesIn(readFileSync(place("probe.compiled")));
  const isRejected = (flags: readonly string[]) => {
    const places = [cache, source, again].map(String);
    return execFileSync(process.execPath, [...flags, "-e", program, place("probe.compiled"), ...places], {
      encoding: "utf8",
    });
  };
  assert.equal(isRejected(launcherFlags), "false\n");
  assert.equal(isRejected([]), "true\n");
  assert.equal(isRejected([...launcherFlags, "--max-lazy"]), "true\n");
});

test("what the launcher looks at for changes has every module that is in the file", () => {
  const text = readFileSync(place("probe-main.cjs"), "utf8") + readFileSync(place("probe.cjs"), "utf8");
  const modules = [...text.matchAll(/^\/\/ (src\/.*\.ts)$/gm)].map(([, path]) => path!);
  assert.ok(modules.length > 50);
  const rooms = assignment("probe_rooms").split(" ");
  assert.deepEqual(
    modules.filter((path) => !rooms.some((room) => path.startsWith(`${room}/`))),
    [],
  );
});

test("a capture is read without Node's streams, sockets, look-ups and measures, which a start would wait for", () => {
  const list = place("list.cjs");
  writeFileSync(
    list,
    'process.once("exit", () => require("node:fs").writeFileSync(__dirname + "/list.json", JSON.stringify(process.moduleLoadList)));',
  );
  read(["--require", list]);
  const loaded: string[] = JSON.parse(readFileSync(place("list.json"), "utf8"));
  assert.ok(loaded.includes("NativeModule fs"));
  assert.deepEqual(
    loaded.filter((name) =>
      /^NativeModule (stream|net|zlib|dns|child_process|tty|perf_hooks|module)$/.test(name),
    ),
    [],
  );
});

test("it starts from what V8 made, also where V8 does not take it; without, from the file", () => {
  renameSync(place("probe-main.cjs"), place("away.cjs"));
  read();
  read(["--max-lazy"]);
  renameSync(place("away.cjs"), place("probe-main.cjs"));
  const kept = readFileSync(place("probe.compiled"));
  rmSync(place("probe.compiled"));
  read();
  writeFileSync(place("probe.compiled"), kept);
});

test("one that is damaged is removed, and the probe starts from the file", () => {
  const whole = readFileSync(place("probe.compiled"));
  const { cache: cacheAt, source: sourceAt, again } = placesIn(whole);
  const { length } = whole;
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(whole);
    change(bytes);
    return bytes;
  };
  const flipped = (at: number, count = 1) =>
    changed((bytes) =>
      bytes.set(
        bytes.subarray(at, at + count).map((octet) => octet ^ 0xff),
        at,
      ),
    );
  const damaged: Record<string, Buffer> = {
    empty: Buffer.alloc(0),
    zeros: Buffer.alloc(length),
    "cut in the head": whole.subarray(0, 10),
    "cut after the head": whole.subarray(0, cacheAt),
    "cut in V8's cache": whole.subarray(0, (cacheAt + sourceAt) >> 1),
    "cut before the source": whole.subarray(0, sourceAt),
    "cut in the source": whole.subarray(0, (sourceAt + again) >> 1),
    "cut before all is there again": whole.subarray(0, again),
    "longer than it was": Buffer.concat([whole, Buffer.alloc(1)]),
    "zeros from the middle of V8's cache": changed((bytes) => bytes.fill(0, (cacheAt + sourceAt) >> 1)),
    "a page of zeros in V8's cache": changed((bytes) => bytes.fill(0, 8192, 12_288)),
    "eight octets of V8's cache": flipped(cacheAt + 50_000, 8),
    "an octet of V8's cache": flipped((cacheAt + sourceAt) >> 1),
    "an octet of the source": flipped((sourceAt + again) >> 1),
    "zeros from the source on": changed((bytes) => bytes.fill(0, sourceAt)),
    "the last octet": flipped(length - 1),
    "the magic": flipped(0),
    "the cache's length": flipped(4),
    "the source's length": flipped(11),
  };
  for (const [what, bytes] of Object.entries(damaged)) {
    writeFileSync(place("probe.compiled"), bytes);
    read();
    assert.equal(existsSync(place("probe.compiled")), false, what);
  }
  writeFileSync(place("probe.compiled"), whole);
  read();
  assert.deepEqual(readFileSync(place("probe.compiled")), whole);
});
