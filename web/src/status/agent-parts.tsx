import type { ReactNode } from "react";
import type { AgentPart, Status } from "../data/answers.ts";
import { countOf, formatCount } from "../units/units.ts";
import { isOwnWanted } from "./agent-summary.ts";
import { agentWords } from "./agent-words.ts";
import { Lamp } from "./more.tsx";

/** The four things an agent reads: whether each is on, else why not and what would change it. */
export function AgentParts({ agent }: { agent: Status["agent"] }) {
  const { datagrams, dns, nat } = agent;
  const isLess = agent.way === "sock_diag";
  return (
    <ul className="agent-parts" data-testid="agent-parts">
      <Part name="TCP" part={agent} isLess={isLess}>
        {isLess ? "read by sock_diag, which sees less than eBPF" : "read by eBPF"},{" "}
        {countOf(agent.connections, "socket")}
        {(agent.limits ?? []).map((limit) => (
          <Words key={limit.reason} {...limit} />
        ))}
      </Part>
      <Part name="UDP, ICMP and the rest" part={datagrams}>
        {countOf(datagrams.flows, "flow")}
      </Part>
      <Part name="DNS names" part={dns}>
        {formatCount(dns.nameCount)} {dns.nameCount === 1 ? "address" : "addresses"} named by answers
      </Part>
      <Part name="Address translation" part={nat}>
        undone, {countOf(nat.namespaces, "network namespace")} listened to
        {(nat.limits ?? []).map((limit) => (
          <Words key={limit.reason} {...limit} />
        ))}
      </Part>
    </ul>
  );
}

interface PartProps {
  readonly name: string;
  readonly part: AgentPart;
  readonly isLess?: boolean;
  readonly children: ReactNode;
}

function Part({ name, part, isLess = false, children }: PartProps) {
  const isOn = part.state === "on";
  const look = isOn ? (isLess ? "warning" : "good") : isOwnWanted(part) ? "warning" : "off";
  return (
    <li>
      <Lamp look={look} /> <b>{name}</b> {isOn ? "on: " : "off"}
      {isOn ? children : <Words reason={part.reason ?? ""} remedy={part.remedy} />}
    </li>
  );
}

function Words({ reason, remedy }: { reason: string; remedy: string | undefined }) {
  const words = agentWords({ reason, ...(remedy !== undefined && { remedy }) });
  return (
    <div className="agent-why">
      {words.reason} {words.remedy !== undefined && <span className="remedy">{words.remedy}</span>}
    </div>
  );
}
