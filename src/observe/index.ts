/**
 * What the kernel knows, read through one door each: libbpf (eBPF programs, maps, ring buffers) and netlink. Knows sockets, processes
 * and counters; does not know peers, links or batches.
 */
export {
  type CannotRun,
  canRunSockDiag,
  canRunTcp,
  type KernelFacts,
  readKernelFacts,
  readSockDiagFacts,
  type SockDiagFacts,
  sockDiagLimits,
} from "./can-run.ts";
export {
  createSockDiagObserver,
  type SockDiagObserver,
  type SockDiagObserverConfig,
  type SockDiagReach,
} from "./sock-diag/sock-diag-observer.ts";
export { createTcpObserver, type TcpLosses, type TcpObserver } from "./tcp-observer.ts";
export { TcpReport, tcpRole } from "./tcp-report.ts";
