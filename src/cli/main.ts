import { Command, CommanderError } from "commander";
import { addAgent } from "./agent.ts";
import { addCollect } from "./collect.ts";
import { addDemo } from "./demo.ts";
import { addDoctor } from "./doctor.ts";
import { endProcess } from "./end-process.ts";
import { explainError } from "./explain-error.ts";
import { addGeoip } from "./geoip.ts";
import { addProbe } from "./probe.ts";
import { addQuery } from "./query.ts";
import { addToken } from "./token.ts";
import { addUp } from "./up.ts";
import { version } from "./version.ts";

/** 0 done, 1 failed while running, 2 wrong arguments or configuration. */
async function main(): Promise<number> {
  const program = new Command("portolan")
    .description(
      "The live chart of a network's traffic: connections seen by eBPF and flows seen by routers, on one map.",
    )
    .version(version)
    .exitOverride()
    .showHelpAfterError("(portolan --help lists what is accepted)");
  addUp(program);
  addAgent(program);
  addCollect(program);
  addProbe(program);
  addDemo(program);
  addDoctor(program);
  addGeoip(program);
  addToken(program);
  addQuery(program);
  program.addHelpText("after", "\nIn a source checkout, ./portolan test runs the whole test suite.");
  // Not the whole help: the mistake would be above the screen.
  for (const command of program.commands)
    command.exitOverride().showHelpAfterError(`(portolan ${command.name()} --help lists what is accepted)`);
  try {
    await program.parseAsync();
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has printed it
    return explainError(error);
  }
}

endProcess(await main());
