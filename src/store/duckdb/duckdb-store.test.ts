import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { storeDefaults } from "../config.ts";
import { testStore } from "../store-suite.ts";
import { createDuckDBStore } from "./duckdb-store.ts";

const root = mkdtempSync(join(tmpdir(), "portolan-store-"));
after(() => rmSync(root, { recursive: true }));

testStore("duckdb", (place, dependencies, config) =>
  createDuckDBStore({ ...storeDefaults, ...config, folder: join(root, place) }, dependencies),
);
