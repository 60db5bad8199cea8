import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Script } from "node:vm";

/**
 * Starts `portolan probe` as the launcher has put it together: all its modules in one file beside this one, `probe-main.cjs`, and `probe.ready`,
 * which has that file's text, what V8 made of it, and which files it was made of.
 *
 *  0        4               8                12             16
 *  +--------+---------------+----------------+--------------+-----------------+--------------------------------+------+-----------------------------------+
 *  | "PTLC" | cache, octets | source, octets | list, octets | V8's code cache | source, ASCII, as one function | list | the three once more, octet by octet |
 *  +--------+---------------+----------------+--------------+-----------------+--------------------------------+------+-----------------------------------+
 *
 * The list is the launcher's (`list_sources`), of the modules in the file and of what they are put together by. It is JSON: of each its path, size, and
 * times of the last write and of the last change. To look at these takes a third of the time that a shell and `find` take. Where one is not as it was, the process
 * becomes the launcher again, which makes the file anew, and so it does where the list is lost. An image's list is empty.
 *
 * Node's own cache of compiled modules keeps what is compiled when a module is loaded, and of functions that is nothing. This one is made at the
 * end of a run, with every function that was called, which a process that reads a file for a third of a second would else compile again. Text and
 * cache are one file because V8 knows the text that a cache is of by its length alone. Where V8 does not take the cache, being another or having other flags, it
 * compiles the text. Of the cache itself V8 checks only its head, and crashes on one that is damaged, as a disk or a loss of power may leave it: so all is
 * there twice. To compare takes the tenth of a millisecond, where for a CRC Node would load its streams. A file whose halves are not the same is
 * removed, for the launcher to make it anew.
 */
const magic = 0x434c5450;
const headLength = 16;
const folder = dirname(process.argv[1]!);
const path = join(folder, "probe-main.cjs");
const root = join(folder, "../../..");
/** Where this run is to leave `probe.ready`. */
const keptAt = process.env.PORTOLAN_PROBE_COMPILED;

const { source, cachedData, list } = (keptAt === undefined ? readCompiled() : undefined) ?? {
  source: `(function (require, __filename) {${readFileSync(path, "latin1")}\n})`,
  cachedData: undefined,
  list: undefined,
};
// A launcher that has just looked says so, and is believed.
const looksItself = keptAt === undefined && process.env.PORTOLAN_LAUNCHER_LOOKS !== "1";
if (looksItself) {
  if (list === undefined || !isAsListed(list)) becomeLauncher();
  process.env.PORTOLAN_LAUNCHER_LOOKS = "1"; // for the child that goes to the background
}
const script = new Script(source, { filename: path, cachedData });
if (keptAt !== undefined) process.once("exit", () => writeFileSync(keptAt, pack(script.createCachedData())));
script.runInThisContext()(load, path);

/**
 * What a probe asks for as it starts costs as much as a quarter of a second of packets: so Node's modules are loaded when something of them is first
 * wanted, which of most of them is never. Their members are asked for where they are used, in CommonJS as the bundle is.
 */
function load(name: string): unknown {
  if (name === "koffi") return whenWanted(loadKoffi);
  return name.startsWith("node:") ? whenWanted(() => require(name)) : require(name);
}

function whenWanted(require: () => Record<string | symbol, unknown>): object {
  let loaded: Record<string | symbol, unknown> | undefined;
  const get = (_: object, member: string | symbol) => {
    loaded ??= require();
    return loaded[member];
  };
  return new Proxy({}, { get });
}

/**
 * Of koffi the native part, from where its packages have it: its own scripts read all that `node:util` has, and of Node's executable which C library
 * it is for. Where that does not load, they are asked.
 */
function loadKoffi(): Record<string | symbol, unknown> {
  const { platform, arch } = process;
  const native = { exports: {} };
  try {
    process.dlopen(
      native,
      join(folder, `../../@koromix/koffi-${platform}-${arch}/${platform}_${arch}/koffi.node`),
    );
    return native.exports;
  } catch {
    return require("koffi");
  }
}

