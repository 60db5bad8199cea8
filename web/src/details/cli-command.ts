import { type TimeRange, timeParams } from "../time/time-range.ts";

/** The command that asks this server the same in a terminal. */
export function cliCommand(
  filter: string,
  range: TimeRange,
  { origin, pathname }: Pick<Location, "origin" | "pathname">,
): string {
  const base = `${origin}${pathname.replace(/[^/]*$/, "")}`;
  const params = Object.entries({ ...timeParams(range), filter });
  const data = params.map(([name, value]) => `--data-urlencode ${quoted(`${name}=${value}`)}`);
  return ["curl -G", quoted(`${base}api/v1/map`), ...data].join(" ");
}

/** For a POSIX shell: inside single quotes nothing means anything but the quote itself. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
