import { readFileSync } from "node:fs";
import { CaptureError } from "./capture-error.ts";

/**
 * Goes on as another user, for good: what needed privileges is open. Answers with the user's name, or undefined when this process is not
 * root and has none to give up. Throws a CaptureError when there is no such user.
 */
export function dropPrivileges(user: string): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${user}:`));
  if (line === undefined) throw new CaptureError(`there is no user ${user}: choose another with --user`);
  const [, , uid, gid] = line.split(":").map(Number);
  process.setgroups?.([]);
  process.setgid?.(gid!);
  process.setuid?.(uid!);
  return user;
}
