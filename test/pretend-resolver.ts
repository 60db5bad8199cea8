/**
 * A resolver with a small zone, for tests: `pretend-resolver.ts ADDRESS [MS]`, port 53; it answers after so many milliseconds.
 *
 *     www.example → CNAME cdn.example → 192.0.2.80 and 2001:db8::80, for 30 s
 *     no.example  → NXDOMAIN      bad.example → bytes that are no DNS      silent.example → nothing
 */
import { createSocket } from "node:dgram";
import { parseAddress } from "../src/flow/index.ts";
import { parseDnsMessage } from "../src/packet/index.ts";
import { writeDns } from "../src/packet/testdata/dns-messages.ts";

const socket = createSocket("udp4");
const waitMilliseconds = Number(process.argv[3] ?? 0);
socket.on("message", (data, from) => {
  const query = parseDnsMessage(data, 0, data.length);
  if (query === undefined || query.name === "silent.example") return;
  const answer = () => socket.send(answerTo(query), from.port, from.address);
  if (waitMilliseconds === 0) answer();
  else setTimeout(answer, waitMilliseconds);
});
socket.bind(53, process.argv[2], () => console.log("listening"));

function answerTo({ id, name, type }: { id: number; name: string; type: number }): Uint8Array {
  if (name === "bad.example") return new Uint8Array(30).fill(0xff);
  if (name !== "www.example") return writeDns({ id, name, type, rcode: 3 });
  const record = type === 28 ? { aaaa: parseAddress("2001:db8::80")! } : { a: "192.0.2.80" };
  return writeDns({
    ...{ id, name, type },
    answers: [
      { name, cname: "cdn.example", ttl: 600 },
      { name: "cdn.example", ttl: 30, ...record },
    ],
  });
}
