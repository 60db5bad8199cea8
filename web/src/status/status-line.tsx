import { Popover, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import { dropReasons } from "../../../src/flow/drop-reason.ts";
import type { ExporterStatus, Status } from "../data/answers.ts";
import type { TopologyStore } from "../data/topology-store.ts";
import { type FeedState, useTopologyVersion } from "../data/use-topology.ts";
import { attentionText } from "../exporters/exporter-words.ts";
import { countOf, formatBytes, formatCount, formatDuration } from "../units/units.ts";
import { agentWords } from "./agent-words.ts";
import { dropCount } from "./record-rate.ts";
import "./status.css";

export interface StatusLineProps {
  readonly store: TopologyStore;
  readonly status: Status | undefined;
  readonly recordsPerSecond: number | undefined;
  readonly feed: FeedState;
  readonly exportersInTrouble: number;
  /** Leads to the exporters. */
  readonly onExporters: () => void;
}

/** One line that says whether what is seen is all there is. */
export function StatusLine(props: StatusLineProps) {
  const { store, status, recordsPerSecond, feed, exportersInTrouble, onExporters } = props;
  useTopologyVersion(store);
  const { peers, links, truncated } = store.state;
  return (
    <footer className="status" data-testid="status">
      {status !== undefined && <AgentWord agent={status.agent} />}
      {status !== undefined && <ExporterWord status={status} recordsPerSecond={recordsPerSecond} />}
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
      {(truncated.links > 0 || truncated.peers > 0) && (
        <span className="warning" data-testid="truncated">
          and {formatCount(truncated.links)} lighter links, {formatCount(truncated.peers)} peers not drawn
        </span>
      )}
      <span className="wide-only" data-testid="feed">
        {feedWords(feed)}
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

function AgentWord({ agent }: { agent: Status["agent"] }) {
  const isOn = agent.state === "on";
  if (isOn) {
    return (
      <More
        word={
          <>
            <Lamp look={agent.way === "sock_diag" ? "warning" : "good"} /> agent on,{" "}
            {countOf(agent.connections, "connection")}
          </>
        }
      >
        {[...(agent.limits ?? []), ...(agent.nat?.limits ?? [])].map(({ reason, remedy }) => (
          <p key={reason}>
            {agentWords({ reason, remedy }).reason}{" "}
            <span className="remedy">{agentWords({ reason, remedy }).remedy}</span>
          </p>
        ))}
        <p className="faint">Names of containers</p>
        {agent.names.length === 0 && <p>Nobody is asked: agent.containers is false.</p>}
        {agent.names.map(({ name, state, reason, remedy }) => (
          <p key={`${name} ${reason}`}>
            <Lamp look={state === "on" ? "good" : "off"} /> from {name}: {reason}
            {remedy !== undefined && `; ${remedy}`}
          </p>
        ))}
      </More>
    );
  }
  const words = agentWords(agent);
  return (
    <More
      word={
        <>
          <Lamp look="warning" /> agent off
        </>
      }
    >
      <p>{words.reason}</p>
      {words.remedy !== undefined && <p className="remedy">{words.remedy}</p>}
    </More>
  );
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
  return (
    <table className="exporters">
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
              {Object.entries(drops).map(([reason, count]) => (
                <div key={reason} className="warning" title={describeDrop(reason)}>
                  {formatCount(count)} {reason}
                </div>
              ))}
            </td>
            <td>{formatDuration(Date.now() - lastSeen)} ago</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function describeDrop(reason: string): string {
  return (dropReasons as Record<string, string>)[reason] ?? reason;
}

function Lamp({ look }: { look: "good" | "warning" | "problem" | "off" }) {
  return <span className={`lamp ${look}`} aria-hidden="true" />;
}

/** A word that opens to more words. */
function More({ word, children }: { word: ReactNode; children: ReactNode }) {
  return (
    <Popover position="top-start" shadow="md" width="auto">
      <Popover.Target>
        <UnstyledButton className="status-more">{word}</UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown className="status-words">{children}</Popover.Dropdown>
    </Popover>
  );
}
