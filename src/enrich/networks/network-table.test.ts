import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatAddress,
  formatCidr,
  isInCidr,
  isMappedIPv4,
  parseAddress,
  parseCidr,
} from "../../flow/index.ts";
import { createRandom } from "../geo/testdata/random.ts";
import { ClusterIndex } from "../kubernetes/index.ts";
import { NetworkTable, networkProblem, type OwnNetwork, repeatedRanges } from "./network-table.ts";

const seed = Number(process.env.PORTOLAN_TEST_SEED ?? 1);

const table = (...ranges: string[]) =>
  new NetworkTable(ranges.map((range) => ({ name: `net ${range}`, cidr: parseCidr(range)! })));
const nameOf = (networks: NetworkTable, address: string) => networks.nameOf(parseAddress(address)!);

test("an address is in the narrowest range that holds it", () => {
  const networks = table("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "2001:db8::/32", "2001:db8:1::/48");
  const expected: [string, string][] = [
    ["10.200.0.1", "net 10.0.0.0/8"],
    ["10.1.2.2", "net 10.1.0.0/16"],
    ["10.1.2.3", "net 10.1.2.3/32"],
    ["2001:db8:2::1", "net 2001:db8::/32"],
    ["2001:db8:1::1", "net 2001:db8:1::/48"],
    ["192.168.7.9", "192.168.7.0/24"],
    ["fd00:1:2:3::4", "fd00:1:2:3::/64"],
    ["127.0.0.1", "loopback"],
    ["1.1.1.1", "internet"],
    ["2606:4700::1", "internet"],
  ];
  for (const [address, name] of expected) assert.equal(nameOf(networks, address), name, address);
});

test("site and VLAN come with the network", () => {
  const networks = new NetworkTable([
    { name: "office", cidr: parseCidr("10.1.0.0/16")!, vlan: 7, site: "Bern" },
  ]);
  const found = networks.find(new Uint8Array([9, ...parseAddress("10.1.2.3")!]), 1);
  assert.deepEqual([found?.name, found?.vlan, found?.site], ["office", 7, "Bern"]);
});

test("all of IPv6 is not all of IPv4, and the other way round", () => {
  assert.deepEqual(
    ["1.1.1.1", "2606::1", "::"].map((address) => nameOf(table("::/0"), address)),
    ["internet", "net ::/0", "net ::/0"],
  );
  assert.deepEqual(
    ["1.1.1.1", "2606::1"].map((address) => nameOf(table("0.0.0.0/0"), address)),
    ["net 0.0.0.0/0", "internet"],
  );
});

test("inside are private addresses and own networks", () => {
  const networks = table("203.0.112.0/24", "2a00:1::/32");
  const isInside = (address: string) => networks.isInside(parseAddress(address)!);
  for (const address of ["10.0.0.1", "fe80::1", "127.0.0.1", "203.0.112.9", "2a00:1::9"])
    assert.ok(isInside(address), address);
  for (const address of ["203.0.111.9", "1.1.1.1", "2a00:2::9"]) assert.ok(!isInside(address), address);
  assert.ok(!table().isInside(parseAddress("1.1.1.1")!));
});

test(`it finds what a slow look finds, with thousands of ranges within each other (seed ${seed})`, () => {
  const random = createRandom(seed);
  const bytesOf = (isIPv4: boolean) => {
    const bytes = new Uint8Array(16);
    // Few different bytes, so that ranges nest and addresses fall into them.
    for (let i = isIPv4 ? 12 : 0; i < 16; i++) bytes[i] = [0, 1, 128, 255, 10][random(5)]!;
    if (isIPv4) bytes.fill(0xff, 10, 12);
    return bytes;
  };
  const networks: OwnNetwork[] = [];
  for (let i = 0; i < 5000; i++) {
    const isIPv4 = random(2) === 0;
    const cidr = parseCidr(`${formatAddress(bytesOf(isIPv4))}/${random(isIPv4 ? 33 : 129)}`)!;
    networks.push({ name: `${i} ${formatCidr(cidr)}`, cidr });
  }
  const table = new NetworkTable(networks);
  const slow = (bytes: Uint8Array) => {
    let best: OwnNetwork | undefined;
    for (const network of networks) {
      const { cidr } = network;
      const isSameVersion = isMappedIPv4(bytes) ? cidr.prefixLength >= 96 : !isMappedIPv4(cidr.address);
      if (!isSameVersion || !isInCidr(cidr, bytes)) continue;
      if (best === undefined || cidr.prefixLength > best.cidr.prefixLength) best = network;
    }
    return best;
  };
  const depths = new Set<number>();
  for (let i = 0; i < 5000; i++) {
    const bytes = bytesOf(random(2) === 0);
    const expected = slow(bytes);
    assert.equal(table.find(bytes)?.name, expected?.name, formatAddress(bytes));
    depths.add(expected?.cidr.prefixLength ?? -1);
  }
  assert.ok(depths.size > 40, "narrow and wide ranges were found");
});

test("what is wrong with a network is told in words", () => {
  const message = (name: string, cidr: string) => networkProblem({ name, cidr })?.message;
  assert.equal(message("a", "10.1.0.0/16"), undefined);
  assert.equal(message("a", "10.1.2.3"), undefined, "one address");
  assert.equal(message("10.1.0.0/16", "10.1.0.0/16"), undefined, "named by itself");
  assert.equal(message("a", "office"), '"office" is no range, such as 10.1.0.0/16 or 2001:db8::/32');
  assert.equal(
    message("a", "10.1.2.3/16"),
    '"10.1.2.3/16" has bits behind its prefix; 10.1.0.0/16 is the whole range',
  );
  assert.equal(
    message("a", "2001:db8::1/32"),
    '"2001:db8::1/32" has bits behind its prefix; 2001:db8::/32 is the whole range',
  );
  assert.match(message("Internet", "10.1.0.0/16") ?? "", /^"Internet" is what Portolan calls/);
  assert.match(
    message("10.2.0.0/16", "10.1.0.0/16") ?? "",
    /^"10\.2\.0\.0\/16" is a range, and not this one/,
  );
});

test("equal ranges are found however they are written, ranges within others are none", () => {
  const networks = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "2001:DB8::/32",
    "10.0.0.0/8",
    "2001:db8:0::/32",
    "10.0.0.1",
    "10.0.0.1/32",
  ];
  assert.deepEqual(repeatedRanges(networks.map((range) => ({ name: range, cidr: parseCidr(range)! }))), [
    { index: 3, first: 0 },
    { index: 4, first: 2 },
    { index: 6, first: 5 },
  ]);
});

