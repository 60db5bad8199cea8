import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Script } from "node:vm";

/**
 * Starts `portolan probe` as the launcher has put it together: all its modules in one file beside this one, `probe-main.cjs`, and `probe.compiled`,
 * which has that file's text and what V8 made of it.
 *
 *  0        4               8                12
 *  +--------+---------------+----------------+-----------------+--------------------------------+--------------------------------+
 *  | "PTLC" | cache, octets | source, octets | V8's code cache | source, ASCII, as one function | both once more, octet by octet |
 *  +--------+---------------+----------------+-----------------+--------------------------------+--------------------------------+
 *
 * Node's own cache of compiled modules keeps what is compiled when a module is loaded, and of functions that is nothing. This one is made at the
 * end of a run, with every function that was called, which a process that reads a file for a third of a second would else compile again. Text and
 * cache are one file because V8 knows the text that a cache is of by its length alone. Where V8 does not take the cache, being another or having other flags, it
 * compiles the text. Of the cache itself V8 checks only its head, and crashes on one that is damaged, as a disk or a loss of power may leave it: so text
 * and cache are there twice. To compare takes the tenth of a millisecond, where for a CRC Node would load its streams. A file whose halves are not the same is
 * removed, for the launcher to make it anew.
 */
const magic = 0x434c5450;
const headLength = 12;
const folder = dirname(process.argv[1]!);
const path = join(folder, "probe-main.cjs");
/** Where this run is to leave `probe.compiled`. */
const keptAt = process.env.PORTOLAN_PROBE_COMPILED;

const { source, cachedData } = (keptAt === undefined ? readCompiled() : undefined) ?? {
  source: `(function (require, __filename) {${readFileSync(path, "latin1")}\n})`,
  cachedData: undefined,
};
const script = new Script(source, { filename: path, cachedData });
if (keptAt !== undefined) process.once("exit", () => writeFileSync(keptAt, pack(script.createCachedData())));
script.runInThisContext()(load, path);

/**
 * What a probe asks for as it starts costs as much as a quarter of a second of packets: so Node's modules are loaded when something of them is first
 * wanted, which of most of them is never. Their members are asked for where they are used, in CommonJS as the bundle is.
 */
function load(name: string): unknown {
  if (name === "koffi") return loadKoffi();
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
function loadKoffi(): unknown {
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
function readCompiled(): { source: string; cachedData: Buffer } | undefined {
  const compiledPath = join(folder, "probe.compiled");
  try {
    const bytes = readFileSync(compiledPath);
    if (isWhole(bytes)) {
      const sourceAt = headLength + bytes.readUInt32LE(4);
      const end = sourceAt + bytes.readUInt32LE(8);
      return {
        source: bytes.toString("latin1", sourceAt, end),
        cachedData: bytes.subarray(headLength, sourceAt),
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
  const middle = headLength + bytes.readUInt32LE(4) + bytes.readUInt32LE(8);
  return 2 * middle - headLength === bytes.length && bytes.compare(bytes, headLength, middle, middle) === 0;
}

function pack(codeCache: Buffer): Buffer {
  const text = Buffer.from(source, "latin1");
  const head = Buffer.alloc(headLength);
  head.writeUInt32LE(magic, 0);
  head.writeUInt32LE(codeCache.length, 4);
  head.writeUInt32LE(text.length, 8);
  return Buffer.concat([head, codeCache, text, codeCache, text]);
}
