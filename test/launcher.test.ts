import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
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
  const says = `case "$*" in *vite.js*) ${vite} ;; *main.ts* | *probe.cjs*) echo "ran $*" ;; esac`;
  write("runtime/node_modules/node/bin/node", `#!/bin/sh\n${says}\n`, 0o755);
  for (const place of ["runtime/package-lock.json", "runtime/node_modules/.portolan-installed"])
    write(place, "{}");
  for (const place of ["package-lock.json", "node_modules/.portolan-installed"]) write(place, "{}");
  for (const place of ["web/main.tsx", "src/flow/a.ts", "src/query/a.ts", "src/topology/a.ts"])
    write(place, "");
  if (isBuilt) write("web/dist/index.html", "");
  return (command: string) =>
    spawnSync(join(root, "portolan"), [command], {
      env: { ...process.env, PORTOLAN_NO_INSTALL: "1" },
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

test("a probe starts from one file, which is put together when it is older than its sources", (t) => {
  const root = temporaryFolder(t);
  const bundle =
    'for outDir; do :; done; mkdir -p "$outDir"; touch "$outDir/probe.cjs"; echo built >>"$0.built"';
  const run = staleCheckout(t, false, bundle, root);
  const built = () => readFileSync(join(root, "runtime/node_modules/node/bin/node.built"), "utf8");
  const probe = () => {
    const { status, stdout, stderr } = run("probe");
    assert.deepEqual([status, stderr], [0, ""]);
    return stdout;
  };
  assert.match(probe(), /^ran .*node_modules\/\.cache\/portolan\/probe\.cjs probe$/m);
  assert.match(probe(), /probe\.cjs probe$/m);
  assert.equal(built(), "built\n");
  const later = Date.now() / 1000 + 10;
  utimesSync(join(root, "src/flow/a.ts"), later, later);
  assert.match(probe(), /probe\.cjs probe$/m);
  assert.equal(built(), "built\nbuilt\n");
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
