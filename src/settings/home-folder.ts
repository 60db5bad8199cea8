import { homedir } from "node:os";

/** The user's home; "" for one that the machine does not know, as a container may be run by any number. */
export function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return "";
  }
}
