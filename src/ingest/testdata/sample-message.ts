import { FlowBatch, parseAddress } from "../../flow/index.ts";
import type { Peer } from "../../topology/index.ts";
import type { IngestMessage } from "../index.ts";

export interface SampleRow {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** 1 the client's socket was read, 2 the server's. */
  readonly observedEnd: 1 | 2;
  readonly bytes: number;
  readonly bytesBack?: number;
  readonly startMilliseconds?: number;
  readonly opened?: boolean;
  readonly closed?: boolean;
  readonly scope?: number;
  /** Places in the message's peers. */
  readonly sourcePeer?: number;
  readonly destinationPeer?: number;
}

export function sampleBatch(rows: readonly SampleRow[]): FlowBatch {
  const batch = new FlowBatch(rows.length);
  for (const given of rows) {
    const row = batch.append();
    const { columns } = batch;
    columns.sourceAddress.set(parseAddress(given.source)!, row * 16);
    columns.destinationAddress.set(parseAddress(given.destination)!, row * 16);
    columns.sourceTransportPort[row] = given.sourcePort;
    columns.destinationTransportPort[row] = given.destinationPort;
    columns.protocolIdentifier[row] = 6;
    columns.octetDeltaCount[row] = given.bytes;
    columns.reverseOctetDeltaCount[row] = given.bytesBack ?? 0;
    columns.packetDeltaCount[row] = 1;
    columns.flowStartMilliseconds[row] = given.startMilliseconds ?? 0;
    columns.flowEndMilliseconds[row] = given.startMilliseconds ?? 0;
    columns.observedEnd[row] = given.observedEnd;
    columns.clientEnd[row] = 1;
    columns.connectionScope[row] = given.scope ?? 0;
    columns.connectionCount[row] = given.opened ? 1 : 0;
    columns.flowEndReason[row] = given.closed ? 3 : 2;
    columns.samplingInterval[row] = 1;
    columns.sourcePeer[row] = given.sourcePeer ?? 0;
    columns.destinationPeer[row] = given.destinationPeer ?? 0;
  }
  return batch;
}

export function samplePeer(node: string, name: string, address: string): Peer {
  return {
    id: `process:${node}/${name}`,
    kind: "process",
    ...{ name, address, node, network: "10.0.0.0/24", process: name, container: "" },
  };
}

export const samplePod = {
  ...{ namespace: "shop", pod: "web-5d4f8-x1", workload: "web", workloadKind: "Deployment" },
};

/** A message without anything in it, but for what is given. */
export function sampleMessage(given: Partial<IngestMessage> = {}): IngestMessage {
  return {
    node: "box",
    instance: "00112233445566778899aabbccddeeff",
    epoch: "ffeeddccbbaa99887766554433221100",
    sequence: 1,
    agentVersion: "0.1.0",
    machine: "2b3c5f0e-0000-4000-8000-00155d012345",
    startedMilliseconds: 1_760_000_000_000,
    sealedMilliseconds: 1_760_000_001_000,
    isLast: false,
    batch: new FlowBatch(0),
    peers: [],
    renamed: [],
    names: [],
    translations: [],
    asked: [],
    drops: [],
    ...given,
  };
}

/** One of everything the format has. */
export function wholeMessage(): IngestMessage {
  return sampleMessage({
    batch: sampleBatch([
      {
        ...{ source: "10.0.0.9", sourcePort: 40000, destination: "10.0.0.1", destinationPort: 443, observedEnd: 1 },
        ...{ bytes: 2 ** 53, bytesBack: 7, startMilliseconds: 1_760_000_000_500.25, opened: true, sourcePeer: 1 },
      },
      {
        ...{ source: "::1", sourcePort: 65535, destination: "::1", destinationPort: 80, observedEnd: 2 },
        ...{ bytes: 0, closed: true, scope: 4_026_531_840, sourcePeer: 1, destinationPeer: 2 },
      },
    ]),
    peers: [
      { ...samplePeer("box", "curl", "10.0.0.9"), podUid: "0f3b", ...samplePod },
      samplePeer("box", "nginx — été", "::1"),
    ],
    renamed: [{ id: "container:box/abc", address: "10.0.0.7", name: "web", ...samplePod }],
    names: [{ address: parseAddress("93.184.216.34")!, name: "www.example", ttlSeconds: 3600 }],
    translations: [
      {
        addresses: Uint8Array.from({ length: 64 }, (_, i) => i),
        ...{ originalSourcePort: 40000, originalDestinationPort: 80, replySourcePort: 8080, replyDestinationPort: 0 },
        ...{ protocol: 6, networkNamespace: 4_026_531_840, endedMilliseconds: 1_760_000_000_500 },
      },
    ],
    asked: [
      {
        ...{ peer: 1, name: "www.example", queryCount: 5, answerCount: 4, nxdomainCount: 1, servfailCount: 1 },
        ...{ refusedCount: 1, otherFailureCount: 1, timedOutCount: 1 },
        ...{ latencySumMicroseconds: 2 ** 40, latencyMaxMicroseconds: 1234 },
      },
    ],
    drops: [{ reason: "connection_limit", count: 3 }],
    report: {
      parts: [
        { name: "tcp", isOn: true, reason: "" },
        { name: "dns", isOn: false, reason: "it was not asked for" },
      ],
      ...{ sockets: 12, spoolBytes: 4096, spoolMessages: 2, way: "sock_diag" },
      limits: [{ reason: "UDP is not seen", remedy: "boot a newer kernel" }],
      dns: {
        ...{ nameCount: 1, waitingCount: 2, malformedCount: 3, unaskedCount: 4, unbelievedCount: 5 },
        resolvers: [
          {
            ...{ address: "10.96.0.10", queryCount: 9, answerCount: 7, timedOutCount: 1 },
            ...{ latencySumMicroseconds: 12_345, latencyMaxMicroseconds: 6789 },
            failureCounts: { NXDOMAIN: 2, RCODE11: 1 },
          },
        ],
      },
    },
  });
}
