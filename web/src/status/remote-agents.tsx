import type { Agents, RemoteAgentBrief } from "../data/answers.ts";
import { useServerClock } from "../data/server-clock.ts";
import { agoText, perSecond } from "../exporters/exporter-words.ts";
import { formatBytes, formatCount } from "../units/units.ts";
import { agentWords } from "./agent-words.ts";
import { DropLines, Lamp } from "./more.tsx";

const looks = { ok: "good", warning: "warning", silent: "problem" } as const;
const healthWords = { ok: "Good", warning: "Warning", silent: "Silent" } as const;

/** Agents on other machines: those with something wrong first, with what it is. */
export function RemoteAgents({ agents: { agents, leftOut, turnedAway } }: { agents: Agents }) {
  const remote = agents.filter((agent): agent is RemoteAgentBrief => "spool" in agent);
  return (
    <>
      {remote.length > 0 && (
        <table className="status-table" data-testid="remote-agents">
          <thead>
            <tr>
              <th>agent of</th>
              <th className="number">last seen</th>
              <th className="number">sockets</th>
              <th className="number extra">records</th>
              <th className="number">in spool</th>
            </tr>
          </thead>
          {remote.map((agent) => (
            <AgentRows key={agent.instance} agent={agent} />
          ))}
        </table>
      )}
      {leftOut > 0 && <p className="faint">and {formatCount(leftOut)} more, healthier, not shown</p>}
      {turnedAway.map(({ instance, node, address, reason }) => (
        <p key={instance} className="warning" data-testid="turned-away">
          <Lamp look="warning" /> Turned away: the agent of {node} at {address}.{" "}
          {agentWords({ reason }).reason}
        </p>
      ))}
    </>
  );
}

function AgentRows({ agent }: { agent: RemoteAgentBrief }) {
  const { node, address, version, token, health, findings, lastSeen, connections, recordRate, spool, drops } =
    agent;
  const clock = useServerClock();
  return (
    <tbody data-node={node}>
      <tr>
        <td title={[`version ${version}`, address, token && `token ${token}`].filter(Boolean).join(", ")}>
          <Lamp look={looks[health]} /> <span className="visually-hidden">{healthWords[health]}: </span>
          <span className="free-text">{node}</span>
        </td>
        <td className="number">{agoText(lastSeen, clock.now())}</td>
        <td className="number">{formatCount(connections)}</td>
        <td className="number extra">{perSecond(recordRate)}</td>
        <td className="number">{spool.messages === 0 ? "–" : formatBytes(spool.bytes)}</td>
      </tr>
      {(findings.length > 0 || Object.keys(drops).length > 0) && (
        <tr>
          <td colSpan={5} className="agent-findings">
            {findings.map((finding) => (
              <div key={finding} className="warning">
                {agentWords({ reason: finding }).reason}
              </div>
            ))}
            <DropLines drops={drops} />
          </td>
        </tr>
      )}
    </tbody>
  );
}
