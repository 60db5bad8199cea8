import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import type { TopologyStore } from "../data/topology-store.ts";
import { useTopologyVersion } from "../data/use-topology.ts";
import { kindLabel, linkSummary, portName } from "../details/describe.ts";
import { formatBytes, shorten } from "../units/units.ts";
import type { Selection } from "../view.ts";

export interface Hover {
  readonly selection: Selection;
  readonly x: number;
  readonly y: number;
}

/** What is below the pointer, in words, beside the pointer. */
export function MapTooltip({
  hover,
  store,
  isLive,
}: {
  hover: Hover;
  store: TopologyStore;
  isLive: boolean;
}) {
  useTopologyVersion(store);
  const { selection, x, y } = hover;
  const peer = selection.kind === "peer" ? store.state.peers.get(selection.id) : undefined;
  const link = selection.kind === "link" ? store.state.links.get(selection.id) : undefined;
  if (peer === undefined && link === undefined) return null;
  const isRight = x > window.innerWidth * 0.6;
  return (
    <div
      className="map-tooltip"
      data-side={isRight ? "left" : "right"}
      data-below={y < 150 ? "" : undefined}
      style={{ left: x, top: y }}
      role="status"
      data-testid="map-tooltip"
    >
      {peer !== undefined && <PeerWords peer={peer} store={store} />}
      {link !== undefined && <LinkWords link={link} store={store} isLive={isLive} />}
    </div>
  );
}

function PeerWords({ peer, store }: { peer: TopologyPeer; store: TopologyStore }) {
  let bytes = 0;
  let count = 0;
  for (const link of store.state.links.values()) {
    if (link.client !== peer.id && link.server !== peer.id) continue;
    bytes += link.bytesSent + link.bytesReceived;
    count++;
  }
  return (
    <>
      <b>{shorten(peer.name || peer.id, 60)}</b>
      <div>
        {kindLabel(peer.kind)}
        {peer.node === "" ? "" : ` on ${shorten(peer.node, 40)}`}
      </div>
      <div className="faint">{shorten(peer.addresses.slice(0, 2).join(", "), 60)}</div>
      <div>
        {count} {count === 1 ? "link" : "links"}, {formatBytes(bytes)}
      </div>
    </>
  );
}

function LinkWords({ link, store, isLive }: { link: TopologyLink; store: TopologyStore; isLive: boolean }) {
  const name = (id: string) => shorten(store.state.peers.get(id)?.name || id, 36);
  return (
    <>
      <b>
        {name(link.client)} → {name(link.server)}
      </b>
      <div className="faint">{link.ports.slice(0, 4).map(portName).join(", ")}</div>
      {linkSummary(link, store.state, isLive).map((line) => (
        <div key={line.text} className={line.isWarning ? "warning" : ""}>
          {line.text}
        </div>
      ))}
    </>
  );
}
