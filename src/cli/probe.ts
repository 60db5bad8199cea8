import type { Command } from "commander";

/** `portolan probe`. Its flags are softflowd's, so that this reads none of them and hands all on. */
export function addProbe(program: Command): void {
  program
    .command("probe")
    .description("packets in (interface or capture), NetFlow or IPFIX out; takes softflowd's flags")
    .usage("[-flag value ...] [filter]   (-h lists them)")
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async () => {
      const { runProbe } = await import("./probe-run.ts");
      const { argv } = process;
      process.exitCode = await runProbe(argv.slice(argv.indexOf("probe") + 1));
    });
}
