import type { Command } from "commander";

/** `portolan collect`. Its flags are Go's, so that this reads none of them and hands all on. */
export function addCollect(program: Command): void {
  program
    .command("collect")
    .description(
      "flow packets in, records out (JSON, text, protobuf), without a store; takes GoFlow2's flags",
    )
    .usage("[-flag value ...]   (-h lists them)")
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async () => {
      const { runCollect } = await import("./collect-run.ts");
      const { argv } = process;
      process.exitCode = await runCollect(argv.slice(argv.indexOf("collect") + 1));
    });
}