test("a cluster's ranges and nodes are inside, wherever they are routed, and so they are called; own names come first", () => {
  const cluster = new ClusterIndex();
  const networks = new NetworkTable([{ name: "rack", cidr: parseCidr("193.0.0.128/25")! }], cluster);
  const isInside = (address: string) => networks.isInside(parseAddress(address)!);
  assert.deepEqual([isInside("2600:db8::5"), nameOf(networks, "2600:db8::5")], [false, "internet"]);
  const before = networks.generation;
  const podRanges = ["2600:db8::/64", "10.42.0.0/24"].map((range) => parseCidr(range)!);
  const node = {
    name: "a",
    uid: "u",
    labels: "",
    createdMilliseconds: 1,
    addresses: ["193.0.0.7", "193.0.0.200"],
    podRanges,
  };
  cluster.putNode(node, 1000);
  assert.notEqual(networks.generation, before, "what was remembered has to be asked anew");
  for (const [address, network] of [
    ["2600:db8::5", "cluster"],
    ["193.0.0.7", "cluster"],
    ["193.0.0.200", "rack"],
    ["10.42.0.9", "10.42.0.0/24"],
  ] as const)
    assert.deepEqual([isInside(address), nameOf(networks, address)], [true, network]);
  assert.equal(isInside("193.0.0.8"), false);
  const known = networks.generation;
  cluster.putNode(node, 2000);
  assert.equal(networks.generation, known, "a node's heartbeat changes nothing");
  cluster.putNode({ ...node, addresses: ["193.0.0.9"] }, 3000);
  assert.notEqual(networks.generation, known);
  assert.ok(isInside("193.0.0.9"));
});
