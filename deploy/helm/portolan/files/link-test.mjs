// `helm test`: makes traffic and waits until the map has it. Runs in a pod of its own, with nothing but Node.
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";

const { SERVER, TOKEN_FILE, POD_IP, SEEN_BY, FLOWS = "", TIMEOUT_SECONDS = "90" } = process.env;
const headers =
  TOKEN_FILE === undefined ? {} : { authorization: `Bearer ${readFileSync(TOKEN_FILE, "utf8").trim()}` };
// Of a range that is nobody's (RFC 5737), so that it is no link of others.
const farAddress = "203.0.113.77";
// NetFlow v5 has IPv4 only: a pod with IPv6 alone tells of another address that is nobody's.
const ownAddress = SEEN_BY !== "exporter" || isIPv4(POD_IP) ? POD_IP : "203.0.113.78";

/** One NetFlow v5 datagram with one record: this pod to an address outside, 1,000 octets in 10 packets. */
function flowDatagram() {
  const bytes = Buffer.alloc(72);
  bytes.writeUInt16BE(5, 0);
  bytes.writeUInt16BE(1, 2);
  bytes.writeUInt32BE(60_000, 4); // uptime
  bytes.writeUInt32BE(Math.floor(Date.now() / 1000), 8);
  for (const [at, address] of [
    [24, ownAddress],
    [28, farAddress],
  ])
    bytes.set(address.split(".").map(Number), at);
  bytes.writeUInt32BE(10, 40);
  bytes.writeUInt32BE(1000, 44);
  bytes.writeUInt32BE(58_000, 48);
  bytes.writeUInt32BE(59_000, 52);
  bytes.writeUInt16BE(40_000, 56);
  bytes.writeUInt16BE(443, 58);
  bytes.writeUInt8(6, 62);
  return bytes;
}

async function sendFlow() {
  const [, host, port] = /^(.+):(\d+)$/.exec(FLOWS);
  const { address, family } = await lookup(host);
  const socket = createSocket(`udp${family}`);
  socket.send(flowDatagram(), Number(port), address, () => socket.close());
}

/** The question is a connection of this pod's, which its node's agent sees. */
async function findLink() {
  const response = await fetch(
    `${SERVER}/api/v1/map?from=-5m&filter=${encodeURIComponent(`address:${ownAddress}`)}`,
    {
      headers,
    },
  );
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const { peers, links } = await response.json();
  const at = (address) =>
    new Set(peers.filter(({ addresses }) => addresses.includes(address)).map(({ id }) => id));
  const [mine, outside] = [at(ownAddress), at(farAddress)];
  return links.find(({ client, server, observers }) =>
    SEEN_BY === "exporter"
      ? mine.has(client) && outside.has(server)
      : mine.has(client) && observers.some(({ id }) => id.startsWith("agent:")),
  );
}

let last = "nothing was asked yet";
for (const until = Date.now() + Number(TIMEOUT_SECONDS) * 1000; Date.now() < until; ) {
  try {
    if (SEEN_BY === "exporter") await sendFlow();
    const link = await findLink();
    if (link !== undefined) {
      console.log(`the map has it: ${link.client} -> ${link.server}, ${link.connections} connections`);
      process.exit(0);
    }
    last = "the server answers, but the map has no link of this pod";
  } catch (error) {
    last = `${error.message}${error.cause === undefined ? "" : `: ${error.cause.message}`}`;
  }
  await new Promise((resolve) => setTimeout(resolve, 2000));
}
console.error(`not within ${TIMEOUT_SECONDS} s: ${last}`);
console.error(
  SEEN_BY === "exporter"
    ? "look at the server's log, and at /api/v1/exporters"
    : "look at the log of the agent on this pod's node (kubectl get pods -o wide), and at /api/v1/agents",
);
process.exit(1);
