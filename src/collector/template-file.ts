import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";

type Log = (message: string) => void;

/** Far more than all exporters that are kept can announce by ordinary means. */
const fileBytesMax = 256 * 1024 * 1024;
/** A dump has eight levels; what is nested without end can not be handed to the receiving thread. */
const depthMax = 16;

/**
 * Templates over a restart: docs/formats/templates.md. What cannot be taken is told, and kept as `.old` before the file is
 * written anew: it may be another version's.
 */
export function createTemplateFile(path: string, log: Log) {
  /** Of what was written last: text is the larger part of a gigabyte at worst. */
  let writtenHash = "";
  let isFailing = false;

  /** Undefined when there is none, or none that can be taken. */
  function read(): unknown {
    let text: string;
    try {
      const { size } = statSync(path);
      if (size > fileBytesMax) return setAside(`larger than ${fileBytesMax / 1024 / 1024} MiB`);
      text = readFileSync(path, "utf8");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT")
        log(`templates ${path}: not read (${code}): exporters have to announce theirs again`);
      return undefined;
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return setAside("no JSON");
    }
    const strange = findStrange(value);
    return strange === undefined ? value : setAside(strange);
  }

  function setAside(why: string): undefined {
    let kept = `kept as ${path}.old`;
    try {
      renameSync(path, `${path}.old`);
    } catch (error) {
      kept = `not kept as .old (${nameOf(error)})`;
    }
    log(`templates ${path}: ${why}: not taken, ${kept}: exporters have to announce theirs again`);
  }

  /** Replaces the file whole, so that a crash leaves the old one or the new. A failure is told once, until it works again. */
  function write(value: unknown): void {
    const beside = `${path}.new`;
    try {
      const text = JSON.stringify(value);
      if (text.length > fileBytesMax) throw new Error(`larger than ${fileBytesMax / 1024 / 1024} MiB`);
      const hash = createHash("sha256").update(text).digest("hex");
      if (hash === writtenHash && existsSync(path)) return;
      writeFileSync(beside, text);
      renameSync(beside, path);
      writtenHash = hash;
      if (isFailing) log(`templates ${path}: written again`);
      isFailing = false;
    } catch (error) {
      removeIfThere(beside);
      if (!isFailing) log(`templates ${path}: not written (${nameOf(error)}): not known after a restart`);
      isFailing = true;
    }
  }

  return { path, read, write };
}

/** What keeps a value from being a dump; the rest is looked at when it is taken. */
function findStrange(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "no dump of templates";
  // As src/netflow/template-dump.ts writes them.
  const { format, version } = value as { readonly format?: unknown; readonly version?: unknown };
  if (format !== "portolan-templates") return "no dump of templates";
  if (version !== 1) return `of version ${JSON.stringify(version)?.slice(0, 20)}, and this program reads 1`;
  return isWithin(value, depthMax) ? undefined : `nested deeper than ${depthMax} levels`;
}

function isWithin(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((part) => isWithin(part, depth - 1));
}

function nameOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Where nothing can be written nothing can be removed either: the first error is the one to tell.
  }
}

/** A collector has one file and one log of its own. */
const files = new WeakMap<Log, ReturnType<typeof createTemplateFile>>();

function fileOf(path: string, log: Log) {
  const known = files.get(log);
  if (known?.path === path) return known;
  const created = createTemplateFile(path, log);
  files.set(log, created);
  return created;
}

export function readTemplateFile(path: string, log: Log): unknown {
  return fileOf(path, log).read();
}

export function writeTemplateFile(path: string, value: unknown, log: Log): void {
  fileOf(path, log).write(value);
}
