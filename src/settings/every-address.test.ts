import assert from "node:assert/strict";
import { test } from "node:test";
import { everyAddress } from "./every-address.ts";

test("every address is IPv4's alone where the kernel has no IPv6; any other address stays", () => {
  const [withIPv6, without] = [() => true, () => false];
  assert.deepEqual([everyAddress("::", withIPv6), everyAddress("::", without)], ["::", "0.0.0.0"]);
  for (const host of ["0.0.0.0", "127.0.0.1", "::1", "fd00::1", "localhost"])
    assert.equal(everyAddress(host, without), host);
});
