import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeMmdb } from "../src/enrich/geo/testdata/make-mmdb.ts";
import type { Topology, TopologyPeer } from "../src/topology/index.ts";
import { netflow5, sendDatagrams } from "./pretend-exporter.ts";
import { freePort, liveMap, type Program, startProgram, temporaryFolder, until } from "./program.ts";

interface Status {
  readonly geo: {
    readonly files: readonly { kind: string; state: string; reason: string }[];
    readonly attribution: readonly { text: string; url: string }[];
  };
}

/** One flow from each of these to 8.8.8.8. */
async function send(port: number, sources: readonly string[]): Promise<void> {
  const flow = { destination: "8.8.8.8", sourcePort: 40000, destinationPort: 443, bytes: 1000, packets: 2 };
  await sendDatagrams(port, [
    netflow5(
      sources.map((source) => ({ ...flow, source })),
      0,
    ),
  ]);
}

const peerAt = ({ peers }: Topology, address: string) =>
  peers.find(({ addresses }) => addresses.includes(address));

const livePeer = (program: Program, address: string, is: (peer: TopologyPeer) => boolean) =>
  until(`${address} is as expected`, async () => {
    const peer = peerAt(await liveMap(program), address);
    return peer !== undefined && is(peer) ? peer : undefined;
  });

test("what routers report is shown with country, system and own networks, live and in history", {
  timeout: 90_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const [port, file] = [await freePort(), join(folder, "portolan.yaml")];
  writeFileSync(
    file,
    "networks:\n  - {name: office, cidr: 10.9.0.0/16, vlan: 7, site: Bern}\n  - {name: lab, cidr: 10.9.3.0/24}\n",
  );
  const parameters = [
    "server",
    "--data",
    folder,
    "--listen",
    "127.0.0.1:0",
    "--flows",
    `udp://127.0.0.1:${port}`,
  ];
  const program = await startProgram([...parameters, "--config", file]);
  t.after(() => program.stop("SIGKILL"));
  await send(port, ["10.9.1.1", "10.9.3.1", "10.8.0.1"]);
  const google = {
    network: "internet",
    country: "US",
    countryName: "United States",
    asNumber: 15169,
    asName: "Google LLC",
  };
  const live = await livePeer(
    program,
    "8.8.8.8",
    ({ country, asNumber }) => country !== undefined && asNumber !== undefined,
  );
  assert.partialDeepStrictEqual(live, google);
  const history = await until("it is stored", async () => {
    const map = await program.get<Topology>("/api/v1/map?from=-1h");
    return map.peers.length >= 4 ? map : undefined;
  });
  assert.partialDeepStrictEqual(peerAt(history, "8.8.8.8"), google);
  for (const map of [history, await liveMap(program)]) {
    assert.partialDeepStrictEqual(peerAt(map, "10.9.1.1"), {
      group: "office",
      network: "office",
      vlan: 7,
      site: "Bern",
    });
    assert.partialDeepStrictEqual(peerAt(map, "10.9.3.1"), { group: "lab", network: "lab" });
    assert.partialDeepStrictEqual(peerAt(map, "10.8.0.1"), { network: "10.8.0.0/24" });
    assert.equal(peerAt(map, "10.9.1.1")?.country, undefined);
  }
  const inOffice = await program.get<Topology>("/api/v1/map?from=-1h&filter=network:office");
  assert.deepEqual(inOffice.peers.map(({ name }) => name).sort(), ["10.9.1.1", "8.8.8.8"]);
  const geo = await until("all is loaded", async () => {
    const { geo } = await program.get<Status>("/api/v1/status");
    return geo.files.length === 3 && geo.files.every(({ state }) => state === "on") ? geo : undefined;
  });
  assert.deepEqual(
    geo.attribution.map(({ url }) => url),
    ["https://db-ip.com", "https://www.routeviews.org", "https://www.nro.net"],
  );
  assert.equal(await program.stop(), 0);
});

