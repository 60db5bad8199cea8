/** An agent in a process of its own, for tests that kill it. Says "on" when it is attached. */
import { agentDefaults, createAgent } from "../src/agent/index.ts";
import { ObserverTable } from "../src/flow/index.ts";
import { PeerTable } from "../src/topology/index.ts";

const agent = createAgent(agentDefaults, {
  node: "vm",
  peers: new PeerTable(1000, () => {}),
  observers: new ObserverTable(),
  drop: () => {},
  deliver: () => {},
  now: Date.now,
});
agent.start();
const { state, datagrams, dns } = agent.status();
console.log(state, datagrams.state, dns.state);
setInterval(() => agent.poll(), 100);
