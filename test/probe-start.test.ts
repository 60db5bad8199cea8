import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { connection, totalsOf, writeCapture } from "./capture.ts";
import { temporaryFolder } from "./program.ts";

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

/** Reads the capture as a launcher that has looked would, with more flags for V8 and an environment. */
function read(flags: readonly string[] = [], environment = {}): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...launcherFlags, ...flags, place("probe-start.cjs"), "probe", "-r", place("own.pcap"), "-v", "9"],
    { encoding: "utf8", env: { ...process.env, PORTOLAN_LAUNCHER_LOOKS: "1", ...environment } },
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

/** Where in a compiled file V8's cache begins, where source and list do, and where all do once more. */
function placesIn(bytes: Buffer) {
  const source = 16 + bytes.readUInt32LE(4);
  const list = source + bytes.readUInt32LE(8);
  return { cache: 16, source, list, again: list + bytes.readUInt32LE(12) };
}

test("a probe starts from its one file, and leaves what V8 made of it where it is told to", () => {
  read([], { PORTOLAN_PROBE_COMPILED: place("probe.ready"), PORTOLAN_PROBE_SOURCES: "image" });
  const bytes = readFileSync(place("probe.ready"));
  const places = placesIn(bytes);
  const source = bytes.toString("utf8", places.source, places.list);
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
  const { cache, source, list } = placesIn(readFileSync(place("probe.ready")));
  const isRejected = (flags: readonly string[]) => {
    const places = [cache, source, list].map(String);
    return execFileSync(process.execPath, [...flags, "-e", program, place("probe.ready"), ...places], {
      encoding: "utf8",
    });
  };
  assert.equal(isRejected(launcherFlags), "false\n");
  assert.equal(isRejected([]), "true\n");
  assert.equal(isRejected([...launcherFlags, "--max-lazy"]), "true\n");
});

test("what the launcher looks at for changes has every module that is in the file", () => {
  const text = readFileSync(place("probe-main.cjs"), "utf8") + readFileSync(place("probe-start.cjs"), "utf8");
  const modules = [...text.matchAll(/^\/\/ (src\/.*\.ts)$/gm)].map(([, path]) => path!);
  assert.ok(modules.length > 50);
  const rooms = assignment("probe_rooms").split(" ");
  assert.deepEqual(
    modules.filter((path) => !rooms.some((room) => path.startsWith(`${room}/`))),
    [],
  );
});

test("it starts when all is as it was when it was made, and else becomes the launcher", (t) => {
  const project = fileURLToPath(new URL("..", import.meta.url));
  const root = temporaryFolder(t);
  const at = (path: string) => join(root, path);
  const copy = (path: string) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    copyFileSync(join(project, path), at(path));
  };
  const rooms = assignment("probe_rooms").split(" ");
  const listed = ["tsconfig.json", "package-lock.json"];
  const sources = execFileSync("find", [...rooms, "-name", "*.ts", "-not", "-name", "*.test.ts"], {
    cwd: project,
    encoding: "utf8",
  });
  for (const path of [...sources.trim().split("\n"), ...listed]) copy(path);
  writeFileSync(at("portolan"), '#!/bin/sh\necho "looks $PORTOLAN_LAUNCHER_LOOKS: $*"\n'); // no mode bits, as on some shares
  const cache = "node_modules/.cache/portolan";
  mkdirSync(at(cache), { recursive: true });
  symlinkSync(join(project, "node_modules/@koromix"), at("node_modules/@koromix"));
  for (const name of ["probe-start.cjs", "probe-main.cjs"]) copyFileSync(place(name), at(`${cache}/${name}`));
  const parameters = ["probe", "-r", place("own.pcap"), "-v", "9"];
  const start = (environment = {}) => {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [...launcherFlags, at(`${cache}/probe-start.cjs`), ...parameters],
      { encoding: "utf8", env: { ...process.env, ...environment } },
    );
    assert.equal(stderr, "");
    return /^Packets processed: \d+$/m.test(stdout) ? "started" : stdout;
  };
  /** As the launcher lists them. */
  const make = () => {
    const files = [...rooms, "portolan", ...listed];
    const list = execFileSync("find", [...files, "-type", "f", "-printf", "%p %s %T@ %C@\\n"], {
      cwd: root,
      encoding: "utf8",
    });
    const PORTOLAN_PROBE_SOURCES = `${root}\n${list.trimEnd()}`;
    assert.equal(
      start({ PORTOLAN_PROBE_COMPILED: at(`${cache}/probe.ready`), PORTOLAN_PROBE_SOURCES }),
      "started",
    );
  };
  const looked = `looks 1: ${parameters.join(" ")}\n`;
  assert.equal(start(), looked, "nothing tells what it was made of");
  make();
  assert.equal(start(), "started");

  const source = at("src/probe/flow-table.ts");
  const { atime, mtime, size } = statSync(source);
  const changes: Record<string, () => void> = {
    "a source": () => writeFileSync(source, "longer".repeat(size)),
    "an older source, as rsync -a and tar leave it": () => utimesSync(source, 1_000_000_000, 1_000_000_000),
    "another of the same length and time": () => {
      writeFileSync(source, "x".repeat(size));
      utimesSync(source, atime, mtime);
      make();
      writeFileSync(source, "y".repeat(size));
      utimesSync(source, atime, mtime);
    },
    "a module that only hands on others": () => appendFileSync(at("src/probe/index.ts"), "//\n"),
    "a source less": () => renameSync(source, `${source}.away`),
    "the launcher": () => appendFileSync(at("portolan"), "#\n"),
    "what the compiler is told": () => writeFileSync(at("tsconfig.json"), "{}"),
    "the packages": () => writeFileSync(at("package-lock.json"), "{}"),
    "that it lies elsewhere": () => renameSync(at("src"), `${at("src")}.away`),
  };
  for (const [what, change] of Object.entries(changes)) {
    assert.equal(start(), "started", `before ${what}`);
    change();
    assert.equal(start(), looked, what);
    assert.equal(
      start({ PORTOLAN_LAUNCHER_LOOKS: "1" }),
      "started",
      "a launcher that has looked is believed",
    );
    for (const path of [at("src"), source]) if (existsSync(`${path}.away`)) renameSync(`${path}.away`, path);
    make();
  }
  for (const path of ["src/query/a.ts", "src/probe/flow-index.test.ts"]) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), "no part of it");
    assert.equal(start(), "started", path);
  }
});

