import type { AgentPart, Agents, Status } from "../data/answers.ts";
import { countOf, formatCount } from "../units/units.ts";
import type { Look } from "./more.tsx";

export interface AgentSummary {
  readonly look: Look;
  readonly text: string;
}

/** Agents on other machines that the server has heard of since its start. */
export function remoteCount({ remote: { counts } }: Agents): number {
  return counts.ok + counts.warning + counts.silent;
}

export function isOwnWanted({ isWanted }: Pick<AgentPart, "isWanted">): boolean {
  return isWanted !== false;
}

/** The agents in a few words; undefined until they are known. */
export function agentSummary(own: Status["agent"], agents: Agents | undefined): AgentSummary | undefined {
  const isWanted = isOwnWanted(own);
  if (agents === undefined && !isWanted) return undefined;
  const count = agents === undefined ? 0 : remoteCount(agents);
  const troubles = agents === undefined ? [] : troublesOf(agents);
  const isOn = isWanted && (own.state === "on" || own.datagrams.state === "on");
  const isTroubled = troubles.length > 0 || (isWanted && isLimited(own));
  const tail = troubles.map((trouble) => `, ${trouble}`).join("");
  const look = isTroubled ? "warning" : "good";
  if (count === 0) {
    if (!isWanted) return { look: isTroubled ? "warning" : "off", text: `no agent${tail}` };
    if (!isOn) return { look, text: `agent off${tail}` };
    return { look, text: `agent on, ${countOf(own.connections, "socket")}${tail}` };
  }
  const sockets = countOf(own.connections + (agents?.remote.connections ?? 0), "socket");
  const here = isWanted && !isOn ? ", none here" : "";
  return { look, text: `${countOf(count + (isOn ? 1 : 0), "agent")}, ${sockets}${here}${tail}` };
}

/** Whether a part that is wanted does not run, or sees less than it could. */
function isLimited({ datagrams, dns, nat, ...tcp }: Status["agent"]): boolean {
  const isMissing = (part: AgentPart) => part.state === "off" && isOwnWanted(part);
  return tcp.way === "sock_diag" || [tcp, datagrams, dns, nat].some(isMissing);
}

function troublesOf({ remote: { counts }, turnedAway }: Agents): string[] {
  const told = (count: number, what: string) => (count === 0 ? [] : [`${formatCount(count)} ${what}`]);
  return [
    ...told(counts.silent, "silent"),
    ...told(counts.warning, "to look at"),
    ...told(turnedAway.length, "turned away"),
  ];
}

/** What is typed on another machine; a page that was reached by loopback does not know the server's name. */
export function agentCommand({ origin, hostname, port }: Pick<URL, "origin" | "hostname" | "port">): string {
  const isLoopback = hostname === "localhost" || hostname === "[::1]" || /^127\./.test(hostname);
  const server = isLoopback ? `http://THIS_SERVER${port === "" ? "" : `:${port}`}` : origin;
  return `./portolan agent --server ${server} --token TOKEN`;
}
