export interface AgentConfig {
  /** Whether the kernel's eBPF programs are used. Without them TCP is read by sock_diag, and nothing else is seen. */
  readonly ebpf: boolean;
  /** Live connections followed at most. */
  readonly connectionsMax: number;
  /** Whether errors are followed that TCP keeps for the program alone (SO_ERROR); costs every getsockopt() of the machine. */
  readonly softErrors: boolean;
  /** Whether connections of this machine with itself are reported. */
  readonly includeLoopback: boolean;
  /** Whether container runtimes are asked for the names of their containers. */
  readonly containers: boolean;
  /** Whether peers tell command lines in place of process names. */
  readonly commandLine: boolean;
  /** Whether flows of UDP, ICMP and the rest are reported. */
  readonly datagrams: boolean;
  /** Whether DNS answers name addresses. */
  readonly dns: boolean;
  /** Whether names are kept with who looked them up. */
  readonly lookups: boolean;
  /** Addresses of resolvers that are believed beside the machine's own. */
  readonly resolvers: readonly string[];
  /** Flows other than TCP's followed at most. */
  readonly flowsMax: number;
  /** Whether address translation is read, so that it can be undone. */
  readonly nat: boolean;
}

export const agentDefaults: AgentConfig = {
  ebpf: true,
  connectionsMax: 262_144,
  softErrors: true,
  includeLoopback: true,
  containers: true,
  commandLine: false,
  datagrams: true,
  dns: true,
  lookups: true,
  resolvers: [],
  flowsMax: 65_536,
  nat: true,
};

/** The agent's section of the configuration. */
export interface AgentSection {
  readonly ebpf: boolean;
  readonly connections: number;
  readonly softErrors: boolean;
  readonly loopback: boolean;
  readonly containers: boolean;
  readonly commandLine: boolean;
  readonly datagrams: boolean;
  readonly dns: boolean;
  readonly lookups: boolean;
  readonly resolvers: readonly string[];
  readonly flows: number;
  readonly nat: boolean;
}

export function agentConfigOf({ connections, loopback, flows, ...section }: AgentSection): AgentConfig {
  const { ebpf, softErrors, containers, commandLine, datagrams, dns, lookups, resolvers, nat } = section;
  return {
    ...{ ebpf, softErrors, containers, commandLine, datagrams, dns, lookups, resolvers, nat },
    connectionsMax: connections,
    includeLoopback: loopback,
    flowsMax: flows,
  };
}
