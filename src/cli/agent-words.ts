import type { AgentStatus, ConnectionsStatus, PartStatus } from "../agent/index.ts";

const indent = " ".repeat(21);

/** A line of the first lines of a command for each part of the agent, with more below those that are off. */
export function describeParts({ datagrams, dns, nat, ...tcp }: AgentStatus): string[] {
  return [
    `  TCP          ${describeTcp(tcp, "connections of this machine, all network namespaces")}`,
    `  UDP, ICMP    ${describePart(datagrams, "and the rest, all network namespaces")}`,
    `  DNS names    ${describePart(dns, "of addresses that workloads here look up")}`,
    `  NAT          ${describePart(nat, "what the kernel translates is undone")}`,
  ];
}

/** Whether a part of the agent runs, for the first lines of a command: `on    WHAT`, or why not and what would change it. */
export function describePart({ state, reason, remedy }: PartStatus, what: string): string {
  if (state === "on") return `on    ${what}`;
  return `off   ${reason}\n${indent}to switch it on: ${remedy}`;
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
