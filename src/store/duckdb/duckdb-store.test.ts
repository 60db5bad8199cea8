import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { testStoreAskedNames } from "../asked-names-suite.ts";
import { storeDefaults } from "../config.ts";
import { testStoreKnowledge } from "../knowledge-suite.ts";
import { type StoreFactory, testStore } from "../store-suite.ts";
import { createDuckDBStore } from "./duckdb-store.ts";

const root = mkdtempSync(join(tmpdir(), "portolan-store-"));
after(() => rmSync(root, { recursive: true }));

const create: StoreFactory = (place, dependencies, config) =>
  createDuckDBStore({ ...storeDefaults, ...config, folder: join(root, place) }, dependencies);
testStore("duckdb", create);
testStoreKnowledge("duckdb", create);
testStoreAskedNames("duckdb", create);
