import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Script } from "node:vm";

/**
 * Starts `portolan probe` as the launcher has put it together: all its modules in one file beside this one, `probe-main.cjs`, and `probe.compiled`,
 * which has that file's text and what V8 made of it.
 *
 *  0        4
 *  +--------+--------------------------------+-----------------+
 *  | length | source, UTF-8, as one function | V8's code cache |
 *  +--------+--------------------------------+-----------------+
 *
 * Node's own cache of compiled modules keeps what is compiled when a module is loaded, and of functions that is nothing. This one is made at the
 * end of a run, with every function that was called, which a process that reads a file for a third of a second would else compile again. Text and
 * cache are one file because V8 knows the text that a cache is of by its length alone. Where V8 does not take the cache, being another or having other flags, it
 * compiles the text.
 */
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

function readCompiled() {
  try {
    const bytes = readFileSync(join(folder, "probe.compiled"));
    const end = 4 + bytes.readUInt32LE(0);
    return { source: bytes.toString("utf8", 4, end), cachedData: bytes.subarray(end) };
  } catch {
    return undefined;
  }
}

function pack(codeCache: Buffer): Buffer {
  const text = Buffer.from(source);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, codeCache]);
}
