import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseCidr } from "../flow/index.ts";
import { createAddressFacts } from "./address-facts.ts";
import type { GeoFacts } from "./geo/geo-facts.ts";
import { NetworkTable } from "./networks/network-table.ts";

function createFacts(rememberedMax?: number) {
  const asked: string[] = [];
  const geo = {
    generation: 0,
    facts: { country: "CH", asNumber: 64500, asName: "Example" } as GeoFacts,
    find(bytes: Uint8Array, offset = 0) {
      asked.push(formatAddress(bytes, offset));
      return geo.facts;
    },
  };
  const networks = new NetworkTable([
    { name: "office", cidr: parseCidr("192.0.2.0/24")!, vlan: 7, site: "Bern" },
  ]);
  const table = createAddressFacts({
    networks,
    geo,
    ...(rememberedMax === undefined ? {} : { rememberedMax }),
  });
  return { geo, asked, of: (address: string) => table.factsOf(address) };
}

test("everything that an address tells, and nothing for what it does not", () => {
  const { of, geo } = createFacts();
  assert.deepEqual(of("192.0.2.9"), {
    isInside: true,
    network: "office",
    site: "Bern",
    vlan: 7,
    country: "CH",
    countryName: "Switzerland",
    city: "",
    latitude: null,
    longitude: null,
    asNumber: 64500,
    asName: "Example",
  });
  geo.facts = { latitude: 0, longitude: 0, country: "QQ" };
  assert.deepEqual(of("1.1.1.1"), {
    ...{ isInside: false, network: "internet", site: "", vlan: null, city: "" },
    ...{ country: "QQ", countryName: "QQ", latitude: 0, longitude: 0, asNumber: null, asName: "" },
  });
});

test("an address is looked up once until the databases change", () => {
  const { of, asked, geo } = createFacts();
  const first = of("1.1.1.1");
  assert.equal(of("1.1.1.1"), first);
  assert.deepEqual(asked, ["1.1.1.1"]);
  geo.facts = { country: "AU" };
  geo.generation++;
  assert.equal(of("1.1.1.1")?.country, "AU");
});

test("what is remembered is bounded", () => {
  const { of, asked } = createFacts(2);
  for (const address of ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.3", "1.1.1.1"]) of(address);
  assert.deepEqual(asked, ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.1"]);
});

test("what is no address has no facts", () => {
  const { of, asked } = createFacts();
  assert.deepEqual([of("vm"), of(""), asked], [undefined, undefined, []]);
});

test("an address whose cluster is learned later is inside from then on", () => {
  let isKnown = false;
  const cluster = {
    isInside: () => isKnown,
    get rangeChanges() {
      return isKnown ? 1 : 0;
    },
  };
  const table = createAddressFacts({
    networks: new NetworkTable([], cluster),
    geo: { generation: 3, find: () => ({}) },
  });
  assert.equal(table.factsOf("1.1.1.1")?.isInside, false);
  const { generation } = table;
  isKnown = true;
  assert.notEqual(table.generation, generation);
  const { isInside, network } = table.factsOf("1.1.1.1")!;
  assert.deepEqual([isInside, network], [true, "cluster"]);
});
