import { agentCommand } from "../status/agent-summary.ts";
import { Command, Step } from "./point-here.tsx";

/** How another machine's connections come here. */
export function AddAgent({ isAnother = false }: { isAnother?: boolean }) {
  return (
    <Step title="Add an agent">
      <p data-testid="add-agent">
        {isAnother
          ? "On another Linux machine, as root:"
          : "No agent reports to this server. On a Linux machine, as root:"}
      </p>
      <Command text={agentCommand(globalThis.location)} />
      <p>TOKEN is made here, once for each machine:</p>
      <Command text="./portolan token --agent MACHINE" />
      <p className="faint">
        It prints the token and the lines for <code>auth.ingestTokens</code> in this server's{" "}
        <code>--config</code> file; with them the server may listen where other machines reach it.
        {!isAnother && (
          <>
            {" "}
            For this machine's own connections start <code>portolan up</code> in place of{" "}
            <code>portolan server</code>.
          </>
        )}
      </p>
    </Step>
  );
}