test("the user's database is read again when it changes; a bad one is refused and the old one stays", {
  timeout: 90_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const [port, file] = [await freePort(), join(folder, "places.mmdb")];
  const replace = (content: string | Buffer) => {
    writeFileSync(`${file}.new`, content);
    renameSync(`${file}.new`, file);
  };
  const inCountry = (country_code: string) => makeMmdb({ "8.8.8.0/24": { country_code } });
  replace(inCountry("CH"));
  const parameters = [
    "server",
    "--data",
    folder,
    "--listen",
    "127.0.0.1:0",
    "--flows",
    `udp://127.0.0.1:${port}`,
  ];
  const program = await startProgram(parameters, [], { PORTOLAN_GEO_COUNTRY: file, PORTOLAN_GEO_ASN: "off" });
  t.after(() => program.stop("SIGKILL"));
  await send(port, ["10.9.1.1"]);
  await livePeer(program, "8.8.8.8", ({ country }) => country === "CH");
  replace("this is no database");
  const refused = await until("it is refused", async () => {
    const { geo } = await program.get<Status>("/api/v1/status");
    return geo.files[0]?.reason === "" ? undefined : geo.files[0];
  });
  assert.equal(refused?.state, "on");
  assert.match(refused?.reason ?? "", /places\.mmdb: is no MaxMind database/);
  assert.match(program.output(), /the one before stays in use/);
  assert.equal(peerAt(await liveMap(program), "8.8.8.8")?.country, "CH");
  replace(inCountry("DE"));
  await livePeer(program, "8.8.8.8", ({ country }) => country === "DE");
  assert.equal(await program.stop(), 0);
});

test("names come from the DNS for addresses inside, without anybody waiting", {
  timeout: 60_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const resolver = createSocket("udp4");
  resolver.bind(0, "127.0.0.1");
  await once(resolver, "listening");
  t.after(() => resolver.close());
  const asked: string[] = [];
  resolver.on("message", (query, { port, address }) => {
    const labels: string[] = [];
    for (let at = 12; query[at] !== 0; at += query[at]! + 1)
      labels.push(query.toString("latin1", at + 1, at + 1 + query[at]!));
    asked.push(labels.slice(0, 4).reverse().join("."));
    const name = Buffer.from("\x03nas\x04home\x07example\x00", "latin1");
    const question = query.subarray(12, query.indexOf(Buffer.from([0, 0, 12, 0, 1]), 12) + 5);
    const head = Buffer.from([query[0]!, query[1]!, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    const answer = Buffer.from([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0, name.length]);
    resolver.send(Buffer.concat([head, question, answer, name]), port, address);
  });
  // The program asks the machine's resolver, which is another one for it alone.
  const preload = join(folder, "resolver.mjs");
  writeFileSync(
    preload,
    `import dns from "node:dns/promises"; const { Resolver } = dns; import { syncBuiltinESMExports } from "node:module";
     dns.Resolver = class extends Resolver { constructor(o) { super(o); this.setServers(["127.0.0.1:${resolver.address().port}"]); } };
     syncBuiltinESMExports();`,
  );
  const parameters = [
    "server",
    "--data",
    folder,
    "--listen",
    "127.0.0.1:0",
    "--flows",
    `udp://127.0.0.1:${port}`,
  ];
  const program = await startProgram(parameters, [], {
    ...{ PORTOLAN_REVERSEDNS: "inside", PORTOLAN_GEO_COUNTRY: "off", PORTOLAN_GEO_ASN: "off" },
    NODE_OPTIONS: `--import=${preload}`,
  });
  t.after(() => program.stop("SIGKILL"));
  await send(port, ["10.9.1.1"]);
  const peer = await livePeer(program, "10.9.1.1", ({ name }) => name === "nas.home.example");
  assert.deepEqual([peer.id, peer.domain], ["host:10.9.1.1", "home.example"]);
  await send(port, ["10.9.1.1"]); // the store writes names along with records
  await until("the store has the name too", async () => {
    const map = await program.get<Topology>("/api/v1/map?from=-1h");
    return peerAt(map, "10.9.1.1")?.name === "nas.home.example" ? true : undefined;
  });
  assert.deepEqual([...new Set(asked)], ["10.9.1.1"], "nobody outside is asked for");
  assert.equal(await program.stop(), 0);
});
