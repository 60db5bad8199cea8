import { readFileSync } from "node:fs";

/** Which run of which kernel this is: every process of a machine, in whatever container, reads the same. "" when it is not told. */
export function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return ""; // not Linux
  }
}
