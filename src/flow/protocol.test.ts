import assert from "node:assert/strict";
import { test } from "node:test";
import { formatProtocol, hasPorts, parseProtocol, protocolTcp, protocolUdp } from "./protocol.ts";

test("every protocol number is written so that it is read back", () => {
  for (let protocol = 0; protocol < 256; protocol++)
    assert.equal(parseProtocol(formatProtocol(protocol)), protocol);
});

test("well-known protocols are shown by name, in any case of letters", () => {
  assert.deepEqual([1, 6, 17, 47, 58, 132].map(formatProtocol), [
    "icmp",
    "tcp",
    "udp",
    "gre",
    "icmpv6",
    "sctp",
  ]);
  assert.equal(formatProtocol(200), "200");
  assert.deepEqual(
    [parseProtocol("TCP"), parseProtocol("Udp"), parseProtocol("6")],
    [protocolTcp, protocolUdp, 6],
  );
});

test("what is neither a name nor a number up to 255 is no protocol", () => {
  for (const text of ["", "256", "1000", "-1", "6.0", " 6", "tcpx", "0x6"])
    assert.equal(parseProtocol(text), undefined);
});

test("TCP, UDP, UDP-Lite, SCTP and DCCP have ports", () => {
  const withPorts = Array.from({ length: 256 }, (_, protocol) => protocol).filter(hasPorts);
  assert.deepEqual(withPorts, [6, 17, 33, 132, 136]);
});
