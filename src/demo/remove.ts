import { readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findControlGroups, removeControlGroups } from "./control-groups.ts";
import { holdDemo, isHolder } from "./hold.ts";
import { run } from "./run.ts";
import { prefix } from "./world.ts";

const namespacesFolder = "/run/netns";

/**
 * Removes what a demo made, its processes first, by its name: also what one left that was killed. Wires, addresses and rules are in
 * the namespaces and go with them. Only for who holds the demo. Says what was there.
 */
export async function removeDemoWorld(): Promise<string[]> {
  const controlGroups = findControlGroups();
  if (controlGroups !== undefined) await removeControlGroups(controlGroups);
  const namespaces = namesIn(namespacesFolder);
  if (namespaces.length > 0) {
    // One that is half made is no obstacle to the removal of the others.
    await run(["ip", "-force", "-batch", "-"], namespaces.map((name) => `netns del ${name}\n`).join(""));
  }
  const folders = namesIn(tmpdir()).map((name) => join(tmpdir(), name));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  return [...namespaces, ...folders];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith(`${prefix}-`));
  } catch {
    return []; // there is no such folder
  }
}

// What `createDemoWorld` leaves waiting beside itself: it cleans up when the demo did not.
if (import.meta.main) {
  const holding = await holdDemo(true);
  if (!isHolder(holding)) await removeDemoWorld(); // else a new demo, which has cleaned up before it began
}
