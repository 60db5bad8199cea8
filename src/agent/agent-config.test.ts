import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgentSection, agentConfigOf, agentDefaults } from "./agent-config.ts";

const section: AgentSection = {
  ...{ ebpf: false, connections: 1, loopback: false, containers: false, commandLine: true },
  ...{
    softErrors: false,
    datagrams: false,
    dns: false,
    lookups: false,
    resolvers: ["10.96.0.10"],
    flows: 2,
    nat: false,
  },
};

test("every setting of the section reaches the agent", () => {
  assert.deepEqual(agentConfigOf(section), {
    ...{ ebpf: false, connectionsMax: 1, includeLoopback: false, containers: false, commandLine: true },
    ...{
      softErrors: false,
      datagrams: false,
      dns: false,
      lookups: false,
      resolvers: ["10.96.0.10"],
      flowsMax: 2,
      nat: false,
    },
  });
  assert.deepEqual(Object.keys(agentConfigOf(section)).sort(), Object.keys(agentDefaults).sort());
});
