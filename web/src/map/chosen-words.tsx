import { useMemo } from "react";
import type { TopologyStore } from "../data/topology-store.ts";
import { kindLabel } from "../details/describe.ts";
import { groupLabels } from "../details/group-terms.ts";
import { gatherLink, gatherPeer } from "../nest/gather.ts";
import { countOf, shorten } from "../units/units.ts";
import type { Selection } from "../view.ts";

/** Says to those who do not see the map what the arrow keys chose; once, not with every change of its figures. */
export function ChosenWords({
  store,
  selection,
}: {
  store: TopologyStore;
  selection: Selection | undefined;
}) {
  const words = useMemo(() => wordsFor(store, selection), [store, selection]);
  return (
    <p className="visually-hidden" role="status" data-testid="chosen-words">
      {words}
    </p>
  );
}

function wordsFor({ state }: TopologyStore, selection: Selection | undefined): string {
  if (selection === undefined) return "";
  if (selection.kind === "link") {
    const between = gatherLink(state, selection.id);
    return between === undefined
      ? ""
      : `Link from ${shorten(between.client.name, 60)} to ${shorten(between.server.name, 60)}`;
  }
  const found = gatherPeer(state, selection.id);
  if (found === undefined) return "";
  const name = shorten(found.name, 60);
  if (found.group !== undefined)
    return `${name}, ${groupLabels[found.group.kind]} of ${countOf(found.peers.length, "peer")}`;
  return `${name}, ${kindLabel(found.peers[0]!.kind)}`;
}
