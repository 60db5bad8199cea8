/** `1 record`, `12,345 records`; without a noun the number alone. */
export function count(value: number, noun = ""): string {
  const digits = String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
  if (noun === "") return digits;
  return `${digits} ${noun}${Math.round(value) === 1 ? "" : "s"}`;
}

/** Of a share: `0.4 %`, `12 %`; never `0 %` for something. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return "less than 0.1 %";
  return `${value >= 9.95 ? value.toFixed(0) : value.toFixed(1)} %`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 1e6) return `${(value / 1000).toFixed(1)} kB`;
  return `${(value / 1e6).toFixed(1)} MB`;
}

/** `4.2 s`, `45 s`, `12 min`, `5 h`, `3 days`. */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5970) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return count(seconds / 86_400, "day");
}

/** `1, 2 and 3`; a long list is cut. */
export function ordered(items: readonly (string | number)[], countMax = 6): string {
  const shown = items.slice(0, countMax).map(String);
  if (items.length > countMax) return `${shown.join(", ")} and ${items.length - countMax} more`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
