/** What a column holds, by which it is written for people. */
export type CellKind = "text" | "bytes" | "count" | "milliseconds" | "time" | "factor";

const units = ["", "k", "M", "G", "T", "P", "E"];

/** Of three digits, with a decimal unit. */
function scaled(value: number): [number: string, unit: string] {
  let index = 0;
  let rest = Math.abs(value);
  while (rest >= 999.5 && index < units.length - 1) {
    rest /= 1000;
    index++;
  }
  const digits = index === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2;
  return [`${value < 0 ? "-" : ""}${rest.toFixed(digits)}`, units[index]!];
}

/** One cell of a table; "" for what is not known. Names come from strangers: what a terminal would obey is left out. */
export function formatCell(kind: CellKind, value: unknown): string {
  if (value === null || value === undefined || value === "") return "";
  if (kind === "text") return String(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "");
  const number = Number(value);
  switch (kind) {
    case "bytes": {
      const [digits, unit] = scaled(number);
      return `${digits} ${unit}B`;
    }
    case "count":
      return scaled(number)
        .join(number < 1000 ? "" : " ")
        .trim();
    case "milliseconds":
      return number >= 1000
        ? `${(number / 1000).toFixed(1)} s`
        : `${number < 10 ? number.toFixed(2) : number.toFixed(0)} ms`;
    case "time":
      return new Date(number).toLocaleString("sv-SE"); // 2026-03-01 12:00:00, in the machine's own zone
    case "factor":
      return `×${number >= 10 ? number.toFixed(0) : number.toFixed(2)}`;
  }
}
