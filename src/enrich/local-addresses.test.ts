import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { localAddresses } from "./local-addresses.ts";

test("a machine's addresses are its own where the network is the machine's, or nobody can tell; a pod's are not", () => {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const expected = all
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
  assert.deepEqual(localAddresses(() => "net:[1]").sort(), expected.sort());
  assert.deepEqual(localAddresses(() => undefined).sort(), expected.sort());
  assert.deepEqual(
    localAddresses((process) => (process === "1" ? "net:[1]" : "net:[2]")),
    [],
  );
});
