import assert from "node:assert/strict";
import { test } from "node:test";
import { identityKey } from "./identity-key.ts";
import { ObserverTable, observerOf } from "./observer.ts";

test("an observer is read from its id, with colons in its name", () => {
  assert.deepEqual(observerOf("agent:vm"), { id: "agent:vm", kind: "agent", name: "vm" });
  assert.deepEqual(observerOf("exporter:2001:db8::1"), {
    id: "exporter:2001:db8::1",
    kind: "exporter",
    name: "2001:db8::1",
  });
});

test("an observer has one row; row 0 is nobody; keys are those of the store", () => {
  const observers = new ObserverTable();
  const row = observers.intern(observerOf("agent:vm"));
  assert.equal(row, 1);
  assert.equal(observers.intern(observerOf("agent:vm")), row);
  assert.equal(observers.intern(observerOf("exporter:10.0.0.1")), 2);
  assert.equal(observers.count, 3);
  assert.equal(observers.get(row).name, "vm");
  assert.equal(observers.key(row), identityKey("agent:vm"));
  assert.deepEqual([observers.get(0).id, observers.key(0)], ["", 0]);
  assert.throws(() => observers.get(3), /broken assumption/);
});

test("beyond the bound all are ~other, counted; who is known stays known", () => {
  const drops: string[] = [];
  const observers = new ObserverTable(3, (reason, source) => drops.push(`${reason} ${source}`));
  const known = ["agent:a", "agent:b"].map((id) => observers.intern(observerOf(id)));
  const beyond = ["agent:c", "exporter:10.0.0.1"].map((id) => observers.intern(observerOf(id)));
  assert.deepEqual(beyond, [3, 3]);
  assert.equal(observers.get(3).name, "~other");
  assert.deepEqual(drops, ["observer_limit observers", "observer_limit observers"]);
  assert.deepEqual(
    ["agent:a", "agent:b"].map((id) => observers.intern(observerOf(id))),
    known,
  );
  assert.equal(observers.count, 4);
});
