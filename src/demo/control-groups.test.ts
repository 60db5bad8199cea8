import assert from "node:assert/strict";
import { test } from "node:test";
import { findControlGroups } from "./control-groups.ts";

test("cgroup v2 is found alone, beside v1, and not where it may only be read", () => {
  const v1 = "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n";
  assert.equal(
    findControlGroups(`${v1}cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0`),
    "/sys/fs/cgroup/unified",
  );
  assert.equal(
    findControlGroups("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate 0 0\n"),
    "/sys/fs/cgroup",
  );
  assert.equal(findControlGroups("cgroup /sys/fs/cgroup cgroup2 ro,nosuid 0 0\n"), undefined);
  assert.equal(findControlGroups(v1), undefined);
});
