import assert from "node:assert/strict";
import { test } from "node:test";
import type { TopologyPeer } from "../../../src/topology/topology.ts";
import type { ComparedLink } from "../nest/chart-link.ts";
import { countryCentres } from "./country-centres.ts";
import { buildPlaces, guessHome } from "./places.ts";

const peer = (id: string, more: Partial<TopologyPeer> = {}) => ({ id, name: id, ...more }) as TopologyPeer;
const link = (client: string, server: string, bytesSent: number, failed = 0) =>
  ({
    id: `${client}>${server}`,
    client,
    server,
    bytesSent,
    bytesReceived: 0,
    packets: 1,
    active: 0,
    failed,
    retransmits: 0,
    lastSeen: 0,
  }) as ComparedLink;

const peers = [
  peer("home"),
  peer("a", { country: "DE", countryName: "Germany" }),
  peer("b", { country: "DE", countryName: "Germany" }),
  peer("c", { country: "FR", city: "Lyon", latitude: 45.76, longitude: 4.83 }),
  peer("d", { country: "ZZ" }),
];
const flat = {
  ...{ from: 0, to: 1000 },
  peers: new Map(peers.map((one) => [one.id, one])),
  links: new Map(
    [
      link("home", "a", 10),
      link("home", "b", 5, 1),
      link("c", "home", 100),
      link("a", "c", 1),
      link("a", "b", 7),
      link("home", "d", 3),
    ].map((one) => [one.id, one]),
  ),
};

test("peers of a country stand together, one with coordinates at them, all others at home", () => {
  const { places, arcs, homePeers } = buildPlaces(flat, 10);
  assert.deepEqual(
    places.map(({ name, peers: there, bytes, failed }) => [name, there, bytes, failed]),
    [
      ["Lyon, FR", ["c"], 101, 0],
      ["Germany", ["a", "b"], 23, 1],
    ],
  );
  assert.equal(homePeers, 2);
  assert.deepEqual(
    arcs.map(({ from, to, bytes, hasTrouble }) => [
      from?.country ?? "home",
      to?.country ?? "home",
      bytes,
      hasTrouble,
    ]),
    [
      ["FR", "home", 100, false],
      ["home", "DE", 15, true],
      ["DE", "FR", 1, false],
    ],
  );
  assert.equal(buildPlaces(flat, 1).arcs.length, 1);
});

test("every code stands once, on the globe", () => {
  const centres = countryCentres();
  assert.ok(centres.size > 240, `${centres.size} countries`);
  for (const [code, { latitude, longitude }] of centres) {
    assert.match(code, /^[A-Z]{2}$/);
    assert.ok(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180, code);
  }
});

test("home is guessed from the clock", () => {
  assert.deepEqual(guessHome(-60), { longitude: 15, latitude: 46 });
  assert.deepEqual(guessHome(300), { longitude: -75, latitude: 46 });
});
