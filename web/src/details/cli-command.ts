import { type TimeRange, timeParams } from "../time/time-range.ts";

/** The command that asks this server the same in a terminal. */
export function cliCommand(
  filter: string,
  range: TimeRange,
  { origin, pathname }: Pick<Location, "origin" | "pathname">,
): string {
  const server = `${origin}${pathname.replace(/\/[^/]*$/, "")}`;
  const times = Object.entries(timeParams(range)).map(([name, value]) => `--${name}=${value}`);
  // A filter may begin with a minus, as an option does.
  return ["portolan query", `--server ${quoted(server)}`, ...times, "--", quoted(filter)].join(" ");
}

/** For a POSIX shell: inside single quotes nothing means anything but the quote itself. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
