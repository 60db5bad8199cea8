import { UnstyledButton } from "@mantine/core";
import type { Agents, ExporterStatus, Status } from "../data/answers.ts";
import { useServerClock } from "../data/server-clock.ts";
import type { TopologyStore } from "../data/topology-store.ts";
import { type FeedState, useTopologyVersion } from "../data/use-topology.ts";
import { attentionText } from "../exporters/exporter-words.ts";
import { countOf, formatBytes, formatCount, formatDuration, formatTime } from "../units/units.ts";
import { AgentWord } from "./agent-word.tsx";
import { KubernetesWord } from "./kubernetes-word.tsx";
import { DropLines, Lamp, More } from "./more.tsx";
import { dropCount } from "./record-rate.ts";
import "./status.css";

export interface StatusLineProps {
  readonly store: TopologyStore;
  readonly status: Status | undefined;
  readonly agents: Agents | undefined;
  readonly recordsPerSecond: number | undefined;
  readonly feed: FeedState;
  readonly exportersInTrouble: number;
  /** Leads to the exporters. */
  readonly onExporters: () => void;
  /** Leads to the agents. */
  readonly onAgents: () => void;
  readonly onFilter: (filter: string) => void;
}

/** One line that says whether what is seen is all there is. */
export function StatusLine(props: StatusLineProps) {
  const {
    store,
    status,
    agents,
    recordsPerSecond,
    feed,
    exportersInTrouble,
    onExporters,
    onAgents,
    onFilter,
  } = props;
  useTopologyVersion(store);
  const { peers, links, truncated } = store.state;
  const isOfNow = status !== undefined && !status.capture;
  return (
    <footer className="status" data-testid="status">
      {status?.capture && (
        <span data-testid="capture">a capture: now is {formatTime(status.now).slice(0, 16)}</span>
      )}
      {isOfNow && <AgentWord status={status} agents={agents} onAgents={onAgents} />}
      {isOfNow && <KubernetesWord kubernetes={status.kubernetes} onFilter={onFilter} />}
      {isOfNow && <ExporterWord status={status} recordsPerSecond={recordsPerSecond} />}
      {exportersInTrouble > 0 && (
        <UnstyledButton className="status-more problem" data-testid="attention" onClick={onExporters}>
          <Lamp look="problem" /> {attentionText(exportersInTrouble)}
        </UnstyledButton>
      )}
      {status?.store.state === "on" && (
        <span className="wide-only">
          store {formatBytes(status.store.bytes)}, {formatCount(status.store.flowRecords)} records
        </span>
      )}
      {status?.store.state === "off" && <span className="wide-only">store off</span>}
      <span className="status-gap" />
      <span data-testid="counts">
        {countOf(peers.size, "peer")}, {countOf(links.size, "link")}
      </span>
      {store.hiddenLinks > 0 && (
        <span data-testid="hidden">{countOf(store.hiddenLinks, "link")} hidden by quick filters</span>
      )}
      {(truncated.links > 0 || truncated.peers > 0) && (
        <span className="warning" data-testid="truncated">
          and {formatCount(truncated.links)} lighter links, {formatCount(truncated.peers)} peers not drawn
        </span>
      )}
      <span className="wide-only" data-testid="feed">
        {status?.capture && feed.kind === "open" ? "" : feedWords(feed)}
      </span>
    </footer>
  );
}

function feedWords(feed: FeedState): string {
  switch (feed.kind) {
    case "open":
      return "live";
    case "connecting":
      return "asking …";
    case "refused":
      return "filter refused";
    case "shown":
      return "not live";
    case "away":
    case "failed":
      return "server away";
  }
}

function ExporterWord({
  status,
  recordsPerSecond,
}: {
  status: Status;
  recordsPerSecond: number | undefined;
}) {
  const { exporters, exporterCount, listeners } = status.collector;
  const drops = dropCount(status);
  const count = exporterCount === 1 ? "1 exporter" : `${exporterCount} exporters`;
  const rate = recordsPerSecond === undefined ? "" : `, ${formatCount(recordsPerSecond)} records/s`;
  return (
    <More
      word={
        <>
          <Lamp look={exporters.length === 0 ? "off" : drops > 0 ? "warning" : "good"} /> {count}
          <span className="wide-only">{rate}</span>
          {drops > 0 && <span className="warning">, {formatCount(drops)} dropped</span>}
        </>
      }
    >
      <p className="faint">Listening on {listeners.length === 0 ? "nothing" : listeners.join(", ")}</p>
      {exporters.length > 0 && <ExporterTable exporters={exporters} />}
    </More>
  );
}

function ExporterTable({ exporters }: { exporters: readonly ExporterStatus[] }) {
  const clock = useServerClock();
  return (
    <table className="status-table">
      <thead>
        <tr>
          <th>exporter</th>
          <th>protocols</th>
          <th>records</th>
          <th>last seen</th>
        </tr>
      </thead>
      <tbody>
        {exporters.slice(0, 50).map(({ address, protocols, records, lastSeen, drops }) => (
          <tr key={address}>
            <td>{address}</td>
            <td>{protocols.join(", ")}</td>
            <td>
              {formatCount(records)}
              <DropLines drops={drops} />
            </td>
            <td>{formatDuration(clock.now() - lastSeen)} ago</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
