/**
 * `./portolan test`: everything this machine can check. Steps run one after the other; a step that fails does not keep
 * the next from running, and fails the whole. `./portolan test store` runs the tests whose path contains "store", and
 * nothing else.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = (name: string) => join(root, "node_modules", ".bin", name);
const patterns = ["src/**/*.test.ts", "web/src/**/*.test.ts", "test/**/*.test.ts"];

interface Step {
  readonly name: string;
  readonly command: string;
  readonly parameters: readonly string[];
}

function testStep(name: string, files: readonly string[], concurrency: number): Step {
  const parameters = ["--test", `--test-concurrency=${concurrency}`, "--test-reporter=spec", ...files];
  return { name, command: process.execPath, parameters };
}

function stepsFor(chosen: readonly string[]): Step[] {
  const files = globSync(patterns, { cwd: root, exclude: (name) => name === "node_modules" }).sort();
  if (chosen.length > 0) {
    const wanted = files.filter((file) => chosen.some((part) => file.includes(part)));
    if (wanted.length === 0) {
      console.error(`no test's path contains ${chosen.join(" or ")}`);
      process.exit(2);
    }
    return [testStep("chosen tests", wanted, 1)];
  }
  // What drives the kernel, Chromium or whole servers runs alone: two at once would fight over two cores.
  const isWhole = (file: string) => file.startsWith("test/");
  return [
    { name: "format and lint", command: bin("biome"), parameters: ["check", "--error-on-warnings", "."] },
    { name: "types", command: bin("tsc"), parameters: ["--noEmit", "-p", "tsconfig.json"] },
    { name: "types of the page", command: bin("tsc"), parameters: ["--noEmit", "-p", "web/tsconfig.json"] },
    // What it cannot have it says, and the tests that need it are skipped.
    {
      name: "programs for the tests",
      command: process.execPath,
      parameters: [join(root, "test/go-tools.ts")],
    },
    testStep(
      "rooms",
      files.filter((file) => !isWhole(file)),
      2,
    ),
    testStep("whole program", files.filter(isWhole), 1),
  ];
}

const failed: string[] = [];
for (const { name, command, parameters } of stepsFor(process.argv.slice(2))) {
  console.log(`\n== ${name}`);
  const { status } = spawnSync(command, parameters, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`\nnot passed: ${failed.join(", ")}`);
  process.exit(1);
}
console.log("\nall passed");
