import { closeSync, openSync, readSync } from "node:fs";

/** Bytes read of a command line; Java's may have hundreds of thousands. */
const bytesMax = 4096;
/** Characters shown. */
const lengthMax = 300;

/** Names of parameters whose values are nobody's business. */
const secretName = /pass(?:word|wd|phrase)?$|token$|secret|credential|api[-_]?key$|private[-_]?key$|auth$/i;

/** The command line of a process, without what looks like a secret; "" when it has none, as the kernel's own, or has ended. */
export function readCommandLine(path: string): string {
  const bytes = Buffer.alloc(bytesMax);
  try {
    const file = openSync(path, "r");
    try {
      return formatCommandLine(bytes.toString("utf8", 0, readSync(file, bytes)));
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}

/** `text` has a NUL after each parameter, unless the process wrote over it (proc(5)). */
export function formatCommandLine(text: string): string {
  let isSecret = false;
  const shown = text.split("\0").map((parameter) => {
    const [name = "", ...value] = parameter.split("=");
    const hidden = isSecret ? "…" : hideValue(parameter, name, value.length > 0);
    isSecret = parameter.startsWith("-") && value.length === 0 && secretName.test(name);
    return hidden;
  });
  const line = shown
    .join(" ")
    .replace(/[\p{C}\s]+/gu, " ")
    .trim();
  const characters = [...line];
  return characters.length > lengthMax ? `${characters.slice(0, lengthMax - 1).join("")}…` : line;
}

/** `--password=x` and `PASSWORD=x` without x, `scheme://user:password@host` without the password. */
function hideValue(parameter: string, name: string, hasValue: boolean): string {
  if (hasValue && secretName.test(name)) return `${name}=…`;
  return parameter.replace(/(:\/\/[^\s/:@]*):[^\s/@]+@/g, "$1:…@");
}
