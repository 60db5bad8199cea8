import type { TopologyPeer } from "../../../src/topology/topology.ts";
import type { TopologyStore } from "../data/topology-store.ts";
import { useTopologyVersion } from "../data/use-topology.ts";
import { kindLabel, linkSummary, portName } from "../details/describe.ts";
import { groupLabels } from "../details/group-terms.ts";
import type { ComparedLink } from "../nest/chart-link.ts";
import { type Gathered, gatherLink, gatherPeer } from "../nest/gather.ts";
import { countOf, formatBytes, shorten } from "../units/units.ts";
import type { Selection } from "../view.ts";
import { hasTrouble } from "./link-look.ts";

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
  const gathered = selection.kind === "peer" ? gatherPeer(store.state, selection.id) : undefined;
  const between = selection.kind === "link" ? gatherLink(store.state, selection.id) : undefined;
  const isMore = selection.id.startsWith("more:");
  if (gathered === undefined && between === undefined && !isMore) return null;
  const [peer] = gathered?.peers ?? [];
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
      {isMore && <div>The lighter ones of this group; a click shows them all</div>}
      {gathered?.group !== undefined && <GroupWords gathered={gathered} store={store} />}
      {gathered !== undefined && gathered.group === undefined && peer !== undefined && (
        <PeerWords peer={peer} store={store} />
      )}
      {between !== undefined && <LinkWords {...between} store={store} isLive={isLive} />}
    </div>
  );
}

/** What the links of some peers come to, those among them included. */
function sumOfLinks(store: TopologyStore, ids: ReadonlySet<string>) {
  const sum = { links: 0, bytes: 0, troubled: 0 };
  for (const link of store.state.links.values()) {
    if (!ids.has(link.client) && !ids.has(link.server)) continue;
    sum.links++;
    sum.bytes += link.bytesSent + link.bytesReceived;
    if (hasTrouble(link)) sum.troubled++;
  }
  return sum;
}

function Trouble({ count }: { count: number }) {
  return count > 0 && <div className="warning">{countOf(count, "link")} in trouble</div>;
}

function PeerWords({ peer, store }: { peer: TopologyPeer; store: TopologyStore }) {
  const { links, bytes, troubled } = sumOfLinks(store, new Set([peer.id]));
  return (
    <>
      <b>{shorten(peer.name || peer.id, 60)}</b>
      <div>
        {kindLabel(peer.kind)}
        {peer.node === "" ? "" : ` on ${shorten(peer.node, 40)}`}
      </div>
      <div className="faint">{shorten(peer.addresses.slice(0, 2).join(", "), 60)}</div>
      <div>
        {countOf(links, "link")}, {formatBytes(bytes)}
      </div>
      <Trouble count={troubled} />
    </>
  );
}

function GroupWords({
  gathered: { name, peers, group },
  store,
}: {
  gathered: Gathered;
  store: TopologyStore;
}) {
  const { bytes, troubled } = sumOfLinks(store, new Set(peers.map(({ id }) => id)));
  return (
    <>
      <b>{shorten(name, 60)}</b>
      <div>
        {groupLabels[group!.kind]} of {countOf(peers.length, "peer")}, {formatBytes(bytes)}
      </div>
      <Trouble count={troubled} />
      <div className="faint">Double-click opens it</div>
    </>
  );
}

interface LinkWordsProps {
  readonly link: ComparedLink;
  readonly client: Gathered;
  readonly server: Gathered;
  readonly store: TopologyStore;
  readonly isLive: boolean;
}

function LinkWords({ link, client, server, store, isLive }: LinkWordsProps) {
  return (
    <>
      <b>
        {shorten(client.name, 36)} → {shorten(server.name, 36)}
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
