/** Hands a file to the browser, which asks or saves as the person told it to. */
export function saveFile(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  // The download has begun by then; until it has, the address has to be good.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** `portolan-map-2026-11-21-1730.png`, local time. */
export function fileName(what: string, extension: string, time = new Date()): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `portolan-${what}-${day}-${two(time.getHours())}${two(time.getMinutes())}.${extension}`;
}
