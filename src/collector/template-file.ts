import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** What the file holds; undefined when there is none or it cannot be read as JSON, which `log` is told. */
export function readTemplateFile(path: string, log: (message: string) => void): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT")
      log(`templates ${path}: not read (${code}): exporters have to announce theirs again`);
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    log(`templates ${path}: no JSON: exporters have to announce theirs again`);
    return undefined;
  }
}

/** Replaces the file whole, so that a crash leaves the old one or the new. */
export function writeTemplateFile(path: string, value: unknown, log: (message: string) => void): void {
  const beside = `${path}.new`;
  try {
    writeFileSync(beside, JSON.stringify(value));
    renameSync(beside, path);
  } catch (error) {
    log(
      `templates ${path}: not written (${(error as NodeJS.ErrnoException).code}): not known after a restart`,
    );
  }
}
