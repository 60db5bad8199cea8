import { Button } from "@mantine/core";
import { formatFilterTerm } from "../../../src/query/index.ts";
import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import type { TopologyState } from "../data/topology-state.ts";
import { formatBytes, formatCount } from "../units/units.ts";
import { kindLabel, portName } from "./describe.ts";
import type { DetailsProps } from "./details.tsx";
import { Facts, LinkList, Panel } from "./panel.tsx";
import { SeriesSection } from "./series-section.tsx";

export function PeerDetails({
  peer,
  state,
  view,
  theme,
  onSelect,
  onFilter,
}: DetailsProps & { peer: TopologyPeer; state: TopologyState }) {
  const asClient = [...state.links.values()].filter(({ client }) => client === peer.id);
  const asServer = [...state.links.values()].filter(
    ({ server, client }) => server === peer.id && client !== peer.id,
  );
  const { out, into } = totals(asClient, asServer);
  const failed = [...asClient, ...asServer].reduce((sum, link) => sum + link.failed, 0);
  const term = pinTerm(peer);
  const nameOf = (end: "client" | "server") => (link: TopologyLink) =>
    `${state.peers.get(link[end])?.name || link[end]}${link.ports[0] === undefined ? "" : `  ${portName(link.ports[0])}`}`;
  const pick = (link: TopologyLink) => onSelect({ kind: "link", id: link.id });
  return (
    <Panel kind={kindLabel(peer.kind)} title={peer.name || peer.id} onClose={() => onSelect(undefined)}>
      <div className="details-buttons">
        <Button size="xs" variant="light" onClick={() => onFilter(term)}>
          Only this peer
        </Button>
        <Button size="xs" variant="default" onClick={() => onFilter(`-${term}`)}>
          Hide this
        </Button>
      </div>
      <Facts
        facts={[
          { label: "Out", text: formatBytes(out) },
          { label: "In", text: formatBytes(into) },
          { label: "Links", text: formatCount(asClient.length + asServer.length) },
          { label: "Failed", text: failed === 0 ? "" : formatCount(failed), isWarning: true },
          { label: "Machine", text: peer.node },
          { label: "Group", text: peer.group === peer.node ? "" : peer.group },
          { label: "Process", text: peer.process },
          { label: "Container", text: peer.container.slice(0, 12) },
          { label: peer.addresses.length === 1 ? "Address" : "Addresses", text: addressText(peer.addresses) },
        ]}
      />
      <SeriesSection
        range={view.range}
        asClient={formatFilterTerm(`client.${pinField(peer)}`, pinValue(peer))}
        asServer={formatFilterTerm(`server.${pinField(peer)}`, pinValue(peer))}
        outLabel="out"
        inLabel="in"
        theme={theme}
      />
      <LinkList title="Calls" links={asClient} nameOf={nameOf("server")} onPick={pick} />
      <LinkList title="Called by" links={asServer} nameOf={nameOf("client")} onPick={pick} />
    </Panel>
  );
}

function totals(
  asClient: readonly TopologyLink[],
  asServer: readonly TopologyLink[],
): { out: number; into: number } {
  const sum = (links: readonly TopologyLink[], key: "bytesSent" | "bytesReceived") =>
    links.reduce((total, link) => total + link[key], 0);
  return {
    out: sum(asClient, "bytesSent") + sum(asServer, "bytesReceived"),
    into: sum(asClient, "bytesReceived") + sum(asServer, "bytesSent"),
  };
}

/** A grouped map's peer is a machine or a network: filters name those by their own field. */
function pinField({ kind }: TopologyPeer): "node" | "network" | "id" {
  return kind === "node" || kind === "network" ? kind : "id";
}

function pinValue(peer: TopologyPeer): string {
  return pinField(peer) === "id" ? peer.id : peer.name;
}

function pinTerm(peer: TopologyPeer): string {
  return formatFilterTerm(pinField(peer), pinValue(peer));
}

function addressText(addresses: readonly string[]): string {
  const shown = addresses.slice(0, 6).join(", ");
  return addresses.length > 6 ? `${shown} and ${addresses.length - 6} more` : shown;
}
