import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { FlowBatch } from "../flow/index.ts";
import { headerProtocol, writePacketRow } from "./index.ts";
import { concat, ethernet, ipv4, ipv6, vlan } from "./testdata/frames.ts";

/** GoFlow2's packets, used in place where they are: shared/corpora/INDEX.md says what is in them. */
const folder = `${import.meta.dirname}/../../../shared/corpora/goflow2/packets`;
const skip = existsSync(folder) ? false : "no corpora beside the repository";

/** Its strings begin with the header that is tested: what stands in front of it, for those that are no whole frame. */
const fronts: Readonly<Record<string, Uint8Array>> = {
  TestProcessDot1Q: ethernet(0x8100),
  TestProcessMPLS: ethernet(0x8847),
  TestProcessIPv4: ethernet(0x0800),
  TestProcessIPv6: ethernet(0x86dd),
  TestProcessIPv6HeaderFragment: concat(ethernet(0x86dd), ipv6(44)),
  TestProcessIPv6HeaderRouting: concat(ethernet(0x8100), vlan(1, 0x86dd), ipv6(43)),
  TestProcessICMP: concat(ethernet(0x0800), ipv4(1)),
  TestProcessICMPv6: concat(ethernet(0x86dd), ipv6(58)),
};

/** Where ours is another, on purpose. */
const differences: Readonly<Record<string, string>> = {
  "TestProcessMPLS Etype": "nothing is behind the labels, so the type is that of MPLS",
};

const batch = new FlowBatch(8, { hasDetails: true });
const { columns } = batch;
const list = (place: number) => [...batch.listAt(place)];
const address = (column: Uint8Array, length: number) => [...column.subarray(16 - length, 16)];

/** GoFlow2's name of a field, and what our row says for it. */
const ours: Readonly<Record<string, (length: number) => unknown>> = {
  Etype: () => columns.ethernetType[0],
  VlanId: () => columns.vlanId[0],
  MplsLabel: () => list(columns.mplsLabelStack[0]!).map((entry) => entry >>> 12),
  MplsTtl: () => list(columns.mplsLabelStack[0]!).map((entry) => entry & 255),
  SrcAddr: (length) => address(columns.sourceAddress, length),
  DstAddr: (length) => address(columns.destinationAddress, length),
  FragmentId: () => columns.fragmentIdentification[0],
  FragmentOffset: () => columns.fragmentOffset[0],
  IpTtl: () => columns.ipTTL[0],
  Proto: () => columns.protocolIdentifier[0],
  Ipv6FlowLabel: () => columns.flowLabelIPv6[0],
  IcmpType: () => columns.icmpTypeCode[0]! >> 8,
  IcmpCode: () => columns.icmpTypeCode[0]! & 255,
};

/** `uint32(0x86dd)`, `[]byte{10, 0, 0, 1}`. */
function parseGo(literal: string): number | readonly number[] {
  const inside = literal.replace(/^.*?[({]/, "").replace(/[)}]$/, "");
  const values = inside.split(",").map(Number);
  return literal.startsWith("[]") ? values : values[0]!;
}

test("GoFlow2's packets give the fields its tests expect", { skip }, () => {
  const cases: Record<string, [literal: string, field: string][]> = JSON.parse(
    readFileSync(`${folder}/expectations.json`, "utf8"),
  );
  let comparedCount = 0;
  for (const [name, expectations] of Object.entries(cases)) {
    const packet = concat(fronts[name] ?? new Uint8Array(), readFileSync(`${folder}/${name}.bin`));
    batch.clear();
    writePacketRow(packet, 0, packet.length, headerProtocol.ethernet, batch, batch.append());
    for (const [literal, field] of expectations) {
      if (`${name} ${field}` in differences) continue;
      const expected = parseGo(literal);
      const length = Array.isArray(expected) ? expected.length : 0;
      assert.deepEqual(ours[field]!(length), expected, `${name} ${field}`);
      comparedCount++;
    }
  }
  assert.ok(comparedCount >= 21, `only ${comparedCount} values compared`);
});

test("GoFlow2's packets without expectations: tunnels show as layers, the outer headers are the row", {
  skip,
}, () => {
  const read = (name: string) => {
    const packet = readFileSync(`${folder}/${name}.bin`);
    batch.clear();
    writePacketRow(packet, 0, packet.length, headerProtocol.ethernet, batch, batch.append());
    return [columns.protocolIdentifier[0], columns.destinationTransportPort[0], list(columns.layerStack[0]!)];
  };
  assert.deepEqual(read("TestProcessPacketGRE"), [47, 0, [0, 2, 9, 1, 7]]);
  assert.deepEqual(read("TestProcessPacketMapping"), [17, 53, [0, 1, 4]]);
  assert.deepEqual(read("TestProcessPacketMappingEncap"), [4, 0, [0, 2, 10, 1, 4]]);
  assert.deepEqual(read("TestProcessPacketMappingGeneve"), [17, 6081, [0, 1, 4, 12, 0, 1, 7]]);
  assert.deepEqual(read("TestProcessPacketBase"), [58, 0, [0, 6, 5, 2, 8]]);
});
