import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../flow/index.ts";
import { networkOf } from "./fallback-network.ts";

const networks: [string, string][] = [
  ["10.1.2.3", "10.1.2.0/24"],
  ["192.168.255.255", "192.168.255.0/24"],
  ["fd00:1:2:3:4:5:6:7", "fd00:1:2:3::/64"],
  ["fe80::aabb", "fe80::/64"],
  ["127.0.0.1", "loopback"],
  ["127.9.9.9", "loopback"],
  ["::1", "loopback"],
  ["1.1.1.1", "internet"],
  ["2606:4700::1111", "internet"],
];
for (const [address, network] of networks) {
  test(`${address} is shown in ${network}`, () => {
    const bytes = new Uint8Array([...parseAddress("203.0.113.9")!, ...parseAddress(address)!]);
    assert.equal(networkOf(bytes, 16), network);
  });
}
