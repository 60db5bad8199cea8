import { Button } from "@mantine/core";
import type { TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import { unresolvedReasons } from "../../../src/topology/unresolved.ts";
import { useServerClock } from "../data/server-clock.ts";
import type { TopologyState } from "../data/topology-state.ts";
import { nestPath } from "../nest/nest-path.ts";
import { formatBytes, formatCount, formatDuration, formatTime } from "../units/units.ts";
import { CopyButtons } from "./copy-buttons.tsx";
import { kindLabel, portName } from "./describe.ts";
import type { DetailsProps } from "./details.tsx";
import { groupLabels, pinTerm } from "./group-terms.ts";
import { LookedUpNames } from "./looked-up-names.tsx";
import { PeerMemory } from "./memory.tsx";
import { Facts, LinkList, Panel } from "./panel.tsx";
import { SeriesSection } from "./series-section.tsx";

export function PeerDetails({
  peer,
  state,
  view,
  theme,
  onSelect,
  onFilter,
  onFlows,
}: DetailsProps & { peer: TopologyPeer; state: TopologyState }) {
  const asClient = [...state.links.values()].filter(({ client }) => client === peer.id);
  const asServer = [...state.links.values()].filter(
    ({ server, client }) => server === peer.id && client !== peer.id,
  );
  const clock = useServerClock();
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
        <Button size="xs" variant="default" onClick={() => onFlows(term)}>
          Its flows
        </Button>
        <CopyButtons filter={term} view={view} />
      </div>
      <Around peer={peer} onSelect={onSelect} />
      <Facts
        facts={[
          { label: "Out", text: formatBytes(out) },
          { label: "In", text: formatBytes(into) },
          { label: "Links", text: formatCount(asClient.length + asServer.length) },
          { label: "Failed", text: failed === 0 ? "" : formatCount(failed), isWarning: true },
          {
            label: "Not known who",
            text: peer.unresolved === undefined ? "" : unresolvedReasons[peer.unresolved],
            isWarning: true,
          },
          { label: "Machine", text: peer.node },
          { label: "Pod of", text: [peer.workloadKind, peer.workload].filter(Boolean).join(" ") },
          { label: "Service", text: peer.service ?? "" },
          { label: "Network", text: peer.network ?? "" },
          { label: "Site", text: peer.site ?? "" },
          { label: "VLAN", text: peer.vlan === undefined ? "" : String(peer.vlan) },
          { label: "Domain", text: peer.domain ?? "" },
          { label: "Where", text: [peer.city, peer.countryName].filter(Boolean).join(", ") },
          { label: "System", text: systemText(peer) },
          { label: "Process", text: peer.process },
          { label: "Container", text: peer.container.slice(0, 12) },
          { label: "Labels", text: peer.labels?.replaceAll(",", ", ") ?? "" },
          {
            label: "Seen",
            text: seenText([...asClient, ...asServer], view.range.kind === "live" ? clock.now() : undefined),
          },
          { label: peer.addresses.length === 1 ? "Address" : "Addresses", text: addressText(peer.addresses) },
        ]}
      />
      <SeriesSection
        range={view.range}
        asClient={pinTerm(peer, "client")}
        asServer={pinTerm(peer, "server")}
        outLabel="out"
        inLabel="in"
        theme={theme}
      />
      {/* The server knows peers by themselves, not what they are folded to. */}
      {view.group === "peer" && <PeerMemory id={peer.id} range={view.range} />}
      <LookedUpNames peers={[peer]} term={term} range={view.range} onFilter={onFilter} />
      <LinkList title="Calls" links={asClient} nameOf={nameOf("server")} onPick={pick} />
      <LinkList title="Called by" links={asServer} nameOf={nameOf("client")} onPick={pick} />
    </Panel>
  );
}

/** The groups around it, each a click away. */
function Around({ peer, onSelect }: { peer: TopologyPeer; onSelect: DetailsProps["onSelect"] }) {
  const path = nestPath(peer);
  if (path.length === 0) return null;
  return (
    <nav className="around" aria-label="Groups around it">
      {path.map(({ id, name, kind }) => (
        <button
          key={id}
          type="button"
          title={groupLabels[kind]}
          onClick={() => onSelect({ kind: "peer", id })}
        >
          {name}
        </button>
      ))}
    </nav>
  );
}

function systemText({ asNumber, asName }: TopologyPeer): string {
  return asNumber === undefined ? (asName ?? "") : [`AS${asNumber}`, asName].filter(Boolean).join(" ");
}

/** How long before `now` (unix ms), or when in a window of the past. */
function seenText(links: readonly TopologyLink[], now: number | undefined): string {
  const last = links.reduce((latest, { lastSeen }) => Math.max(latest, lastSeen), 0);
  if (last === 0) return "";
  return now !== undefined ? `${formatDuration(now - last)} ago` : formatTime(last);
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

function addressText(addresses: readonly string[]): string {
  const shown = addresses.slice(0, 6).join(", ");
  return addresses.length > 6 ? `${shown} and ${addresses.length - 6} more` : shown;
}
