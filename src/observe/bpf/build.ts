import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** Each is `NAME.bpf.c`, and committed compiled as `NAME.bpf.o`. */
export const objects = ["tcp", "datagram"] as const;
type ObjectName = (typeof objects)[number];

/** The committed objects were made by this compiler, Debian 12's; another version writes other bytes. */
export const compiler = "clang-14";
const strip = "llvm-strip-14";
export const disassembler = "llvm-objdump-14"; // of the same package

/** Compiles `NAME.bpf.c` into `target`: CO-RE relocations and BTF stay, debugging information goes. */
function buildObject(name: ObjectName, target: string): void {
  const flags = [
    "-g",
    "-O2",
    "-target",
    "bpf",
    "-mcpu=v3",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",
  ];
  // Paths of this machine stay out of the object.
  const place = ["-fdebug-compilation-dir=.", "-c", `${name}.bpf.c`, "-o", target];
  execFileSync(compiler, [...flags, ...place], { cwd: folder, stdio: ["ignore", "inherit", "pipe"] });
  execFileSync(strip, ["-g", target], { stdio: ["ignore", "inherit", "pipe"] });
}

/** The bytes the source compiles to now. */
export function compileObject(name: ObjectName): Buffer {
  const target = join(tmpdir(), `portolan-${name}-${process.pid}.bpf.o`);
  try {
    buildObject(name, target);
    return readFileSync(target);
  } finally {
    rmSync(target, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of objects) buildObject(name, join(folder, `${name}.bpf.o`));
}
