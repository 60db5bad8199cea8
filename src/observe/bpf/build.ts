import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** The committed object was made by this compiler, Debian 12's; another version writes other bytes. */
export const compiler = "clang-14";
const strip = "llvm-strip-14";

/** Compiles tcp.bpf.c into `target`: CO-RE relocations and BTF stay, debugging information goes. */
export function buildTcpObject(target: string): void {
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
  const place = ["-fdebug-compilation-dir=.", "-c", "tcp.bpf.c", "-o", target];
  execFileSync(compiler, [...flags, ...place], { cwd: folder, stdio: ["ignore", "inherit", "pipe"] });
  execFileSync(strip, ["-g", target], { stdio: ["ignore", "inherit", "pipe"] });
}

/** The bytes the source compiles to now. */
export function compileTcpObject(): Buffer {
  const target = join(tmpdir(), `portolan-tcp-${process.pid}.bpf.o`);
  try {
    buildTcpObject(target);
    return readFileSync(target);
  } finally {
    rmSync(target, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildTcpObject(join(folder, "tcp.bpf.o"));
