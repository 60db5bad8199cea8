import type { AgentStatus, ConnectionsStatus, PartStatus, TranslationsStatus } from "../agent/index.ts";
import type { CannotRun, SockDiagReach } from "../observe/index.ts";
import type { AgentPodsStatus } from "./agent-pods.ts";

const indent = " ".repeat(21);

/** A line of the first lines of a command for each part of the agent, with more below those that are off. */
export function describeParts({ datagrams, dns, nat, ...tcp }: AgentStatus, hasServer = true): string[] {
  return [
    `  TCP          ${describeTcp(tcp, "connections of this machine")}`,
    `  UDP, ICMP    ${describePart(datagrams, "and the rest, all network namespaces")}${describeLimits(datagrams.limits)}`,
    `  DNS names    ${describePart(dns, "of addresses that workloads here look up")}`,
    `  NAT          ${describeNat(nat, hasServer)}`,
  ];
}

/** The same of the names of the node's pods, where there is a cluster to ask; in the first second nobody has answered yet. */
export function describePods({ state, node, reason, remedy = "", isWanted }: AgentPodsStatus): string[] {
  if (isWanted === false) return [];
  const isOn = state === "on" || state === "starting";
  const words = isOn ? `on    of ${node}: ${reason}` : describePart({ state: "off", reason, remedy }, "");
  return [`  pod names    ${words}`];
}

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
  return `${describePart(nat, "what the kernel translates is undone")}${describeLimits(nat.limits)}`;
}

/** What is missing though a part is on, in lines below it. */
export function describeLimits(limits: readonly CannotRun[] = []): string {
  return limits
    .map(({ reason, remedy }) => `\n${indent}but ${reason}\n${indent}to change it: ${remedy}`)
    .join("");
}

/** The same of TCP, which is read without eBPF where that cannot be had, and then perhaps not everywhere. */
export function describeTcp(tcp: ConnectionsStatus, what: string): string {
  const [why] = tcp.limits ?? [];
  const where = describeReach(tcp.reach);
  if (why === undefined) return describePart(tcp, `${what}, ${where}`);
  return [
    `on    ${what}, ${where}: read by sock_diag, which sees less than eBPF`,
    `${indent}why not eBPF: ${why.reason}`,
    `${indent}to change it: ${why.remedy}`,
    ...(tcp.reach === undefined ? [] : describeOthers(tcp.reach)),
  ].join("\n");
}

function isWhole({ networkNamespacesMissed, canReadProcesses }: SockDiagReach): boolean {
  return networkNamespacesMissed === 0 && canReadProcesses;
}

function describeReach(reach: SockDiagReach | undefined): string {
  if (reach === undefined || isWhole(reach)) return "all network namespaces";
  const { networkNamespaces } = reach;
  return networkNamespaces === 1
    ? "this network namespace only"
    : `${networkNamespaces} network namespaces, not all`;
}

/** Of a user whose processes are all that can be read, nobody knows how many further ones there are. */
function describeOthers(reach: SockDiagReach): string[] {
  if (isWhole(reach)) return [];
  const { networkNamespacesMissed, canReadProcesses } = reach;
  const which = canReadProcesses ? `${networkNamespacesMissed} others` : "others";
  return [
    `${indent}not seen:     connections in ${which} (containers, pods)`,
    `${indent}to change it: start it as root; entering them needs CAP_SYS_ADMIN, finding them CAP_SYS_PTRACE`,
  ];
}
