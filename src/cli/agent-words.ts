import type { ConnectionsStatus, PartStatus, TranslationsStatus } from "../agent/index.ts";

const indent = " ".repeat(21);

/** Whether a part of the agent runs, for the first lines of a command: `on    WHAT`, or why not and what would change it. */
export function describePart({ state, reason, remedy }: PartStatus, what: string): string {
  if (state === "on") return `on    ${what}`;
  return `off   ${reason}\n${indent}to switch it on: ${remedy}`;
}

/**
 * The same of address translation. Who writes lines alone undoes nothing: they have the tuples that sockets see, and a server is
 * needed to put them together.
 */
export function describeNat(nat: TranslationsStatus, hasServer: boolean): string {
  if (!hasServer)
    return "not undone: addresses stand as each socket sees them; a server (--server) undoes what the kernel translates";
  const limits = (nat.limits ?? []).map(
    ({ reason, remedy }) => `\n${indent}but ${reason}\n${indent}to change it: ${remedy}`,
  );
  return `${describePart(nat, "the server is told what the kernel translates, and undoes it")}${limits.join("")}`;
}

/** The same of TCP, which is read without eBPF where that cannot be had. */
export function describeTcp(tcp: ConnectionsStatus, what: string): string {
  const [why] = tcp.limits ?? [];
  if (why === undefined) return describePart(tcp, what);
  return [
    `on    ${what}: read by sock_diag, which sees less than eBPF`,
    `${indent}why not eBPF: ${why.reason}`,
    `${indent}to change it: ${why.remedy}`,
  ].join("\n");
}
