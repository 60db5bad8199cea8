import { type FlowListener, formatListener } from "./config.ts";

export type ListenErrorCode =
  | "address_in_use"
  | "permission_denied"
  | "address_not_available"
  | "listen_failed";

const codes: Readonly<Record<string, ListenErrorCode>> = {
  EADDRINUSE: "address_in_use",
  EACCES: "permission_denied",
  EPERM: "permission_denied",
  EADDRNOTAVAIL: "address_not_available",
};

/** A socket that could not be opened. The message says which, why, and what to do instead. */
export class ListenError extends Error {
  readonly code: ListenErrorCode;

  constructor(listener: FlowListener, cause: NodeJS.ErrnoException) {
    const code = codes[cause.code ?? ""] ?? "listen_failed";
    super(`udp ${formatListener(listener)} ${explain(code, listener, cause)}`, { cause });
    this.name = "ListenError";
    this.code = code;
  }
}

function explain(code: ListenErrorCode, { host, port }: FlowListener, cause: Error): string {
  const other = `udp://${host.includes(":") ? `[${host}]` : host}:PORT`;
  switch (code) {
    case "address_in_use":
      return (
        `is already in use: stop the other program (ss -lunp 'sport = :${port}' shows it) ` +
        `or choose another with --flows ${other}`
      );
    case "permission_denied":
      return `is not permitted: ports below 1024 need privileges; choose a higher one with --flows ${other}`;
    case "address_not_available":
      return (
        "is no address of this machine: choose one that `ip address` shows, " +
        `or all of them with --flows udp://${host.includes(":") ? "[::]" : "0.0.0.0"}:${port}`
      );
    case "listen_failed":
      return `cannot be opened (${cause.message}): choose another with --flows ${other}`;
  }
}
