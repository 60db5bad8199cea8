import { networkInterfaces } from "node:os";
import { createAddressPeers } from "../src/enrich/index.ts";
import type { FlowBatch } from "../src/flow/index.ts";
import {
  createStitcher,
  LiveFold,
  liveFoldDefaults,
  PeerTable,
  stitchDefaults,
} from "../src/topology/index.ts";

/** Steps 3 to 5 of the life of a flow: enrich, stitch, fold. What `netflow-nfcapd.ts --fold` hands its batches to. */
export function createDeliver(): (batch: FlowBatch) => void {
  const drop = () => {};
  const peers = new PeerTable(200_000, drop);
  const localAddresses = () =>
    Object.values(networkInterfaces()).flatMap((list) => list?.map((i) => i.address) ?? []);
  const addressPeers = createAddressPeers({ peers, node: "bench", localAddresses });
  const stitcher = createStitcher(stitchDefaults, drop);
  const fold = new LiveFold(liveFoldDefaults, drop);
  fold.tick(Date.now(), () => {});
  return (batch) => {
    addressPeers.enrich(batch);
    stitcher.stitch(batch, Math.floor(Date.now() / 1000));
    fold.fold(batch);
  };
}
