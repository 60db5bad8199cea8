import type { ObserverTable } from "../flow/index.ts";
import type { LiveFold } from "./live-fold.ts";
import type { LinkPart } from "./merge-parts.ts";
import type { PeerTable } from "./peer.ts";

/** The live fold's rows with their peers and observers: what `mergeParts` takes. */
export function* liveParts(fold: LiveFold, peers: PeerTable, observers: ObserverTable): Generator<LinkPart> {
  for (const entry of fold.entries()) {
    const { clientPeer, serverPeer, calledPeer, observer, rtt, rttMin } = entry;
    yield {
      ...entry, // whole: to leave fields out of a copy takes many times as long
      client: peers.get(clientPeer),
      server: peers.get(serverPeer),
      called: calledPeer === 0 ? undefined : peers.get(calledPeer),
      observer: observers.get(observer),
      rttMicroseconds: rtt > 0 ? rtt : null,
      rttMinMicroseconds: rttMin > 0 ? rttMin : null,
    };
  }
}
