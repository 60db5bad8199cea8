import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress } from "../flow/index.ts";
import { packetDirection } from "../packet/index.ts";
import { defaultFlowTableConfig } from "./config.ts";
import { endReason } from "./end-reason.ts";
import { FlowRecords } from "./flow-records.ts";
import { FlowTable } from "./flow-table.ts";
import { ack, batchOf, rst, syn, type TestPacket } from "./testdata/packets.ts";

const start = 1_760_000_000_000;
const client = { source: "10.0.0.1", destination: "10.0.0.2", sourcePort: 1000, destinationPort: 443 };
const server = { source: "10.0.0.2", destination: "10.0.0.1", sourcePort: 443, destinationPort: 1000 };

/** Records of what is added, of an interface that records call 7. */
function trial(isBiflow: boolean) {
  const rows: Record<string, number | string>[] = [];
  const config = { isBiflow, isSoftflowd: false, interfaces: [{ index: 7 }], withDetails: true };
  const records = new FlowRecords(config, ({ columns, count }) => {
    for (let row = 0; row < count; row++)
      rows.push({
        source: formatAddress(columns.sourceAddress.subarray(row * 16, row * 16 + 16)),
        packets: columns.packetDeltaCount[row]!,
        reversePackets: columns.reversePacketDeltaCount[row]!,
        clientEnd: columns.clientEnd[row]!,
        direction: columns.flowDirection[row]!,
        ingress: columns.ingressInterface[row]!,
        egress: columns.egressInterface[row]!,
        endReason: columns.flowEndReason[row]!,
      });
  });
  const table: FlowTable = new FlowTable(
    { ...defaultFlowTableConfig, flowsMax: 64 },
    (row, reason) => void records.add(table, row, reason),
  );
  const add = (...packets: (Omit<TestPacket, "time"> & { at: number })[]) =>
    table.add(
      batchOf(packets.map(({ at, ...packet }) => ({ ...packet, protocol: "tcp", time: start + at }))),
    );
  const report = () => {
    records.flush();
    return rows.splice(0);
  };
  return { table, add, report };
}

test("a biflow's record goes out from who sent, and says whether that is the initiator (RFC 5103 §6.3)", () => {
  const { table, add, report } = trial(true);
  add(
    { at: 0, ...server, flags: syn | ack },
    { at: 1, ...client, flags: ack },
    { at: 2, ...client, flags: ack },
  );
  table.advance(start + 66_000);
  const tell = ({ source, packets, reversePackets, clientEnd }: Record<string, number | string>) => [
    source,
    packets,
    reversePackets,
    clientEnd,
  ];
  assert.deepEqual(report().map(tell), [["10.0.0.1", 2, 1, 1]], "the answer to a SYN was seen first");
  add({ at: 70_000, ...server, flags: ack });
  table.advance(start + 140_000);
  assert.deepEqual(report().map(tell), [["10.0.0.2", 1, 0, 2]], "only the responder sent");
  table.expireAll();
  assert.deepEqual(report(), [], "nothing came since");
});

test("of a connection that was there before nobody says who began it", () => {
  const { table, add, report } = trial(true);
  add({ at: 0, ...server, flags: ack }, { at: 1, ...client, flags: ack });
  table.expireAll();
  const [row] = report();
  assert.deepEqual([row?.source, row?.clientEnd], ["10.0.0.2", 0]);
});

test("what leaves has an egress interface, what comes in an ingress interface, and both their direction", () => {
  const { table, add, report } = trial(false);
  add(
    { at: 0, ...client, flags: syn, direction: packetDirection.outbound },
    { at: 1, ...server, flags: syn | ack, direction: packetDirection.inbound },
  );
  table.expireAll();
  assert.deepEqual(
    report().map(({ source, direction, ingress, egress }) => [source, direction, ingress, egress]),
    [
      ["10.0.0.1", 1, 0, 7],
      ["10.0.0.2", 0, 7, 0],
    ],
  );
});

test("flowEndReason is IANA's, for each way a flow is reported", () => {
  const ends: [number, number][] = [
    [endReason.tcp, 1],
    [endReason.maxlife, 2],
    [endReason.fin, 3],
    [endReason.reset, 3],
    [endReason.forced, 4],
    [endReason.evicted, 5],
  ];
  for (const [reason, expected] of ends) {
    const { table, add, report } = trial(false);
    add({ at: 0, ...client, flags: rst });
    table.expireAll(reason as typeof endReason.tcp);
    assert.equal(report()[0]?.endReason, expected);
  }
});
