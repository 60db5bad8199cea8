import type { Agents, OwnAgentBrief, RemoteAgentBrief, Status } from "../data/answers.ts";
import { useServerClock } from "../data/server-clock.ts";
import { AddAgent } from "../empty/add-agent.tsx";
import { CaptureShown } from "../empty/point-here.tsx";
import { agoText, perSecond } from "../exporters/exporter-words.ts";
import { HealthMark } from "../exporters/health-mark.tsx";
import { Compass } from "../icons.tsx";
import { AgentParts } from "../status/agent-parts.tsx";
import { isOwnWanted } from "../status/agent-summary.ts";
import { agentWords, partName } from "../status/agent-words.ts";
import { DropLines, Lamp } from "../status/more.tsx";
import { countOf, formatBytes, formatCount, formatDuration } from "../units/units.ts";
import "./agents.css";

type AgentBrief = OwnAgentBrief | RemoteAgentBrief;

/** Who watches connections, here and elsewhere, how well, and what is not seen and why. */
export default function AgentsView({
  agents,
  status,
}: {
  agents: Agents | undefined;
  status: Status | undefined;
}) {
  if (agents === undefined || status === undefined)
    return (
      <div className="agents" role="status">
        asking …
      </div>
    );
  const { leftOut, turnedAway } = agents;
  // Where this machine's own is off as a whole the list has no row for it, and it is said why.
  const isOwnListed = agents.agents.some(({ instance }) => instance === "");
  return (
    <section className="agents" aria-label="Agents" data-testid="agents-view">
      {agents.agents.length > 0 && <AgentTable agents={agents.agents} status={status} />}
      {leftOut > 0 && <p className="faint">and {formatCount(leftOut)} more, healthier, not shown</p>}
      {!isOwnListed && isOwnWanted(status.agent) && (
        <div className="empty-card">
          <h2>This machine, {status.node}, is not observed</h2>
          <AgentParts agent={status.agent} />
        </div>
      )}
      {turnedAway.map(({ instance, node, address, reason }) => (
        <p key={instance} className="warning">
          <Lamp look="warning" /> Turned away: the agent of {node} at {address}.{" "}
          {agentWords({ reason }).reason}
        </p>
      ))}
      {agents.agents.length === 0 ? (
        <div className="empty-card" data-testid="no-agent">
          <Compass />
          <h2>No agent yet</h2>
          <p className="faint">
            Agents read the kernel of the machine they run on: each connection, by process, container or pod.
          </p>
          {status?.capture === true ? <CaptureShown /> : <AddAgent />}
        </div>
      ) : (
        <details className="add-another">
          <summary>Add another</summary>
          <AddAgent isAnother />
        </details>
      )}
    </section>
  );
}

const marks = { ok: "ok", warning: "warning", silent: "problem" } as const;
const healthWords = { ok: "Good", warning: "Warning", silent: "Silent" } as const;
const columnCount = 8;

function AgentTable({ agents, status }: { agents: readonly AgentBrief[]; status: Status }) {
  return (
    <table className="agents-table" data-testid="agents-table">
      <thead>
        <tr>
          <th scope="col">Health</th>
          <th scope="col">Agent of</th>
          <th scope="col" className="extra">
            Version
          </th>
          <th scope="col" className="number">
            Last seen
          </th>
          <th scope="col" className="number extra">
            Running
          </th>
          <th scope="col" className="number extra">
            Records
          </th>
          <th scope="col" className="number">
            Sockets
          </th>
          <th scope="col" className="number extra">
            In spool
          </th>
        </tr>
      </thead>
      {agents.map((agent) => (
        <AgentRows key={agent.instance} agent={agent} own={agent.instance === "" ? status : undefined} />
      ))}
    </table>
  );
}

/** `own` where it is this process's, of which more is known. */
function AgentRows({ agent, own }: { agent: AgentBrief; own: Status | undefined }) {
  const { node, version, health, lastSeen, startedAt, connections } = agent;
  const now = useServerClock().now();
  const remote = "spool" in agent ? agent : undefined;
  return (
    <tbody data-node={node}>
      <tr>
        <td>
          <span className="agent-health">
            <HealthMark look={marks[health]} /> {healthWords[health]}
          </span>
        </td>
        <th scope="row" className="free-text">
          {node}{" "}
          <span className="faint">
            {remote === undefined
              ? "this machine"
              : [remote.address, remote.token && `token ${remote.token}`].filter(Boolean).join(", ")}
          </span>
        </th>
        <td className="extra">{version}</td>
        <td className="number">{agoText(lastSeen, now)}</td>
        <td className="number extra">{formatDuration(Math.max(0, now - startedAt))}</td>
        <td className="number extra">{remote === undefined ? "–" : perSecond(remote.recordRate)}</td>
        <td className="number">{formatCount(connections)}</td>
        <td className="number extra">{remote === undefined ? "–" : spoolText(remote)}</td>
      </tr>
      <tr>
        <td colSpan={columnCount} className="agent-more">
          {own === undefined ? <Findings agent={agent} /> : <AgentParts agent={own.agent} />}
        </td>
      </tr>
    </tbody>
  );
}

function spoolText({ spool: { bytes, messages } }: RemoteAgentBrief): string {
  return messages === 0 ? "empty" : `${formatBytes(bytes)}, ${countOf(messages, "message")}`;
}

function Findings({ agent }: { agent: AgentBrief }) {
  const { findings, parts } = agent;
  const on = parts.filter(({ isOn }) => isOn).map(({ name }) => partName(name));
  return (
    <>
      {on.length > 0 && <p className="faint">Reads {on.join(", ")}.</p>}
      {findings.map((finding) => (
        <p key={finding} className="warning">
          {agentWords({ reason: finding }).reason}
        </p>
      ))}
      {"drops" in agent && <DropLines drops={agent.drops} />}
    </>
  );
}
