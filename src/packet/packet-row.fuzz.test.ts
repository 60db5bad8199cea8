import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowBatch } from "../flow/index.ts";
import { headerProtocol, ipLength, writePacketRow } from "./index.ts";
import { concat, ethernet, fromHex, ipv4, ipv6, mplsEntry, tcp, udp, vlan } from "./testdata/frames.ts";
import { createRandom } from "./testdata/random.ts";

const inner = concat(ethernet(0x0800), ipv4(6), tcp(1, 2));
const packets = [
  concat(
    ethernet(0x88a8),
    vlan(1, 0x8100),
    vlan(2, 0x8847),
    mplsEntry(16, false),
    mplsEntry(17, true),
    ipv4(6),
    tcp(1, 2),
  ),
  concat(
    ethernet(0x86dd),
    ipv6(0),
    fromHex("2b00 0502 0000 0100"),
    fromHex("0602 0401 00000000"),
    new Uint8Array(16),
    tcp(1, 2),
  ),
  concat(ethernet(0x0800), ipv4(17), udp(1, 4789), fromHex("0800000000000100"), inner, inner),
  concat(ethernet(0x0800), ipv4(47), fromHex("b000 6558 00000000 00000000 00000000"), inner),
  concat(
    ethernet(0x8864),
    fromHex("1100 0001 0050 0057"),
    ipv6(44),
    fromHex("1100 0009 00000001"),
    udp(1, 2),
  ),
];

/** SEED=n gives a run back; FUZZ_PACKETS=n runs longer. */
test("no captured octets make the reader throw, loop or leave their bounds", (context) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
  context.diagnostic(`SEED=${seed}`);
  const random = createRandom(seed);
  const batches = [new FlowBatch(8, { hasDetails: true }), new FlowBatch(8)];
  const protocols = [...Object.values(headerProtocol), 0, 3, 255];
  for (let i = Number(process.env.FUZZ_PACKETS ?? 100_000); i > 0; i--) {
    const bytes = Uint8Array.from(packets[random(packets.length)]!);
    for (let changes = random(5); changes > 0; changes--) bytes[random(bytes.length)] = random(256);
    const start = random(3) === 0 ? random(bytes.length) : 0;
    const end = start + random(bytes.length - start + 1) + random(2);
    const protocol = random(4) === 0 ? protocols[random(protocols.length)]! : headerProtocol.ethernet;
    const batch = batches[i & 1]!;
    if (batch.free === 0) batch.clear();
    const row = batch.append();
    const layer2 = writePacketRow(bytes, start, end, protocol, batch, row);
    assert.ok(layer2 >= -1 && layer2 <= end - start - 20 + (layer2 < 0 ? 20 : 0), `SEED=${seed}: ${layer2}`);
    const length = ipLength(bytes, start, layer2, protocol);
    assert.ok(Number.isInteger(length) && length >= 0 && length <= 65_575, `SEED=${seed}: ${length}`);
    if (batch.hasDetails) {
      const layers = batch.listAt(batch.columns.layerStack[row]!).length;
      assert.ok(layers <= 24, `SEED=${seed}: ${layers} layers`);
    }
  }
});
