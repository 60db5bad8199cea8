import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./program.ts";

const launcher = fileURLToPath(new URL("../portolan", import.meta.url));

/** Runs the launcher, as somebody who may not install anything, with some commands replaced by scripts. */
function launch(
  t: { after(fn: () => void): void },
  parameters: string[],
  commands: Record<string, string> = {},
) {
  const folder = temporaryFolder(t);
  for (const [name, script] of Object.entries(commands)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const PATH = `${folder}:${process.env.PATH}`;
  const { status, stdout, stderr } = spawnSync(launcher, parameters, {
    env: { ...process.env, PATH, PORTOLAN_NO_INSTALL: "1" },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("when everything is set up it says nothing of its own", (t) => {
  const { status, stdout, stderr } = launch(t, ["--version"]);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test("a Debian package that it may not install: the exact command, and on without it", (t) => {
  const { status, stdout, stderr } = launch(t, ["doctor"], { "dpkg-query": "exit 1" });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /sudo apt-get install libbpf1\n/);
  assert.match(stdout, /collector and page +yes/);
});

test("it may be called from any folder", (t) => {
  const folder = temporaryFolder(t);
  const { status, stdout } = spawnSync(launcher, ["--version"], { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0);
  assert.match(stdout, /^\d/);
});

test("its exit code is the program's", (t) => {
  const { status, stderr } = launch(t, ["no-such-command"]);
  assert.equal(status, 2);
  assert.match(stderr, /unknown command 'no-such-command'/);
});

/** A checkout whose page is older than its sources, and where nothing can be built, unless what Node does with vite is said. */
function staleCheckout(
  t: { after(fn: () => void): void },
  isBuilt: boolean,
  vite = 'echo "no room to build" >&2; exit 1',
  root = temporaryFolder(t),
) {
  const write = (path: string, body: string, mode = 0o644) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), body, { mode });
  };
  write("portolan", text, 0o755);
  const says = `case "$*" in *vite.js*) ${vite} ;; *main.ts* | *probe-start.cjs*) echo "ran $*" ;; esac`;
  write("runtime/node_modules/node/bin/node", `#!/bin/sh\n${says}\n`, 0o755);
  for (const place of ["runtime/package-lock.json", "runtime/node_modules/.portolan-installed"])
    write(place, "{}");
  for (const place of ["package-lock.json", "node_modules/.portolan-installed"]) write(place, "{}");
  const rooms = /^probe_rooms="(.*)"$/m.exec(text)![1]!.split(" ");
  for (const place of [
    "web/main.tsx",
    ...[...rooms, "src/query", "src/topology"].map((room) => `${room}/a.ts`),
  ])
    write(place, "");
  for (const place of ["tsconfig.json", "runtime/probe.vite.config.ts"]) write(place, "");
  if (isBuilt) write("web/dist/index.html", "");
  return (command: string, environment: Record<string, string> = { PORTOLAN_LAUNCHER_LOOKS: "1" }) =>
    spawnSync(join(root, "portolan"), [command], {
      env: { ...process.env, PATH: `${root}:${process.env.PATH}`, PORTOLAN_NO_INSTALL: "1", ...environment },
      encoding: "utf8",
    });
}

test("who shows no page needs none; who does shows the one from before where it cannot be built", (t) => {
  const withOld = staleCheckout(t, true);
  for (const command of ["agent", "collect", "probe"]) {
    const { status, stdout, stderr } = withOld(command);
    assert.deepEqual([status, stderr.includes("page")], [0, false], stderr);
    assert.match(stdout, /^ran .*main\.ts/m);
  }
  const shown = withOld("server");
  assert.equal(shown.status, 0, shown.stderr);
  assert.match(
    shown.stderr,
    /no room to build\nportolan: the page could not be built; the one that was built before/,
  );
  assert.match(shown.stdout, /^ran .*main\.ts server$/m);
  const { status, stderr } = staleCheckout(t, false)("server");
  assert.equal(status, 1);
  assert.match(stderr, /the page could not be built\n$/);
});

const putTogether = "portolan: putting the probe into one file\n";
const bundle = 'for outDir; do :; done; echo bundle | tee "$outDir/probe-start.cjs" >"$outDir/probe.ready"';

test("a probe starts from one file, which is put together anew when it is not of what is there", (t) => {
  const root = join(temporaryFolder(t), "it's in 'quotes'");
  const run = staleCheckout(t, false, bundle, root);
  const probe = () => {
    const { status, stdout, stderr } = run("probe");
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^ran .*node_modules\/\.cache\/portolan\/probe-start\.cjs probe\n$/);
    return stderr;
  };
  assert.equal(probe(), putTogether);
  const source = join(root, "src/flow/a.ts");
  const stamp = join(root, "node_modules/.cache/portolan/.probe-compiled");
  const first = statSync(source);
  const changes: Record<string, () => void> = {
    "a source": () => writeFileSync(source, "a longer one"),
    "an older source, as rsync -a and tar leave it": () => {
      writeFileSync(source, "older");
      utimesSync(source, 1_000_000_000, 1_000_000_000);
    },
    "another of the same length and time": () => {
      writeFileSync(source, "newer");
      utimesSync(source, 1_000_000_000, 1_000_000_000);
    },
    "the first one again": () => {
      writeFileSync(source, "");
      utimesSync(source, first.atime, first.mtime);
    },
    "a source less": () => rmSync(join(root, "src/packet/a.ts")),
    "how it is put together": () => writeFileSync(join(root, "runtime/probe.vite.config.ts"), "other"),
    "what the compiler is told": () => writeFileSync(join(root, "tsconfig.json"), "other"),
    "the launcher": () => writeFileSync(join(root, "portolan"), `${text}\n`),
    "the packages": () => {
      for (const place of ["package-lock.json", "node_modules/.portolan-installed"])
        writeFileSync(join(root, place), "other");
    },
    "the pinned Node": () => {
      for (const place of ["runtime/package-lock.json", "runtime/node_modules/.portolan-installed"])
        writeFileSync(join(root, place), "other");
    },
    "the file itself": () => rmSync(join(root, "node_modules/.cache/portolan/probe-start.cjs")),
    "its stamp, which a loss of power has cut off": () => truncateSync(stamp, 100),
    "its stamp, as other versions write it": () => writeFileSync(stamp, "1234567890 12345\n"),
    "its stamp, of which nothing is left": () => writeFileSync(stamp, Buffer.alloc(4096)),
    "what V8 made of it, which a probe removes that finds it damaged": () =>
      rmSync(join(root, "node_modules/.cache/portolan/probe.ready")),
  };
  for (const [what, change] of Object.entries(changes)) {
    assert.equal(probe(), "", `before ${what}`);
    change();
    assert.equal(probe(), putTogether, what);
  }
  writeFileSync(join(root, "src/query/a.ts"), "no part of a probe");
  assert.equal(probe(), "");
  // One that starts looks itself, and comes back when something has changed: the launcher looks then, and says that it has.
  const started = `ran .*/node_modules/\\.cache/portolan/probe-start\\.cjs probe\n$`;
  writeFileSync(source, "changed once more");
  const itself = run("probe", {});
  assert.deepEqual([new RegExp(started).test(itself.stdout), itself.stderr], [true, ""]);
  assert.equal(probe(), putTogether);
  for (const name of ["probe-start.cjs", "probe.ready"]) {
    rmSync(join(root, `node_modules/.cache/portolan/${name}`));
    const lacking = run("probe", {});
    assert.deepEqual([new RegExp(started).test(lacking.stdout), lacking.stderr], [true, putTogether], name);
  }
  // A probe that may not write there leaves it damaged, with a stamp that is fresh.
  writeFileSync(join(root, "node_modules/.cache/portolan/probe.ready"), "damaged");
  assert.deepEqual([run("compile").stderr, probe()], [putTogether, ""]);
  assert.equal(readFileSync(join(root, "node_modules/.cache/portolan/probe.ready"), "utf8"), "bundle\n");
});

test("a probe is on the disk before it has its name", (t) => {
  const root = temporaryFolder(t);
  const log = join(root, "log");
  for (const command of ["sync", "mv"])
    writeFileSync(join(root, command), `#!/bin/sh\necho ${command} "$@" >>${log}\n`, { mode: 0o755 });
  staleCheckout(t, false, bundle, root)("compile");
  const files = `${root}/node_modules/.cache/portolan/probe.PID/probe`;
  assert.deepEqual(
    readFileSync(log, "utf8")
      .replaceAll(/probe\.\d+/g, "probe.PID")
      .trim()
      .split("\n"),
    [
      `sync ${files}-start.cjs ${files}.ready`,
      `mv ${files}-start.cjs ${files}.ready ${root}/node_modules/.cache/portolan`,
    ],
  );
});

test("a probe that cannot be put into one file starts from its modules: said once, tried again when something changed", (t) => {
  const root = temporaryFolder(t);
  const source = join(root, "src/flow/a.ts");
  const cache = join(root, "node_modules/.cache/portolan");
  const started = (command: string, run: (command: string) => SpawnSyncReturns<string>) => {
    const { status, stdout, stderr } = run(command);
    return [status, /(main\.ts|probe-start\.cjs) probe$/m.exec(stdout)?.[1], stderr] as const;
  };
  const cannot = staleCheckout(t, false, 'echo "no room to build" >&2; exit 1', root);
  const failed = `${putTogether}no room to build
portolan: that did not succeed; the probe starts from its modules, which takes longer. To try again: ${root}/portolan compile\n`;
  assert.deepEqual(started("probe", cannot), [0, "main.ts", failed]);
  assert.deepEqual(started("probe", cannot), [0, "main.ts", ""]);
  assert.deepEqual(started("compile", cannot), [1, undefined, failed]);
  writeFileSync(source, "changed");
  assert.deepEqual(started("probe", cannot), [0, "main.ts", failed]);

  const can = staleCheckout(t, false, bundle, root);
  writeFileSync(source, "changed once more");
  assert.deepEqual(started("probe", can), [0, "probe-start.cjs", putTogether]);
  // The one from before is not taken for that which could not be put in its place.
  writeFileSync(source, "changed for the third time");
  writeFileSync(join(root, "mv"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const [, module, stderr] = started("probe", can);
  assert.deepEqual([module, stderr.startsWith(putTogether)], ["main.ts", true]);
  assert.deepEqual(started("probe", can), [0, "main.ts", ""]);
  rmSync(join(root, "mv"));

  const interrupted = staleCheckout(t, false, "kill -INT $PPID", root);
  writeFileSync(source, "changed for the fourth time");
  assert.deepEqual(started("probe", interrupted), [1, undefined, putTogether]);
  assert.deepEqual(
    readdirSync(cache).filter((name) => /^probe\.\d/.test(name)),
    [],
  );
  const again = staleCheckout(t, false, bundle, root);
  assert.deepEqual(started("probe", again), [0, "probe-start.cjs", putTogether]);
});

test("programs of packages that start services are unpacked for the tests, not installed", (t) => {
  const folder = temporaryFolder(t);
  // The part of the launcher that fetches, with an apt-get that gives a package of ours.
  const script = `
    set -eu
    unpacked=${folder}/unpacked
    ${/^say\(\).*$/m.exec(text)![0]}
    ${part("want_programs")}
    ${part("download_package")}
    ${part("unpack_package")}
    ${part("quietly")}
    want_programs portolan-trial:trial portolan-missing:missing sh:dash
    command -v portolan-trial`;
  writeFileSync(join(folder, "trial"), "#!/bin/sh\n", { mode: 0o755 });
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const log = join(folder, "log");
  const commands = {
    "apt-get": `echo "apt-get $*" >> ${log}; [ "$*" = "download trial" ] && : > trial_1_all.deb`,
    "dpkg-deb": `echo "dpkg-deb $1" >> ${log}; mkdir -p "$3/usr/bin"; cp ${folder}/trial "$3/usr/bin/portolan-trial"`,
  };
  for (const [name, body] of Object.entries(commands))
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const { stdout, stderr } = spawnSync("sh", ["-c", script], {
    env: { PATH: `${bin}:/usr/bin:/bin` },
    encoding: "utf8",
  });
  assert.equal(stdout, `${folder}/unpacked/usr/bin/portolan-trial\n`, stderr);
  assert.equal(
    readFileSync(log, "utf8"),
    "apt-get download trial\ndpkg-deb -x\napt-get download missing\napt-get update\n",
    "nothing is installed, and what is there is not fetched",
  );
  assert.match(stderr, /could not be fetched; going on without/);
});

const text = readFileSync(launcher, "utf8");

/** A function of the launcher's. */
function part(name: string): string {
  return new RegExp(`^${name}\\(\\) \\{\n[^]*?^\\}`, "m").exec(text)![0];
}
