/**
 * An agent in a process of its own, for tests that kill it. Says "on on on" when it is attached: TCP, datagrams, DNS. With a port
 * as its argument it says after each poll what it has counted of connections to it, at the client's end: a line of JSON.
 */
import { agentDefaults, createAgent } from "../src/agent/index.ts";
import { ObserverTable, protocolTcp } from "../src/flow/index.ts";
import { observedEnd, PeerTable } from "../src/topology/index.ts";

const port = Number(process.argv[2] ?? 0);
const counted = { rows: 0, opened: 0, sent: 0, received: 0 };

const agent = createAgent(agentDefaults, {
  node: "vm",
  peers: new PeerTable(1000, () => {}),
  observers: new ObserverTable(),
  drop: () => {},
  deliver({ columns, count }) {
    for (let row = 0; row < count; row++) {
      if (columns.destinationTransportPort[row] !== port || columns.protocolIdentifier[row] !== protocolTcp)
        continue;
      if (columns.observedEnd[row] !== observedEnd.client) continue;
      counted.rows++;
      counted.opened += columns.connectionCount[row]!;
      counted.sent += columns.octetDeltaCount[row]!;
      counted.received += columns.reverseOctetDeltaCount[row]!;
    }
  },
  now: Date.now,
});
agent.start();
const { state, datagrams, dns } = agent.status();
console.log(state, datagrams.state, dns.state);
setInterval(() => {
  agent.poll();
  if (port !== 0) console.log(JSON.stringify(counted));
}, 100);
