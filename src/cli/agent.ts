import type { Command } from "commander";

/** `portolan agent`: one node's connections, sent to a server elsewhere, or written as lines. */
export function addAgent(program: Command): void {
  program
    .command("agent")
    .description("this machine's connections, sent to a server elsewhere, or written as JSON lines")
    .option("--server <url>", "where records are sent, such as https://portolan.example:8080")
    .option(
      "--token <token>",
      "what lets the agent in; better in a file, or in the environment as PORTOLAN_TOKEN",
    )
    .option("--token-file <file>", "file with the token")
    .option("--ca <file>", "PEM certificates that vouch for the server, beside those that are known")
    .option(
      "--spool <folder>",
      "where records wait for the server, or none (default /var/lib/portolan/agent as root, else ~/.local/state/portolan/agent)",
    )
    .option("--spool-size <size>", "how much may wait there, such as 256MiB (default 256MiB)")
    .option("--node <name>", "name of this machine on the map (default its host name)")
    .option(
      "--listen <host:port>",
      "where its own metrics and health are served, or none (default 127.0.0.1:7117)",
    )
    .option("--json", "write each record as a line of JSON to standard output")
    .option(
      "--log <level>",
      "what is logged to standard error: silent, error, warn, info, debug (default info)",
    )
    .option("--config <file>", "YAML file with the agent.* settings")
    .action(async (flags) => {
      const { runAgent } = await import("./agent-run.ts");
      await runAgent(flags);
    });
}
