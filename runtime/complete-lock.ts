/**
 * Some registries hold only this machine's platform of packages that come in one variant per platform, and npm then
 * writes a lock file without the others, which `npm ci` refuses. This adds the missing variants by name: with their
 * platform, so that nobody else's machine installs them, and without an integrity hash. Run it after every change of
 * dependencies: npm run lock.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface LockedPackage {
  readonly version: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
type Lock = { readonly packages: Record<string, LockedPackage | Record<string, unknown>> };

const systems = [
  "linux",
  "darwin",
  "win32",
  "android",
  "freebsd",
  "openbsd",
  "netbsd",
  "sunos",
  "aix",
  "openharmony",
];
const processors = [
  "x64",
  "arm64",
  "arm",
  "ia32",
  "riscv64",
  "s390x",
  "ppc64",
  "loong64",
  "mips64el",
  "wasm32",
];

/** `@biomejs/cli-linux-arm64-musl` → os linux, cpu arm64, libc musl. Unknown names get a platform nobody has. */
function platformOf(name: string): Record<string, unknown> {
  const words = name.split("/").at(-1)!.split(/[-_]/);
  const system = systems.find((known) => words.includes(known));
  const processor = processors.find((known) => words.some((word) => word.startsWith(known)));
  const libc = words.includes("musl") ? "musl" : words.includes("gnu") ? "glibc" : undefined;
  return {
    cpu: [processor ?? "none"],
    os: [system ?? "none"],
    ...(libc === undefined ? {} : { libc: [libc] }),
  };
}

const file = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const lock = JSON.parse(readFileSync(file, "utf8")) as Lock;
const added: string[] = [];
for (const { optionalDependencies } of Object.values(lock.packages) as LockedPackage[]) {
  for (const [name, range] of Object.entries(optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (path in lock.packages) continue;
    const version = range.replace(/^[^0-9]*/, "");
    lock.packages[path] = { version, ...platformOf(name), optional: true };
    added.push(`${name}@${version}`);
  }
}
const sorted = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`);
console.log(added.length === 0 ? "the lock file is complete" : `added ${added.join(", ")}`);
