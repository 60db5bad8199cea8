import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { compileObject, compiler, disassembler, objects } from "./build.ts";

const hasCompiler = spawnSync(compiler, ["--version"]).status === 0;
const skip = hasCompiler ? false : `${compiler} is not installed (Debian 12's package ${compiler})`;

for (const name of objects) {
  test(`the committed object is what ${name}.bpf.c compiles to`, { skip }, () => {
    const committed = readFileSync(new URL(`./${name}.bpf.o`, import.meta.url));
    assert.ok(committed.equals(compileObject(name)), `run: npm run bpf, and commit ${name}.bpf.o`);
  });
}

/** The kernel's MAX_BPF_STACK, of a program and all that it calls. Where calls get a stack of their own (Linux 6.13 on x86) it would not complain; older ones do. */
const stackBytesMax = 512;
/** So that they are found. */
const callsAtLeast: Readonly<Record<(typeof objects)[number], number>> = { tcp: 40, datagram: 8 };
/** What a frame is rounded to, until Linux 6.8. */
const frameBytes = 32;

interface ProgramPart {
  readonly section: string;
  /** Of its first instruction, in its section. */
  readonly at: number;
  stackBytes: number;
  /** Of what it calls, in `.text`. */
  readonly calls: number[];
}

/** The parts of an object, by name, as llvm-objdump tells of them. */
function readParts(object: string): ReadonlyMap<string, ProgramPart> {
  const listing = execFileSync(disassembler, ["-dr", object], { encoding: "utf8", maxBuffer: 64e6 });
  const parts = new Map<string, ProgramPart>();
  let section = "";
  let part: ProgramPart | undefined;
  let frameCopy: string | undefined;
  let lastLoaded = 0;
  for (const line of listing.split("\n")) {
    section = /^Disassembly of section (\S+):/.exec(line)?.[1] ?? section;
    const [, address, name] = /^([0-9a-f]+) <((?!LBB)\S+)>:/.exec(line) ?? [];
    if (address !== undefined && name !== undefined) {
      part = { section, at: Number.parseInt(address, 16) / 8, stackBytes: 0, calls: [] };
      parts.set(name, part);
    }
    if (part === undefined) continue;
    for (const [, offset] of line.matchAll(/r10 - (\d+)\)/g))
      part.stackBytes = Math.max(part.stackBytes, Number(offset));
    const [, register, offset] = /\t(r\d+) \+= -(\d+)/.exec(line) ?? [];
    if (register !== undefined && register === frameCopy)
      part.stackBytes = Math.max(part.stackBytes, Number(offset));
    if (line.includes("\t")) frameCopy = /\t(r\d+) = r10$/.exec(line)?.[1];
    const [, index, target] = /^\s*(\d+):\t85 10 .*\tcall (-?\d+)$/.exec(line) ?? [];
    if (index !== undefined) part.calls.push(Number(target) + 1 + (section === ".text" ? Number(index) : 0));
    const [, callback] = /\tr\d+ = (\d+) ll$/.exec(line) ?? [];
    if (callback !== undefined) lastLoaded = Number(callback) / 8;
    if (/R_BPF_64_64\s+\.text$/.test(line)) part.calls.push(lastLoaded); // a function for bpf_loop() and its like
    const [, symbol] = /R_BPF_64_32\s+(\S+)/.exec(line) ?? [];
    if (symbol !== undefined && symbol !== ".text")
      part.calls.pop(); // a function of the kernel
    else if (symbol !== undefined && section === ".text")
      part.calls.push(part.calls.pop()! - callIndex(line));
  }
  return parts;
}

/** Of the call that a line of relocation is about. */
function callIndex(line: string): number {
  return Number.parseInt(/^\s*([0-9a-f]+):/.exec(line)![1]!, 16) / 8;
}

for (const name of objects) {
  test(`every program of ${name}.bpf.o has room on the stack for what it calls`, { skip }, () => {
    const parts = readParts(fileURLToPath(new URL(`./${name}.bpf.o`, import.meta.url)));
    const inText = new Map(
      [...parts.values()].filter(({ section }) => section === ".text").map((part) => [part.at, part]),
    );
    const depthOf = ({ stackBytes, calls }: ProgramPart): number =>
      Math.ceil(Math.max(stackBytes, 1) / frameBytes) * frameBytes +
      Math.max(0, ...calls.map((at) => depthOf(inText.get(at)!)));
    const depths = [...parts].map(([part, each]) => [part, depthOf(each)] as const);
    const calls = [...parts.values()].reduce((sum, { calls }) => sum + calls.length, 0);
    assert.ok(calls >= callsAtLeast[name], `${calls} calls were found`);
    assert.deepEqual(
      depths.filter(([, depth]) => depth > stackBytesMax),
      [],
    );
  });
}
