import type { Status } from "../data/answers.ts";

export interface AgentWords {
  readonly reason: string;
  /** What to do, when something can be done. */
  readonly remedy: string | undefined;
}

/** Why this machine's own connections are not seen, for people. */
export function agentWords({ reason = "", remedy }: Status["agent"]): AgentWords {
  // It was not asked for, and nothing is wrong.
  if (reason === "" || reason === "the agent has not been started") {
    return {
      reason: "The agent is off: the server was started without it.",
      remedy: "portolan up, as root and without --no-agent, shows this machine's TCP connections too.",
    };
  }
  return { reason: asSentence(reason), remedy: remedy === undefined ? undefined : asSentence(remedy) };
}

function asSentence(text: string): string {
  const start = text.slice(0, 1).toUpperCase() + text.slice(1);
  return /[.!?:]$/.test(start) ? start : `${start}.`;
}
