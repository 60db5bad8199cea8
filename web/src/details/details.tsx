import type { TopologyStore } from "../data/topology-store.ts";
import { useTopologyVersion } from "../data/use-topology.ts";
import type { ThemeName } from "../map/palette.ts";
import type { Selection, View } from "../view.ts";
import { LinkDetails } from "./link-details.tsx";
import { Panel } from "./panel.tsx";
import { PeerDetails } from "./peer-details.tsx";
import "./details.css";

export interface DetailsProps {
  readonly view: View;
  readonly theme: ThemeName;
  readonly onSelect: (selection: Selection | undefined) => void;
  /** Leads to an exporter, by its address. */
  readonly onExporter: (address: string) => void;
  /** Adds a term to the filter. */
  readonly onFilter: (term: string) => void;
}

/** All about the selected peer or link. */
export default function Details(props: DetailsProps & { store: TopologyStore; selection: Selection }) {
  const { store, selection } = props;
  useTopologyVersion(store);
  const { state } = store;
  const peer = selection.kind === "peer" ? state.peers.get(selection.id) : undefined;
  const link = selection.kind === "link" ? state.links.get(selection.id) : undefined;
  if (peer !== undefined) return <PeerDetails key={peer.id} {...props} peer={peer} state={state} />;
  if (link !== undefined) return <LinkDetails key={link.id} {...props} link={link} state={state} />;
  return (
    <Panel
      kind={selection.kind === "peer" ? "Peer" : "Link"}
      title={selection.id}
      onClose={() => props.onSelect(undefined)}
    >
      <p className="faint">
        Not on the map now: nothing of it was seen in this time, or the filter hides it.
      </p>
    </Panel>
  );
}
