import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const module = new URL("end-process.ts", import.meta.url).href;

/** Runs lines of a program, at most so long; `hang` makes whatever waits for the C library's exit handlers wait for ever. */
function run(lines: string, flags: readonly string[] = [], timeout = 60_000) {
  const program = `
    import koffi from "koffi";
    import { endProcess } from ${JSON.stringify(module)};
    const libc = koffi.load("libc.so.6");
    const hang = () => libc.func("int __cxa_atexit(void *handler, void *argument, void *library)")(
      libc.func("void *dlsym(void *library, const char *name)")(null, "pause"), null, null);
    ${lines}`;
  return spawnSync(process.execPath, [...flags, "--input-type=module", "--eval", program], {
    ...{ encoding: "utf8", timeout, killSignal: "SIGKILL", maxBuffer: 2 ** 24 },
    cwd: new URL("../..", import.meta.url),
  });
}

test("the process ends with its code, when Node's own end would never come, with what it has written", () => {
  const length = 32_768; // what a pipe has no room for is lost, as by process.exit
  const { status, signal, stdout, stderr } = run(`
    hang();
    process.on("exit", (code) => console.log("\\nexit", code));
    process.stdout.write("x".repeat(${length}));
    console.error("told");
    endProcess(3);`);
  assert.deepEqual([status, signal, stderr], [3, null, "told\n"]);
  assert.ok(stdout === `${"x".repeat(length)}\nexit 3\n`, stdout.slice(-100));
});

test("Node's own end hangs there: else the test before would show nothing", () => {
  const { status, signal } = run("hang(); process.exit(3);", [], 5000);
  assert.deepEqual([status, signal], [null, "SIGKILL"]);
});

test("with the thread that --v8-pool-size=0 leaves too", () => {
  assert.equal(run("hang(); endProcess(4);", ["--v8-pool-size=0"]).status, 4);
});

test("where Node has a profile to write, the end is Node's", () => {
  assert.equal(run('process.execArgv.push("--cpu-prof"); endProcess(5);').status, 5);
});
