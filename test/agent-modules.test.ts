import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const agentRun = new URL("../src/cli/agent-run.ts", import.meta.url).href;
const program = `
  import { registerHooks } from "node:module";
  const loaded = [];
  registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
  await import(${JSON.stringify(agentRun)});
  console.log(JSON.stringify([...loaded, ...process.moduleLoadList]));
`;

/** Each costs the agent 2 to 14 MB of memory, on every node, for nothing. */
const unwanted = [
  "/node_modules/(zod|yaml|maxmind|mmdb-lib|tldts-icann|fastify)/",
  "/src/(collector|netflow|sflow|pcap|store|server)/",
  "/src/enrich/node-pods/", // in a cluster, when it starts
  "NativeModule internal/deps/undici/undici",
  "NativeModule (http2|tls|internal/webstreams/readablestream)$",
];

test("the agent loads nothing that it does not need", () => {
  const output = execFileSync(process.execPath, ["--v8-pool-size=0", "--input-type=module", "-e", program], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    encoding: "utf8",
  });
  const loaded = JSON.parse(output) as string[];
  assert.ok(
    loaded.some((name) => name.endsWith("/src/agent/agent.ts")),
    "the agent is loaded",
  );
  for (const pattern of unwanted)
    assert.deepEqual(
      loaded.filter((name) => new RegExp(pattern).test(name)),
      [],
    );
});
