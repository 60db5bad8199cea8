import type { ListenError } from "../collector/index.ts";
import type { ConfigError } from "../settings/index.ts";
import type { OperatingError } from "../store/index.ts";

/** Says what ended a command, in words where it is known. Answers with the exit code. */
export function explainError(error: unknown): number {
  if (isNamed<ConfigError>(error, "ConfigError")) {
    for (const problem of error.problems) console.error(`portolan: ${problem}`);
    return 2;
  }
  if (isNamed<ListenError>(error, "ListenError")) {
    console.error(`portolan: ${error.message}`);
    return 2;
  }
  if (isNamed<OperatingError>(error, "OperatingError")) {
    console.error(`portolan: ${error.message} (${error.code})`);
    return 1;
  }
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  if (syscall === "listen" && code !== undefined) {
    console.error(`portolan: ${describeListen(code, address ?? "", port ?? 0)}`);
    return 2;
  }
  console.error("portolan: something of ours is broken; please report this:", error);
  return 1;
}

/** By its class's name: the class itself would load the store and the server with every command. */
function isNamed<E extends Error>(error: unknown, name: string): error is E {
  return error instanceof Error && error.constructor.name === name;
}

function describeListen(code: string, address: string, port: number): string {
  const place = `tcp ${address}:${port}`;
  switch (code) {
    case "EADDRINUSE":
      return `${place} is already in use: stop the other program (ss -ltnp 'sport = :${port}' shows it) or choose another with --listen ${address}:PORT`;
    case "EACCES":
      return `${place} may not be opened by this user: choose a port above 1023 with --listen ${address}:PORT`;
    case "EADDRNOTAVAIL":
      return `${place} is no address of this machine: ip addr shows its addresses; choose one with --listen`;
    default:
      return `${place} cannot be opened: ${code}`;
  }
}
