import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Layer {
  readonly rooms: readonly string[];
  readonly packages: readonly string[];
  /** Folders of the room with an index.ts of their own, for whoever does without the rest of the room. */
  readonly doors?: readonly string[];
}
const layers = JSON.parse(readFileSync(join(root, "layers.json"), "utf8")) as Record<string, Layer>;

/** These floors know no sockets, clocks, files or loggers, and the page uses some of them. */
const pureRooms = ["flow", "netflow", "packet", "pcap", "sflow", "goflow", "query", "topology", "ingest"];
/** What the page may import of the program. */
const webRooms = ["flow", "query", "topology"];

interface Import {
  readonly file: string;
  readonly specifier: string;
}

function importsOf(folder: string): Import[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .flatMap((entry) => {
      const file = join(entry.parentPath, entry.name);
      const text = readFileSync(file, "utf8");
      const pattern = /^\s*(?:import|export)\s(?:[^"';]*?\sfrom\s)?"([^"]+)"|\bimport\("([^"]+)"\)/gm;
      return [...text.matchAll(pattern)].map((match) => ({ file, specifier: match[1] ?? match[2] ?? "" }));
    });
}

const isTest = (file: string) =>
  /\.(test|fuzz|bench)\.tsx?$/.test(file) || /-suite\.ts$/.test(file) || file.includes("/testdata/");
const isNode = (specifier: string) => specifier.startsWith("node:") || builtinModules.includes(specifier);

for (const [room, { rooms, packages }] of Object.entries(layers)) {
  test(`${room} imports what layers.json allows`, () => {
    const folder = join(root, "src", room);
    for (const { file, specifier } of importsOf(folder)) {
      const place = `${relative(root, file)} imports ${specifier}`;
      if (specifier.startsWith(".")) {
        const target = relative(join(root, "src"), join(file, "..", specifier)).split("/");
        if (target[0] === room) continue;
        assert.ok(rooms.includes(target[0]!) || isTest(file), place);
        const entries = ["", ...(layers[target[0]!]?.doors ?? []).map((door) => `${door}/`)];
        const isEntry = entries.includes(
          target
            .slice(1)
            .join("/")
            .replace(/index\.ts$/, ""),
        );
        assert.ok(
          isEntry || isTest(file),
          `${place}: a room is entered by its index.ts, or by that of a door`,
        );
      } else if (isNode(specifier)) {
        assert.ok(!pureRooms.includes(room) || isTest(file), `${place}: a pure room`);
      } else {
        const name = specifier
          .split("/")
          .slice(0, specifier.startsWith("@") ? 2 : 1)
          .join("/");
        assert.ok(packages.includes(name) || isTest(file), place);
      }
    }
  });
}

test("every room is in layers.json, and imports go down", () => {
  const rooms = readdirSync(join(root, "src"));
  assert.deepEqual([...rooms].sort(), Object.keys(layers).sort());
  const order = Object.keys(layers);
  for (const [room, layer] of Object.entries(layers)) {
    for (const below of layer.rooms)
      assert.ok(
        order.indexOf(below) < order.indexOf(room),
        `${room} imports ${below}, which stands above it`,
      );
  }
});

test("pure rooms read no clock and do not log", () => {
  for (const room of pureRooms) {
    for (const entry of readdirSync(join(root, "src", room), { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      if (!entry.isFile() || !entry.name.endsWith(".ts") || isTest(file)) continue;
      const found = /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|console\.)/.exec(
        readFileSync(file, "utf8"),
      );
      assert.equal(found, null, `${relative(root, file)}: ${found?.[0]}`);
    }
  }
});

test("the page imports only the pure rooms, and knows HTTP only in data/", () => {
  const web = join(root, "web", "src");
  for (const { file, specifier } of importsOf(web)) {
    const target = relative(root, join(file, "..", specifier));
    if (!specifier.startsWith(".") || !target.startsWith("src/")) continue;
    assert.ok(webRooms.includes(target.split("/")[1]!), `${relative(root, file)} imports ${specifier}`);
  }
  for (const entry of readdirSync(web, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !/\.tsx?$/.test(entry.name) || isTest(file) || file.startsWith(join(web, "data")))
      continue;
    assert.doesNotMatch(
      readFileSync(file, "utf8"),
      /\bfetch\(|new EventSource|"\/api\//,
      relative(root, file),
    );
  }
});
