import { Button } from "@mantine/core";
import type { Agents, Status } from "../data/answers.ts";
import { Compass } from "../icons.tsx";
import { isOwnWanted, remoteCount } from "../status/agent-summary.ts";
import { agentWords } from "../status/agent-words.ts";
import type { TimeRange } from "../time/time-range.ts";
import { countOf, formatTime } from "../units/units.ts";
import { AddAgent } from "./add-agent.tsx";
import type { EmptyReason } from "./empty-reason.ts";
import { CaptureShown, Command, PointHere, Step } from "./point-here.tsx";
import { WhyNothing } from "./why-nothing.tsx";
import "./empty.css";

export interface EmptyStateProps {
  readonly reason: EmptyReason;
  readonly status: Status | undefined;
  readonly agents: Agents | undefined;
  readonly filter: string;
  readonly range: TimeRange;
  readonly onShowAll: () => void;
  readonly onClearFilter: () => void;
  readonly onLive: () => void;
  readonly onWider: () => void;
}

/** Says why there is nothing, and what to do next. */
export function EmptyState({
  reason,
  status,
  agents,
  filter,
  range,
  onShowAll,
  onClearFilter,
  onLive,
  onWider,
}: EmptyStateProps) {
  return (
    <div className="empty" data-testid={`empty-${reason}`}>
      <div className={reason === "no_flows_yet" ? "empty-card wide" : "empty-card"}>
        {reason === "no_flows_yet" && <NoFlowsYet status={status} agents={agents} onWider={onWider} />}
        {reason === "all_is_hidden" && (
          <>
            <h2>Nothing is left</h2>
            <p className="faint">
              No link is new in this time, or none is busy now: quick filters hide all there are.
            </p>
            <div className="empty-buttons">
              <Button onClick={onShowAll}>Show all links</Button>
            </div>
          </>
        )}
        {reason === "filter_matches_nothing" && (
          <>
            <h2>Nothing matches this filter</h2>
            <p>
              <code className="empty-filter">{filter}</code>
            </p>
            <WhyNothing filter={filter} range={range} />
            <p className="faint">Links exist only while they are seen: a wider time range may have some.</p>
            <div className="empty-buttons">
              <Button onClick={onClearFilter}>Clear the filter</Button>
              <Button variant="default" onClick={onWider}>
                Look at the last 24 hours
              </Button>
            </div>
          </>
        )}
        {reason === "range_is_empty" && (
          <>
            <h2>No flows in this time</h2>
            <p className="faint">{rangeHint(status)}</p>
            <div className="empty-buttons">
              <Button onClick={onLive}>Back to live</Button>
              <Button variant="default" onClick={onWider}>
                Look at the last 24 hours
              </Button>
            </div>
          </>
        )}
        {reason === "server_away" && (
          <>
            <h2>The server does not answer</h2>
            <p className="faint">
              This page asks again by itself. On the server's machine: is <code>portolan up</code> still
              running?
            </p>
          </>
        )}
      </div>
    </div>
  );
}

function rangeHint(status: Status | undefined): string {
  if (status?.store.state === "off") return "The store is off: only the last minutes are kept, in memory.";
  const oldest = status?.store.oldestFlow ?? null;
  if (oldest === null) return "The store holds no flow yet.";
  return `The oldest flow in the store is of ${formatTime(oldest).slice(0, 16)}.`;
}

function NoFlowsYet({ status, agents, onWider }: Pick<EmptyStateProps, "status" | "agents" | "onWider">) {
  const isFirst = (status?.store.oldestFlow ?? null) === null;
  return (
    <>
      <header>
        <Compass />
        <div>
          <h2>{isFirst ? "No flows yet" : "Nothing talks now"}</h2>
          <p className="faint">
            {status?.capture
              ? "What is read of the capture is drawn at once; packets of other protocols than IP are no flows."
              : "The chart draws itself as soon as something talks."}
          </p>
        </div>
        {!isFirst && (
          <Button variant="default" onClick={onWider}>
            Look at the last 24 hours
          </Button>
        )}
      </header>
      <div className="steps">
        {status?.capture ? <CaptureShown /> : <WhatToDo status={status} agents={agents} />}
      </div>
    </>
  );
}

function WhatToDo({ status, agents }: Pick<EmptyStateProps, "status" | "agents">) {
  return (
    <>
      {status !== undefined && <AgentStep agent={status.agent} agents={agents} />}
      {status !== undefined && <PointHere status={status} />}
      {status !== undefined && agents !== undefined && isOwnWanted(status.agent) && <AddAgent isAnother />}
      <Step title="Only looking?">
        <p>A small shop of network namespaces, on any Linux machine with root, that talks at once:</p>
        <Command text="sudo ./portolan demo --listen 127.0.0.1:8081" />
      </Step>
    </>
  );
}

/** What the agents, this machine's and others', have to do with nothing being seen. */
function AgentStep({ agent, agents }: { agent: Status["agent"]; agents: Agents | undefined }) {
  const elsewhere = agents === undefined ? 0 : remoteCount(agents);
  if (!isOwnWanted(agent)) {
    if (agents === undefined) return null;
    if (elsewhere === 0) return <AddAgent />;
    return (
      <Step title={`${countOf(elsewhere, "agent")} on other machines`}>
        <p>They watch, and nothing has talked. At the bottom of the page is how each of them does.</p>
      </Step>
    );
  }
  if (agent.state === "on" || agent.datagrams.state === "on") {
    return (
      <Step title="Open a connection">
        <p>The agent watches this machine. Whatever it sends or receives shows up within a second:</p>
        <Command text="curl https://debian.org" />
      </Step>
    );
  }
  const { reason, remedy } = agentWords(agent);
  return (
    <Step title="This machine is not observed" isWarning>
      <p data-testid="agent-off">{reason}</p>
      {remedy !== undefined && <p className="remedy">{remedy}</p>}
    </Step>
  );
}
