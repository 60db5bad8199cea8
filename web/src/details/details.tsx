import { formatFilterTerm } from "../../../src/query/index.ts";
import type { TopologyStore } from "../data/topology-store.ts";
import { useTopologyVersion } from "../data/use-topology.ts";
import type { ThemeName } from "../map/palette.ts";
import { gatherLink, gatherPeer } from "../nest/gather.ts";
import { isGroupId } from "../nest/nest-path.ts";
import type { Openness } from "../nest/openness.ts";
import type { Selection, View } from "../view.ts";
import { GroupDetails } from "./group-details.tsx";
import { LinkDetails } from "./link-details.tsx";
import { LookedUpNames } from "./looked-up-names.tsx";
import { LinkMemory, PeerMemory } from "./memory.tsx";
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
  /** Leads to the flow records of a term. */
  readonly onFlows: (term: string) => void;
  /** Opens or closes a group on the map. */
  readonly onOpenness: (openness: Openness) => void;
}

/** All about the selected peer or link. */
export default function Details(props: DetailsProps & { store: TopologyStore; selection: Selection }) {
  const { store, selection } = props;
  useTopologyVersion(store);
  const { state } = store;
  const found = selection.kind === "peer" ? gatherPeer(state, selection.id) : undefined;
  const between = selection.kind === "link" ? gatherLink(state, selection.id) : undefined;
  const [peer] = found?.peers ?? [];
  if (found?.group !== undefined)
    return <GroupDetails key={found.id} {...props} gathered={found} state={state} />;
  if (peer !== undefined) return <PeerDetails key={peer.id} {...props} peer={peer} state={state} />;
  if (between !== undefined)
    return <LinkDetails key={between.link.id} {...props} {...between} state={state} />;
  return (
    <Panel
      kind={selection.kind === "peer" ? "Peer" : "Link"}
      title={selection.id}
      onClose={() => props.onSelect(undefined)}
    >
      <p className="faint">
        Not on the map now: nothing of it was seen in this time, or the filter hides it.
      </p>
      {props.view.group === "peer" &&
        // Groups are made here: of these the store knows nothing by id, nor of a link between them.
        !selection.id.split(">").some(isGroupId) &&
        (selection.kind === "peer" ? (
          <>
            <PeerMemory id={selection.id} range={props.view.range} />
            <LookedUpNames
              {...{ peers: [], term: formatFilterTerm("id", selection.id) }}
              {...{ range: props.view.range, onFilter: props.onFilter }}
            />
          </>
        ) : (
          <LinkMemory id={selection.id} range={props.view.range} />
        ))}
    </Panel>
  );
}
