import type { Status } from "../data/answers.ts";

export interface AgentWords {
  readonly reason: string;
  /** What to do, when something can be done. */
  readonly remedy: string | undefined;
}

/** Why this machine's own connections are not seen, for people. */
export function agentWords({ reason = "", remedy }: Pick<Status["agent"], "reason" | "remedy">): AgentWords {
  return { reason: asSentence(reason), remedy: remedy === undefined ? undefined : asSentence(remedy) };
}

function asSentence(text: string): string {
  // eBPF keeps its spelling.
  const start = /^[a-z][A-Z]/.test(text) ? text : text.slice(0, 1).toUpperCase() + text.slice(1);
  return /[.!?:]$/.test(start) ? start : `${start}.`;
}

/** As agents call their parts, and as people do. */
const partNames: ReadonlyMap<string, string> = new Map([
  ["tcp", "TCP"],
  ["datagrams", "UDP, ICMP and the rest"],
  ["dns", "names by DNS"],
  ["nat", "address translation"],
  ["pods", "names of pods"],
]);

/** What an agent on another machine says of itself is any text: one that is no part's is told as it is. */
export function partName(name: string): string {
  return partNames.get(name) ?? name;
}
