/** Numbers as people read them: decimal units, three digits, the same width again and again. */
const byteUnits = ["B", "kB", "MB", "GB", "TB", "PB"];
const countUnits = ["", "k", "M", "G", "T"];

function scaled(value: number, units: readonly string[]): { text: string; unit: string } {
  let step = 0;
  let rest = Math.abs(value);
  while (rest >= 999.5 && step < units.length - 1) {
    rest /= 1000;
    step++;
  }
  const digits =
    step === 0 ? (Number.isInteger(rest) || rest >= 10 ? 0 : 1) : rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0;
  return { text: `${value < 0 ? "−" : ""}${rest.toFixed(digits)}`, unit: units[step]! };
}

export function formatBytes(bytes: number): string {
  const { text, unit } = scaled(bytes, byteUnits);
  return `${text} ${unit}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

export function formatCount(count: number): string {
  if (Math.abs(count) < 10_000) return String(Math.round(count));
  const { text, unit } = scaled(count, countUnits);
  return `${text}${unit}`;
}

/** `1 link`, `2 links`. */
export function countOf(count: number, one: string): string {
  return `${formatCount(count)} ${count === 1 ? one : `${one}s`}`;
}

export function formatMilliseconds(milliseconds: number | null): string {
  if (milliseconds === null) return "–";
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(2)} s`;
  if (milliseconds >= 100) return `${milliseconds.toFixed(0)} ms`;
  return `${milliseconds.toFixed(milliseconds < 1 ? 2 : 1)} ms`;
}

/** `3 s`, `12 min`, `5 h`, `2 d`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** Local date and time. */
export function formatTime(milliseconds: number): string {
  const time = new Date(milliseconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** Cuts in the middle: the start of a name and its end both tell names apart. */
export function shorten(name: string, lengthMax: number): string {
  if (name.length <= lengthMax) return name;
  const tail = Math.floor((lengthMax - 1) * 0.4);
  return `${name.slice(0, lengthMax - 1 - tail)}…${name.slice(name.length - tail)}`;
}
