import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

const child = new URL("full-child.ts", import.meta.url).pathname;

/** Runs the child on a file system of its own, which goes away with it. */
function runOnSmallDisk(folder: string): {
  readonly isPossible: boolean;
  readonly output: string;
  readonly status: number | null;
} {
  const script = 'mount -t tmpfs -o size=40m portolan-test "$1" || exit 77; shift; exec "$@"';
  const parameters = [
    "--mount",
    "sh",
    "-c",
    script,
    "sh",
    folder,
    process.execPath,
    child,
    join(folder, "data"),
  ];
  const { status, stdout, stderr, error } = spawnSync("unshare", parameters, {
    encoding: "utf8",
    timeout: 300_000, // of a child that hangs: it fails the test, as it would on no machine that is only slow
  });
  const isThere = (error as NodeJS.ErrnoException | undefined)?.code !== "ENOENT";
  const isPossible = isThere && status !== 77 && !stderr.includes("unshare:");
  return { isPossible, output: `${stdout}${stderr}`, status };
}

test("on a full disk the oldest goes, what is lost is counted, and recording goes on", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "portolan-full-"));
  const { isPossible, output, status } = runOnSmallDisk(folder);
  rmSync(folder, { recursive: true });
  if (!isPossible) return context.skip(`no file system can be mounted here: ${output.trim()}`);
  assert.equal(status, 0, output);
  const { appended, flowRecords, dropped, otherDrops, messages, last, newest } = JSON.parse(
    output.trim().split("\n").at(-1)!,
  );
  assert.ok(dropped > 0 && dropped < appended / 4, `${dropped} of ${appended} were dropped`);
  assert.deepEqual(otherDrops, []);
  assert.ok(flowRecords > 0 && flowRecords < appended - dropped, `${flowRecords} are left`);
  // Whichever write comes upon it first, of records or of what they are rolled up to.
  assert.match(messages[0], /^store: (commit|maintenance): .*No space left on device/);
  // Of the last few commits some may have been given up, but it did go on.
  assert.ok(last - newest < 100_000, `the newest record is ${last - newest} ms old`);
});
