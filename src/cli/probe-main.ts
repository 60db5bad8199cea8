import { exitAtOnce, hasPacketSockets } from "../observe/capture/index.ts";
import { endProcess } from "./end-process.ts";
import { explainError } from "./explain-error.ts";
import { runProbe } from "./probe-run.ts";

/** `portolan probe` alone, as the launcher starts it: main.ts with the modules of no other command. */
runProbe(process.argv.slice(3))
  .catch(explainError)
  .then((code) => endProcess(code, hasPacketSockets() ? exitAtOnce : undefined));
