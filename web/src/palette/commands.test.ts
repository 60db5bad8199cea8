import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopologyPeer } from "../../../src/topology/topology.ts";
import { defaultView, type View } from "../view.ts";
import { allCommands, findCommands } from "./commands.ts";

function sources() {
  const changes: Partial<View>[] = [];
  const peers = new Map(
    Array.from({ length: 50 }, (_, i) => [
      `p${i}`,
      { id: `p${i}`, name: `nginx-${i}`, group: "ingress" } as TopologyPeer,
    ]),
  );
  const given = {
    view: defaultView,
    change: (one: Partial<View>) => changes.push(one),
    peers,
    exports: [],
    toggleTheme() {},
  };
  return { given, changes, commands: allCommands(given) };
}

test("typing finds a command by words in any order, the start of its name first", () => {
  const { given, commands, changes } = sources();
  const [first] = findCommands("hour last", commands, given);
  assert.equal(first?.label, "Last hour");
  first!.run();
  assert.deepEqual(changes, [{ range: { kind: "last", span: "1h" } }]);
  assert.equal(findCommands("ma", commands, given)[0]?.label, "Map");
  const keysOf = (name: string) => commands.find(({ label }) => label === name)?.keys?.join();
  assert.deepEqual(["Map", "Matrix", "Agents", "Edit the filter"].map(keysOf), ["1,t", "2", "9,a", "/"]);
});

test("peers are found by name behind commands, as many as there is room for", () => {
  const { given, commands, changes } = sources();
  const found = findCommands("nginx", commands, given);
  assert.equal(found.length, 14);
  assert.equal(found[0]?.kind, "ingress");
  found[2]!.run();
  assert.deepEqual(changes, [{ pane: "map", selection: { kind: "peer", id: "p2" } }]);
  assert.deepEqual(findCommands("no such thing", commands, given), []);
});

test("every command has a name of its own", () => {
  const { commands } = sources();
  assert.equal(new Set(commands.map(({ label, kind }) => `${label} ${kind}`)).size, commands.length);
});
