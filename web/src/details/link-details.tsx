import { Button } from "@mantine/core";
import { formatFilterTerm } from "../../../src/query/index.ts";
import type { LinkObserver, TopologyLink, TopologyPeer } from "../../../src/topology/topology.ts";
import type { TopologyState } from "../data/topology-state.ts";
import { hasTrouble, linkRate } from "../map/scene.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMilliseconds,
  formatRate,
  formatTime,
} from "../units/units.ts";
import { brokenText, failedText, isSeenByAgent, kindLabel, portName, rttText } from "./describe.ts";
import type { DetailsProps } from "./details.tsx";
import { Bar, Facts, Panel, Section } from "./panel.tsx";
import { SeriesSection } from "./series-section.tsx";

const portsMax = 40;

export function LinkDetails({
  link,
  state,
  view,
  theme,
  onSelect,
  onExporter,
  onFilter,
}: DetailsProps & { link: TopologyLink; state: TopologyState }) {
  const client = state.peers.get(link.client);
  const server = state.peers.get(link.server);
  const clientName = client?.name || link.client;
  const serverName = server?.name || link.server;
  const pinned = `${formatFilterTerm("client.id", link.client)} ${formatFilterTerm("server.id", link.server)}`;
  const isLive = view.range.kind === "live";
  const told = (count: number) => (count > 0 || isSeenByAgent(link) ? formatCount(count) : "–");
  return (
    <Panel kind="Link" title={`${clientName} → ${serverName}`} onClose={() => onSelect(undefined)}>
      <div className="ends">
        <End end="client" id={link.client} peer={client} onSelect={onSelect} />
        <End end="server" id={link.server} peer={server} onSelect={onSelect} />
      </div>
      <div className="details-buttons">
        <Button size="xs" variant="light" onClick={() => onFilter(pinned)}>
          Only this link
        </Button>
        <Button size="xs" variant="default" onClick={() => onFilter(`-(${pinned})`)}>
          Hide this
        </Button>
      </div>
      <Facts
        facts={[
          { label: "Sent", text: formatBytes(link.bytesSent) },
          { label: "Received", text: formatBytes(link.bytesReceived) },
          { label: isLive ? "Rate now" : "Mean rate", text: formatRate(linkRate(link, state, isLive)) },
          { label: "Packets", text: formatCount(link.packets) },
          { label: "Opened", text: told(link.connections) },
          { label: "Open now", text: isLive ? told(link.active) : "" },
          { label: "Failed", text: failedText(link, told(link.failed)), isWarning: link.failed > 0 },
          { label: "Broken", text: brokenText(link), isWarning: true },
          {
            label: "Resent",
            text: told(link.retransmits),
            isWarning: hasTrouble({ ...link, failed: 0 }),
          },
          { label: "RTT", text: rttText(link) },
          { label: "Connect", text: link.connectMs === null ? "" : formatMilliseconds(link.connectMs) },
          { label: "Last seen", text: lastSeen(link, isLive) },
        ]}
      />
      <SeriesSection range={view.range} asClient={pinned} outLabel="sent" inLabel="received" theme={theme} />
      <Ports link={link} />
      <Section title="Seen by">
        <Observers observers={link.observers} onExporter={onExporter} />
      </Section>
    </Panel>
  );
}

function lastSeen({ lastSeen }: TopologyLink, isLive: boolean): string {
  return isLive ? `${formatDuration(Date.now() - lastSeen)} ago` : formatTime(lastSeen);
}

interface EndProps {
  readonly end: string;
  readonly id: string;
  readonly peer: TopologyPeer | undefined;
  readonly onSelect: DetailsProps["onSelect"];
}

function End({ end, id, peer, onSelect }: EndProps) {
  return (
    <button
      type="button"
      className="end"
      onClick={() => onSelect({ kind: "peer", id })}
      title={peer?.name || id}
    >
      <span className="faint">{end}</span>
      <b>{peer?.name || id}</b>
      <span className="faint">
        {peer === undefined ? "" : [kindLabel(peer.kind), peer.addresses[0]].filter(Boolean).join(", ")}
      </span>
    </button>
  );
}

function Ports({ link: { ports } }: { link: TopologyLink }) {
  const sorted = [...ports].sort((a, b) => b.bytesSent + b.bytesReceived - a.bytesSent - a.bytesReceived);
  const heaviest = Math.max(1, ...sorted.slice(0, 1).map((port) => port.bytesSent + port.bytesReceived));
  return (
    <Section title={ports.length === 1 ? "Port" : `Ports (${ports.length})`}>
      <ul className="port-list">
        {sorted.slice(0, portsMax).map((port) => (
          <li key={portName(port)}>
            <b>{portName(port)}</b>
            <span className="number">↑ {formatBytes(port.bytesSent)}</span>
            <span className="number">↓ {formatBytes(port.bytesReceived)}</span>
            {port.connections > 0 && (
              <span className="number faint">{formatCount(port.connections)} opened</span>
            )}
            <Bar part={(port.bytesSent + port.bytesReceived) / heaviest} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** Each observer's own figures. The totals above are of the best observer, never a sum. */
function Observers({
  observers,
  onExporter,
}: Pick<DetailsProps, "onExporter"> & { observers: readonly LinkObserver[] }) {
  return (
    <>
      <ul className="observers">
        {observers.map(({ id, kind, name, bytesSent, bytesReceived, packets }) => (
          <li key={id} title={id}>
            <span>
              {kind}{" "}
              {kind === "exporter" ? (
                <button type="button" className="observer-link" onClick={() => onExporter(name)}>
                  {name}
                </button>
              ) : (
                <b>{name}</b>
              )}
            </span>
            <span className="number">
              ↑ {formatBytes(bytesSent)} ↓ {formatBytes(bytesReceived)}, {formatCount(packets)} packets
            </span>
          </li>
        ))}
      </ul>
      {observers.length > 1 && <p className="faint">The same traffic seen more than once: not added up.</p>}
    </>
  );
}
