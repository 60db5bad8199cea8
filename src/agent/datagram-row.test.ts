import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../flow/index.ts";
import type { DatagramReport } from "../observe/index.ts";
import { isClientEnd } from "./datagram-row.ts";

const started = 100e9;
const [icmp, udp, icmpv6] = [1, 17, 58];

const unicast = parseAddress("10.0.0.1")!;
const flow = {
  ...{ bytes: unicast, localAddress: 0 },
  protocol: udp,
  localPort: 50_000,
  remotePort: 9000,
  icmpTypeCode: 0,
  isLocalFirst: false,
  isAnswered: false,
  firstSeenNanoseconds: started + 60e9,
};
const early = { firstSeenNanoseconds: started + 1e9 };

const cases: [string, Partial<typeof flow>, boolean][] = [
  ["who sent first is the client", { isLocalFirst: true }, true],
  ["who received first is the server", {}, false],
  ["whatever the ports", { isLocalFirst: true, localPort: 53, remotePort: 50_000 }, true],
  [
    "what comes from port 53 to a client's port is an answer, whose question went elsewhere",
    { remotePort: 53 },
    true,
  ],
  ["from one low port to another it is not", { localPort: 123, remotePort: 123 }, false],
  ["when the observer has just begun, the lower port is the server", { ...early }, true],
  ["and so on the other side", { ...early, localPort: 53, remotePort: 50_000, isLocalFirst: true }, false],
  ...(["239.7.7.7", "255.255.255.255", "ff02::fb"] as const).map(
    (address): [string, Partial<typeof flow>, boolean] => [
      `who is at ${address} only receives`,
      { ...early, bytes: parseAddress(address)! },
      false,
    ],
  ),
  ["of equal ports who was first", { ...early, localPort: 123, remotePort: 123, isLocalFirst: true }, true],
  ["who sends an echo request", { protocol: icmp, icmpTypeCode: 0x0800, isLocalFirst: true }, true],
  ["who gets an echo request", { protocol: icmp, icmpTypeCode: 0x0800 }, false],
  ["who gets an echo reply asked", { protocol: icmp, icmpTypeCode: 0 }, true],
  [
    "who sends an echo reply was asked",
    { protocol: icmpv6, icmpTypeCode: 129 << 8, isLocalFirst: true },
    false,
  ],
  ["a kernel that answers is the server", { protocol: icmp, icmpTypeCode: 0, isAnswered: true }, false],
];
for (const [name, facts, expected] of cases) {
  test(name, () => assert.equal(isClientEnd({ ...flow, ...facts } as DatagramReport, started), expected));
}
