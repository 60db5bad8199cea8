import assert from "node:assert/strict";
import { test } from "node:test";
import { collectorSpots, exportRecipes, hearsOthers, softflowdCommand } from "./export-hint.ts";

test("a listener on every address is reached on each of the machine's", () => {
  assert.deepEqual(collectorSpots(["udp://[::]:2055"], ["192.168.1.5", "fd00::5"]), [
    { address: "192.168.1.5", port: 2055 },
    { address: "fd00::5", port: 2055 },
  ]);
  assert.deepEqual(collectorSpots(["udp://0.0.0.0:2055", "udp://0.0.0.0:6343"], ["192.168.1.5", "fd00::5"]), [
    { address: "192.168.1.5", port: 2055 },
  ]);
  assert.deepEqual(collectorSpots(["udp://0.0.0.0:6343"], ["192.168.1.5"]), [
    { address: "192.168.1.5", port: 6343 },
  ]);
});

test("a listener on one address is reached there", () => {
  assert.deepEqual(collectorSpots(["udp://[fd00::1]:4739"], ["192.168.1.5"]), [
    { address: "fd00::1", port: 4739 },
  ]);
  assert.deepEqual(collectorSpots(["tcp://x"], []), []);
});

test("a listener on loopback hears this machine alone", () => {
  assert.equal(hearsOthers(["udp://127.0.0.1:2055", "udp://[::1]:6343"]), false);
  assert.equal(hearsOthers(["udp://127.0.0.1:2055", "udp://0.0.0.0:6343"]), true);
  assert.equal(hearsOthers(["udp://[::]:2055"]), true);
});

test("an IPv6 collector stands in brackets", () => {
  assert.equal(
    softflowdCommand({ address: "fd00::5", port: 2055 }),
    "softflowd -i eth0 -n [fd00::5]:2055 -v 9 -t maxlife=60",
  );
});

test("every recipe names this collector's address and port", () => {
  const recipes = exportRecipes({ address: "192.168.1.5", port: 9995 });
  assert.ok(recipes.length >= 3);
  for (const { device, text } of recipes) {
    assert.ok(text.includes("192.168.1.5") && text.includes("9995"), device);
    assert.doesNotMatch(text, /undefined|2055/);
  }
});
