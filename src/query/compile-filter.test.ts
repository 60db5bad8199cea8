import assert from "node:assert/strict";
import test from "node:test";
import { parseAddress } from "../flow/index.ts";
import {
  type Filter,
  type FilterPeer,
  type FilterSubject,
  type FilterTerm,
  type FilterTest,
  matches,
  parseFilter,
} from "./index.ts";
import { createRandom, pick, randomSubject } from "./random-subject.ts";

/** The obvious way: patterns as regular expressions, ranges as bit strings, both ends spelled out. */
function isTrue(filter: Filter, subject: FilterSubject): boolean {
  if (filter.kind === "and") return filter.parts.every((part) => isTrue(part, subject));
  if (filter.kind === "or") return filter.parts.some((part) => isTrue(part, subject));
  if (filter.kind === "not") return !isTrue(filter.part, subject);
  if (filter.kind !== "term") return false;
  return valuesOf(filter, subject).some((value) => value !== null && holds(filter.test, value));
}

function valuesOf({ field, end, test, key }: FilterTerm, subject: FilterSubject): (string | number | null)[] {
  const { client, server, sourceIsClient = true } = subject;
  const [source, destination] = sourceIsClient ? [client, server] : [server, client];
  const peers: FilterPeer[] = {
    either: [client, server],
    client: [client],
    server: [server],
    source: [source],
    destination: [destination],
  }[end];
  const called =
    end === "client" || end === (sourceIsClient ? "source" : "destination") ? undefined : subject.called;
  if (field === "address") return [...peers, ...(called ? [called] : [])].flatMap((peer) => peer.addresses);
  if (test.kind === "address") return peers.flatMap((peer) => peer.addresses);
  if (field === "service")
    return [...peers, ...(called ? [called] : [])].flatMap((peer) => (peer.service ?? "").split(", "));
  if (field === "label") {
    const labels = peers.flatMap((peer) => (peer.labels ?? "").split(","));
    return labels
      .filter((label) => label.startsWith(`${key}=`))
      .map((label) => label.slice(`${key}=`.length));
  }
  if (field === "country") return peers.flatMap((peer) => [peer.country ?? "", peer.countryName ?? ""]);
  if (field === "asn")
    return peers.map((peer) => (test.kind === "text" ? (peer.asName ?? "") : (peer.asNumber ?? null)));
  if (field === "vlan")
    return [...peers.map((peer) => peer.vlan ?? null), (end === "either" ? subject.vlanId : null) ?? null];
  if (field === "interface") {
    const isClient = end === "client" || end === (sourceIsClient ? "source" : "destination");
    return subject.interfaces.flatMap((each) =>
      end === "either" ? [each.client, each.server] : [isClient ? each.client : each.server],
    );
  }
  if (field === "port") {
    return peers.map((peer) => (peer === server ? subject.port : (subject.clientPort ?? null)));
  }
  if (field === "observer" || field === "exporter") {
    const seenBy = subject.observers.filter(({ kind }) => field === "observer" || kind === "exporter");
    return seenBy.flatMap(({ id, name }) => [id, name, id.replace(/^[a-z]*:/, "")]);
  }
  if (field === "rtt") return [subject.rttMilliseconds];
  if (field in subject) return [subject[field as "bytes"]];
  return peers.map((peer) => (peer as unknown as Record<string, string>)[field] ?? "");
}

function holds(test: FilterTest, value: string | number): boolean {
  if (test.kind === "number") return test.values.includes(Number(value));
  if (test.kind === "compare") {
    const signs = { "<": [-1], "<=": [-1, 0], "=": [0], ">=": [0, 1], ">": [1] }[test.operator];
    return signs.includes(Math.sign(Number(value) - test.value));
  }
  if (test.kind === "text") {
    return test.patterns.some((pattern) => {
      const source = pattern.replace(/\\?[\s\S]/g, (part) =>
        part === "*" ? "[^]*" : part.at(-1)!.replace(/[^a-z0-9]/i, "\\$&"),
      );
      return new RegExp(`^(?:${source})$`, "i").test(String(value));
    });
  }
  const bits = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return test.ranges.some(({ address, prefixLength }) =>
    bits(parseAddress(String(value))!).startsWith(bits(address).slice(0, prefixLength)),
  );
}

const terms = [
  "nginx",
  "name:*gre*",
  "name:nginx,10.1.2.3",
  "name:*",
  'name:""',
  'name:"odd \\"name\\*\\\\"',
  "name:*a*a*",
  "server.name:postgres",
  "source.name:nginx",
  "destination.process:p*s",
  "id:process:web-1/*",
  "kind:host,container",
  "container:4f*",
  "client.node:web-1",
  "address:10.1.0.0/16",
  "server.address:2001:db8::/32",
  "address:0.0.0.0/0",
  "network:internet",
  "network:10.1.2.0/24,loopback",
  "client.network:10.0.0.0/8",
  "port:80,443",
  "client.port>=1024",
  "source.port:443",
  "destination.port:80",
  "protocol:udp",
  "observer:web-*",
  "exporter:192.0.2.1",
  'exporter:"core router"',
  "exporter:web-1",
  "bytes>200kB",
  "packets<=500",
  "connections:7,8",
  "failed>0",
  "retransmits<100",
  "rtt>20ms",
  "rtt<=30ms",
  "namespace:shop",
  "client.workload:db,cart",
  "pod:cart-*",
  "service:cart",
  "server.service:cart*",
  "client.service:cart",
  "source.service:cart",
  "destination.address:10.96.0.0/16",
  "label.app:cart",
  "server.label.a.b/c:*",
  "country:DE",
  "server.country:switz*",
  "asn:64500",
  "client.asn:AS1,exam*",
  "domain:*.com",
  "client.site:bern",
  "vlan:7",
  "source.vlan:20",
  "interface:3",
  "source.interface:3",
  "server.interface:4",
  "refused>0",
  "timedOut:2",
  "unreachable<1",
  "reset>500",
  "lost:5",
];

test("evaluation agrees with the obvious way on random filters and subjects", () => {
  const seed = Number(process.env.SEED ?? 7);
  const random = createRandom(seed);
  let trueCount = 0;
  for (let run = 0; run < 3000; run++) {
    const text = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
      const term = pick(random, terms);
      return pick(random, [
        term,
        term,
        `-${term}`,
        `(${term} OR ${pick(random, terms)})`,
        `NOT (${term} ${pick(random, terms)})`,
      ]);
    }).join(pick(random, [" ", " OR ", " AND "]));
    const { filter, error } = parseFilter(text);
    assert.ok(filter !== undefined, `${text}: ${error?.message}`);
    for (let i = 0; i < 10; i++) {
      const subject = randomSubject(random);
      const expected = isTrue(filter, subject);
      assert.equal(matches(filter, subject), expected, `seed ${seed}: ${text} on ${JSON.stringify(subject)}`);
      if (expected) trueCount++;
    }
  }
  assert.ok(trueCount > 3000 && trueCount < 27_000, `${trueCount} of 30000 matched`);
});

test("no filter matches everything", () => {
  assert.equal(matches(undefined, randomSubject(createRandom(1))), true);
  assert.equal(matches(parseFilter("()").filter, randomSubject(createRandom(1))), true);
});
