/**
 * What names for the outside cost: how long the databases take to load and what they hold of memory, and how many look-ups a second.
 *
 *   node bench/names.ts [--city FILE,FILE] [--networks 5000]
 *
 * Beside it, in the same run: the plain `maxmind` package with its own cache, over the same country database.
 */
import { readFileSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { open } from "maxmind";
import { domainOf } from "../src/enrich/dns/index.ts";
import { createGeo, geoDefaults } from "../src/enrich/geo/index.ts";
import { createAddressFacts, NetworkTable } from "../src/enrich/index.ts";
import { formatAddress, parseCidr } from "../src/flow/index.ts";
import { createPeerFacts } from "../src/server/peer-facts.ts";

const { values } = parseArgs({
  options: { city: { type: "string" }, networks: { type: "string", default: "5000" } },
});

const residentMB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1000;

function say(what: string, figure: string): void {
  console.log(`${what.padEnd(58)} ${figure}`);
}

/** Runs for a second; `work` is given a number that counts up. */
function rate(what: string, work: (i: number) => void): void {
  for (let i = 0; i < 20_000; i++) work(i);
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < 1000; count += 100) for (let i = 0; i < 100; i++) work(count + i);
  say(what, `${Math.round(count / ((performance.now() - start) / 1000)).toLocaleString("en")} a second`);
}

/** Addresses all over the internet of IPv4, the same in each run. */
const addresses = Array.from({ length: 1 << 16 }, (_, i) => {
  const bytes = new Uint8Array(16).fill(0xff, 10, 12);
  new DataView(bytes.buffer).setUint32(12, Math.imul(i + 1, 2654435761) >>> 0);
  return bytes;
});
const texts = addresses.map((bytes) => formatAddress(bytes));
const at = (i: number) => addresses[i & 0xffff]!;

const before = residentMB();
const geo = createGeo(
  { ...geoDefaults, ...(values.city === undefined ? {} : { city: values.city.split(",") }) },
  { log: console.error },
);
const start = performance.now();
await geo.start();
say("loaded, in processes of their own, one after the other", `${Math.round(performance.now() - start)} ms`);
await delay(1000);
for (const { kind, file, bytes } of geo.status()) {
  say(
    `  ${kind}, ${file.split("/").at(-1)}`,
    `${mega(statSync(file).size)} on disk, ${mega(bytes)} in memory`,
  );
}
say("resident memory before and after", `${before.toFixed(0)} MB, ${residentMB().toFixed(0)} MB`);

function mega(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

const networkCount = Number(values.networks);
const networks = new NetworkTable(
  Array.from({ length: networkCount }, (_, i) => ({
    name: `network ${i}`,
    cidr: parseCidr(`${formatAddress(at(i * 7))}/${12 + (i % 17)}`)!,
  })),
);
const facts = createAddressFacts({ networks, geo });
const peerFacts = createPeerFacts(facts);

rate("places and systems, an address that is new", (i) => geo.find(at(i)));
rate(`the narrowest of ${networkCount} networks of 17 lengths`, (i) => networks.find(at(i)));
rate("all facts, an address that is remembered", (i) => facts.factsOf(texts[i & 0xfff]!));
rate("the domain of a name", (i) => domainOf(`host-${i}.eu-central.example.co.uk`));
const country = geo.status().find(({ kind }) => kind === "country");
if (country !== undefined) {
  const plain = await open(country.file);
  rate("plain maxmind, country only, its cache of 10,000", (i) => plain.get(texts[i & 0xffff]!));
}

for (const count of [2000, 50_000]) {
  const peers = texts.slice(0, count).map((address) => ({
    ...{ id: `host:${address}`, kind: "host" as const, name: `${address.replaceAll(".", "-")}.example.com` },
    ...{ group: "internet", addresses: [address], node: "", process: "", container: "" },
  }));
  const topology = { from: 0, to: 1, peers, links: [], truncated: { peers: 0, links: 0 } };
  peerFacts.describe(topology);
  const times = Array.from({ length: 20 }, () => {
    const began = performance.now();
    peerFacts.describe(topology);
    return performance.now() - began;
  }).sort((a, b) => a - b);
  say(`a live map of ${count} hosts, each second`, `${times[10]!.toFixed(1)} ms`);
}
geo.stop();
