import { Button } from "@mantine/core";
import type { Agents, Status } from "../data/answers.ts";
import { AddAgent } from "../empty/add-agent.tsx";
import { AgentParts } from "./agent-parts.tsx";
import { agentSummary, isOwnWanted, remoteCount } from "./agent-summary.ts";
import { Lookups } from "./lookup-table.tsx";
import { Lamp, More } from "./more.tsx";
import { RemoteAgents } from "./remote-agents.tsx";

/** Who reports connections, and how well: this machine's own agent, and those elsewhere. */
export function AgentWord({
  status,
  agents,
  onAgents,
}: {
  status: Status;
  agents: Agents | undefined;
  /** Leads to all of them. */
  onAgents: () => void;
}) {
  const { agent, node } = status;
  const summary = agentSummary(agent, agents);
  if (summary === undefined) return null;
  const isOwn = isOwnWanted(agent);
  const isElsewhere = agents !== undefined && (remoteCount(agents) > 0 || agents.turnedAway.length > 0);
  return (
    <More
      testId="agents"
      word={
        <>
          <Lamp look={summary.look} /> {summary.text}
        </>
      }
    >
      {isOwn && (
        <>
          <h3>This machine, {node}</h3>
          <AgentParts agent={agent} />
          <ContainerNames names={agent.names} />
          <Lookups dns={agent.dns} />
        </>
      )}
      {isElsewhere && (
        <>
          <h3>Other machines</h3>
          <RemoteAgents agents={agents} />
        </>
      )}
      {isOwn || isElsewhere ? (
        <Button className="all-agents" size="compact-xs" variant="default" onClick={onAgents}>
          Show all agents
        </Button>
      ) : (
        <AddAgent />
      )}
    </More>
  );
}

function ContainerNames({ names }: { names: Status["agent"]["names"] }) {
  return (
    <>
      <p className="faint">Names of containers</p>
      {names.length === 0 && <p>Nobody is asked.</p>}
      {names.map(({ name, state, reason, remedy }) => (
        <p key={`${name} ${reason}`}>
          <Lamp look={state === "on" ? "good" : "off"} /> from {name}: {reason}
          {remedy !== undefined && `; ${remedy}`}
        </p>
      ))}
    </>
  );
}
