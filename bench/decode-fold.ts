import type { FlowBatch } from "../src/flow/index.ts";
import { LiveFold, liveFoldDefaults } from "../src/topology/index.ts";

/** Step 5 of the life of a flow alone, with ends that need no look-up: what folding costs behind receiving and decoding. */
export function createDeliver(): (batch: FlowBatch) => void {
  const fold = new LiveFold(liveFoldDefaults, () => {});
  fold.tick(Date.now(), () => {});
  return (batch) => {
    const { sourcePeer, destinationPeer, sourceTransportPort, destinationTransportPort } = batch.columns;
    for (let row = 0; row < batch.count; row++) {
      sourcePeer[row] = 2 + (sourceTransportPort[row]! % 15_000);
      destinationPeer[row] = 2 + destinationTransportPort[row]!;
    }
    fold.fold(batch);
  };
}
