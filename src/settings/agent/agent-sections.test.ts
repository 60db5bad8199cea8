import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readConfig } from "../config.ts";
import { ConfigError } from "../config-error.ts";
import { readAgentSections } from "./agent-sections.ts";

const folder = mkdtempSync(join(tmpdir(), "portolan-sections-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "portolan.yaml");
writeFileSync(file, "listen: 127.0.0.1:1\nagent:\n  dns: false\n  flows: 5000\n");

for (const [what, sources] of [
  ["nothing", { environment: { PORTOLAN_TOKEN: "t" }, flags: { log: undefined } }],
  ["a variable", { environment: { PORTOLAN_AGENT_LOOPBACK: "false" }, flags: {} }],
  ["a flag", { environment: {}, flags: { log: "debug" } }],
  ["all", { file, environment: { PORTOLAN_AGENT_FLOWS: "6000" }, flags: { log: "warn" } }],
] as const) {
  test(`by its own process the agent reads what the whole configuration says: ${what}`, () => {
    const { agent, log } = readConfig(sources);
    assert.deepEqual(readAgentSections(sources), { agent, log });
  });
}

test("every problem is told, wherever it is", () => {
  const sources = { file, environment: { PORTOLAN_LISTEN: "here" }, flags: { log: "loud" } };
  const problemsOf = (read: (given: typeof sources) => unknown) => {
    try {
      read(sources);
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.problems;
    }
    return [];
  };
  assert.equal(problemsOf(readConfig).length, 2);
  assert.deepEqual(problemsOf(readAgentSections), problemsOf(readConfig));
});