/** Nothing where there is no such file, and where it is not as it was written. */
function readCompiled(): { source: string; cachedData: Buffer; list: string } | undefined {
  const compiledPath = join(folder, "probe.ready");
  try {
    const bytes = readFileSync(compiledPath);
    if (isWhole(bytes)) {
      const sourceAt = headLength + bytes.readUInt32LE(4);
      const listAt = sourceAt + bytes.readUInt32LE(8);
      return {
        source: bytes.toString("latin1", sourceAt, listAt),
        cachedData: bytes.subarray(headLength, sourceAt),
        list: bytes.toString("utf8", listAt, listAt + bytes.readUInt32LE(12)),
      };
    }
    rmSync(compiledPath);
  } catch {
    // There is none, or who may not write here has found it damaged.
  }
  return undefined;
}

function isWhole(bytes: Buffer): boolean {
  if (bytes.length < headLength || bytes.readUInt32LE(0) !== magic) return false;
  const middle = headLength + bytes.readUInt32LE(4) + bytes.readUInt32LE(8) + bytes.readUInt32LE(12);
  return 2 * middle - headLength === bytes.length && bytes.compare(bytes, headLength, middle, middle) === 0;
}

function pack(codeCache: Buffer): Buffer {
  const parts = [codeCache, Buffer.from(source, "latin1"), Buffer.from(listOfFile())];
  const head = Buffer.alloc(headLength);
  head.writeUInt32LE(magic, 0);
  for (const [i, part] of parts.entries()) head.writeUInt32LE(part.length, 4 + 4 * i);
  return Buffer.concat([head, ...parts, ...parts]);
}

type Listed = readonly [path: string, size: number, writtenMilliseconds: number, changedMilliseconds: number];

/** Of the launcher's list the modules that the one file is put together of, and what is no module. An image says `image`. */
function listOfFile(): string {
  const sources = process.env.PORTOLAN_PROBE_SOURCES!;
  if (sources === "image") return "[]";
  const modules = new Set<string>();
  // The first line is the root: this folder is not where it will be.
  const [project = "", ...lines] = sources.split("\n");
  for (const path of ["src/cli/probe-start.ts", "src/cli/probe-main.ts"]) addModules(project, path, modules);
  const files: Listed[] = [];
  for (const line of lines) {
    const [, path, size, written, changed] = /^(.*) (\d+) (\d+\.\d+) (\d+\.\d+)$/.exec(line) ?? [];
    if (path === undefined || (path.startsWith("src/") && !modules.delete(path))) continue;
    files.push([path, Number(size), milliseconds(written!), milliseconds(changed!)]);
  }
  if (modules.size > 0) throw new Error(`the launcher does not look at ${[...modules].join(", ")}`);
  return JSON.stringify(files);
}

/** A module, and all that it imports other than types. */
function addModules(project: string, path: string, modules: Set<string>): void {
  if (modules.has(path)) return;
  modules.add(path);
  const text = readFileSync(`${project}/${path}`, "utf8");
  for (const [, imported = ""] of text.matchAll(/^(?:import|export) (?!type )[^;]*?"(\.[^"]+)";$/gm))
    addModules(project, join(dirname(path), imported), modules);
}

/** `find` writes seconds with ten digits behind the point; Node reckons in this way. */
function milliseconds(seconds: string): number {
  const point = seconds.indexOf(".");
  return Number(seconds.slice(0, point)) * 1000 + Number(seconds.slice(point + 1, point + 10)) / 1e6;
}

/** All are where they were, and as they were. */
function isAsListed(list: string): boolean {
  for (const [path, size, written, changed] of JSON.parse(list) as readonly Listed[]) {
    const now = statSync(`${root}/${path}`, { throwIfNoEntry: false });
    if (now?.size !== size || now.mtimeMs !== written || now.ctimeMs !== changed) return false;
  }
  return true;
}

/** Which finds nothing made then, whatever its own stamp says. */
function becomeLauncher(): never {
  try {
    rmSync(join(folder, "probe.ready"), { force: true });
  } catch {
    // Who may not write here has the probe started from its modules.
  }
  const environment = { ...process.env, PORTOLAN_LAUNCHER_LOOKS: "1" };
  return process.execve!("/bin/sh", ["sh", `${root}/portolan`, ...process.argv.slice(2)], environment);
}
