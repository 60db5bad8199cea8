/**
 * What the kernel knows, read through one door each: libbpf (eBPF programs, maps, ring buffers), netlink (in any network namespace). Knows
 * sockets, processes, counters and translated addresses; does not know peers, links or batches.
 */
export {
  type CannotRun,
  type ConntrackFacts,
  canRunConntrack,
  canRunTcp,
  type KernelFacts,
  readConntrackFacts,
  readKernelFacts,
} from "./can-run.ts";
export {
  type ConntrackConfig,
  type ConntrackLosses,
  type ConntrackObserver,
  type ConntrackStatus,
  conntrackDefaults,
  createConntrackObserver,
} from "./conntrack/conntrack-observer.ts";
export type { TranslatedConnection } from "./conntrack/translated-connection.ts";
export { createTcpObserver, type TcpLosses, type TcpObserver } from "./tcp-observer.ts";
export { TcpReport, tcpRole } from "./tcp-report.ts";