test("launcher and probe put together: made once, and anew when a source has changed", (t) => {
  const project = fileURLToPath(new URL("..", import.meta.url));
  const root = temporaryFolder(t);
  const link = (folder: string) => {
    mkdirSync(join(root, folder), { recursive: true });
    for (const name of readdirSync(join(project, folder)))
      if (name !== ".cache") symlinkSync(join(project, folder, name), join(root, folder, name));
  };
  cpSync(join(project, "src"), join(root, "src"), { recursive: true });
  for (const name of ["portolan", "package.json", "package-lock.json", "tsconfig.json"])
    copyFileSync(join(project, name), join(root, name));
  link("node_modules");
  link("runtime");
  const probe = [join(root, "portolan"), "probe", "-r", place("own.pcap"), "-v", "9"];
  const run = (...before: string[]) => {
    const [command = "", ...parameters] = [...before, ...probe];
    const { stdout, stderr } = spawnSync(command, parameters, { encoding: "utf8" });
    assert.match(stdout, /^Packets processed: \d+$/m, stderr);
    return stderr;
  };
  const said = "portolan: putting the probe into one file\n";
  // Where there is no loopback there is nowhere to send to, and it is made all the same.
  const isRoot = process.getuid?.() === 0;
  assert.equal(isRoot ? run("unshare", "-n") : run(), said);
  assert.equal(run(), "");
  appendFileSync(join(root, "src/flow/address.ts"), "// another\n");
  assert.equal(run(), said);
  assert.equal(run(), "");
  // Another version's, which knows of no list, is not taken for it.
  const cache = join(root, "node_modules/.cache/portolan");
  renameSync(join(cache, "probe-start.cjs"), join(cache, "probe.cjs"));
  assert.equal(run(), said);
  assert.deepEqual(
    readdirSync(cache).filter((name) => /^probe\./.test(name)),
    ["probe.ready"],
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
  const kept = readFileSync(place("probe.ready"));
  rmSync(place("probe.ready"));
  read();
  writeFileSync(place("probe.ready"), kept);
});

test("one that is damaged is removed, and the probe starts from the file", () => {
  const whole = readFileSync(place("probe.ready"));
  const { cache: cacheAt, source: sourceAt, list: listAt, again } = placesIn(whole);
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
    "cut in the source": whole.subarray(0, (sourceAt + listAt) >> 1),
    "cut before the list": whole.subarray(0, listAt),
    "cut before all is there again": whole.subarray(0, again),
    "longer than it was": Buffer.concat([whole, Buffer.alloc(1)]),
    "zeros from the middle of V8's cache": changed((bytes) => bytes.fill(0, (cacheAt + sourceAt) >> 1)),
    "a page of zeros in V8's cache": changed((bytes) => bytes.fill(0, 8192, 12_288)),
    "eight octets of V8's cache": flipped(cacheAt + 50_000, 8),
    "an octet of V8's cache": flipped((cacheAt + sourceAt) >> 1),
    "an octet of the source": flipped((sourceAt + listAt) >> 1),
    "an octet of the list": flipped(listAt + 1),
    "zeros from the source on": changed((bytes) => bytes.fill(0, sourceAt)),
    "the last octet": flipped(length - 1),
    "the magic": flipped(0),
    "the cache's length": flipped(4),
    "the source's length": flipped(11),
    "the list's length": flipped(12),
  };
  for (const [what, bytes] of Object.entries(damaged)) {
    writeFileSync(place("probe.ready"), bytes);
    read();
    assert.equal(existsSync(place("probe.ready")), false, what);
  }
  writeFileSync(place("probe.ready"), whole);
  read();
  assert.deepEqual(readFileSync(place("probe.ready")), whole);
});
