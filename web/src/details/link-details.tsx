import { Button } from "@mantine/core";
import type { LinkObserver, TopologyLink } from "../../../src/topology/topology.ts";
import { useServerClock } from "../data/server-clock.ts";
import type { TopologyState } from "../data/topology-state.ts";
import { changeLook, hasTrouble, linkRate } from "../map/link-look.ts";
import type { ComparedLink } from "../nest/chart-link.ts";
import type { Gathered } from "../nest/gather.ts";
import {
  countOf,
  formatBytes,
  formatCount,
  formatDuration,
  formatMilliseconds,
  formatRate,
  formatTime,
} from "../units/units.ts";
import { CopyButtons } from "./copy-buttons.tsx";
import {
  brokenText,
  failedText,
  isSeenByAgent,
  kindLabel,
  perhapsText,
  portName,
  rttText,
} from "./describe.ts";
import type { DetailsProps } from "./details.tsx";
import { gatheredTerm, groupLabels } from "./group-terms.ts";
import { LinkMemory } from "./memory.tsx";
import { Bar, Facts, Panel, Section } from "./panel.tsx";
import { SeriesSection } from "./series-section.tsx";

const portsMax = 40;

export function LinkDetails({
  link,
  client,
  server,
  state,
  view,
  theme,
  onSelect,
  onExporter,
  onFilter,
  onFlows,
}: DetailsProps & { link: ComparedLink; client: Gathered; server: Gathered; state: TopologyState }) {
  const pinned = `${gatheredTerm(client, "client")} ${gatheredTerm(server, "server")}`;
  const isLive = view.range.kind === "live";
  const clock = useServerClock();
  const told = (count: number) => (count > 0 || isSeenByAgent(link) ? formatCount(count) : "–");
  return (
    <Panel kind="Link" title={`${client.name} → ${server.name}`} onClose={() => onSelect(undefined)}>
      <div className="ends">
        <End end="client" of={client} onSelect={onSelect} />
        <End end="server" of={server} onSelect={onSelect} />
      </div>
      <div className="details-buttons">
        <Button size="xs" variant="light" onClick={() => onFilter(pinned)}>
          Only this link
        </Button>
        <Button size="xs" variant="default" onClick={() => onFilter(`-(${pinned})`)}>
          Hide this
        </Button>
        <Button size="xs" variant="default" onClick={() => onFlows(pinned)}>
          Its flows
        </Button>
        <CopyButtons filter={pinned} view={view} />
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
          { label: "Called as", text: link.services?.join(", ") ?? "" },
          { label: "Perhaps", text: perhapsText(link, [...client.peers, ...server.peers]) },
          {
            label: "Last seen",
            text: link.lastSeen === 0 ? "" : lastSeen(link, isLive ? clock.now() : undefined),
          },
          { label: "Compared with", text: comparedText(link, state) },
        ]}
      />
      <SeriesSection range={view.range} asClient={pinned} outLabel="sent" inLabel="received" theme={theme} />
      <Ports link={link} />
      {view.group === "peer" && client.group === undefined && server.group === undefined && (
        <LinkMemory id={link.id} range={view.range} />
      )}
      <Section title="Seen by">
        <Observers observers={link.observers} onExporter={onExporter} />
      </Section>
    </Panel>
  );
}

/** How long before `now` (unix ms), or when in a window of the past. */
function lastSeen({ lastSeen }: TopologyLink, now: number | undefined): string {
  return now !== undefined ? `${formatDuration(now - lastSeen)} ago` : formatTime(lastSeen);
}

interface EndProps {
  readonly end: string;
  readonly of: Gathered;
  readonly onSelect: DetailsProps["onSelect"];
}

function End({ end, of: { id, name, peers, group }, onSelect }: EndProps) {
  const [peer] = peers;
  const words =
    group === undefined
      ? [peer && kindLabel(peer.kind), peer?.addresses[0]].filter(Boolean).join(", ")
      : `${groupLabels[group.kind]} of ${countOf(peers.length, "peer")}`;
  return (
    <button type="button" className="end" onClick={() => onSelect({ kind: "peer", id })} title={name}>
      <span className="faint">{end}</span>
      <b>{name}</b>
      <span className="faint">{words}</span>
    </button>
  );
}

/** What it carried in the other window, and how it changed. */
function comparedText(link: ComparedLink, state: TopologyState): string {
  if (link.baseRate === undefined) return "";
  return `${formatRate(link.baseRate)}, ${changeWords[changeLook(link, state)]}`;
}

const changeWords = {
  new: "new",
  gone: "gone now",
  grown: "grown",
  shrunk: "shrunk",
  same: "much the same",
} as const;

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
