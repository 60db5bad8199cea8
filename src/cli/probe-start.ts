import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Script } from "node:vm";
import { crc32 } from "node:zlib";

/**
 * Starts `portolan probe` as the launcher has put it together: all its modules in one file beside this one, `probe-main.cjs`, and `probe.compiled`,
 * which has that file's text and what V8 made of it.
 *
 *  0        4        8               12               16
 *  +--------+--------+---------------+----------------+-----------------+--------------------------------+
 *  | "PTLC" | CRC-32 | cache, octets | source, octets | V8's code cache | source, UTF-8, as one function |
 *  +--------+--------+---------------+----------------+-----------------+--------------------------------+
 *
 * Numbers are little-endian; the CRC is of all that follows it.
 *
 * Node's own cache of compiled modules keeps what is compiled when a module is loaded, and of functions that is nothing. This one is made at the
 * end of a run, with every function that was called, which a process that reads a file for a third of a second would else compile again. Text and
 * cache are one file because V8 knows the text that a cache is of by its length alone. Where V8 does not take the cache, being another or having other flags, it
 * compiles the text. Of the cache itself V8 checks only its head, and crashes on one that is damaged, as a disk or a loss of power may leave it: so the
 * CRC. It costs a third of a millisecond, in a module that a probe loads anyway. A file that does not check is removed, for the launcher to make it anew.
 */
const magic = 0x434c5450;
const headLength = 16;
const folder = dirname(process.argv[1]!);
const path = join(folder, "probe-main.cjs");
/** Where this run is to leave `probe.compiled`. */
const keptAt = process.env.PORTOLAN_PROBE_COMPILED;

const { source, cachedData } = (keptAt === undefined ? readCompiled() : undefined) ?? {
  source: `(function (require, __filename) {${readFileSync(path, "utf8")}\n})`,
  cachedData: undefined,
};
const script = new Script(source, { filename: path, cachedData });
if (keptAt !== undefined) process.once("exit", () => writeFileSync(keptAt, pack(script.createCachedData())));
script.runInThisContext()(requireFor(createRequire(path)), path);

/**
 * Of koffi the native part, as koffi finds it: its own script reads all that `node:util` has, and with that a dozen more of Node's modules, for names
 * of old that nobody calls here. It is a sixth of a start.
 */
function requireFor(require: NodeJS.Require): (name: string) => unknown {
  return (name) => {
    if (name !== "koffi") return require(name);
    try {
      return require(`@koromix/koffi-${process.platform}-${process.arch}`);
    } catch {
      return require(name);
    }
  };
}

/** Nothing where there is no such file, and where it is not as it was written. */
function readCompiled(): { source: string; cachedData: Buffer } | undefined {
  const compiledPath = join(folder, "probe.compiled");
  try {
    const bytes = readFileSync(compiledPath);
    if (isWhole(bytes)) {
      const end = headLength + bytes.readUInt32LE(8);
      return { source: bytes.toString("utf8", end), cachedData: bytes.subarray(headLength, end) };
    }
    rmSync(compiledPath);
  } catch {
    // There is none, or who may not write here has found it damaged.
  }
  return undefined;
}

function isWhole(bytes: Buffer): boolean {
  return (
    bytes.length >= headLength &&
    bytes.readUInt32LE(0) === magic &&
    headLength + bytes.readUInt32LE(8) + bytes.readUInt32LE(12) === bytes.length &&
    bytes.readUInt32LE(4) === crc32(bytes.subarray(8))
  );
}

function pack(codeCache: Buffer): Buffer {
  const text = Buffer.from(source);
  const bytes = Buffer.concat([Buffer.alloc(headLength), codeCache, text]);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(codeCache.length, 8);
  bytes.writeUInt32LE(text.length, 12);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}
