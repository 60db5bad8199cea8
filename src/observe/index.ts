/**
 * What the kernel knows: libbpf (eBPF programs, maps, ring buffers), netlink (in any network namespace); packet sockets have a door of their own, `capture/`. Knows
 * sockets, processes, counters and translated addresses; does not know peers, links or flows.
 */
export {
  type CannotRun,
  type ConntrackFacts,
  canFollowSoftErrors,
  canRunConntrack,
  canRunDatagrams,
  canRunSockDiag,
  canRunTcp,
  type KernelFacts,
  readConntrackFacts,
  readKernelFacts,
  readSockDiagFacts,
  type SockDiagFacts,
  slowerDatagrams,
  sockDiagLimits,
} from "./can-run.ts";
export {
  type ConntrackConfig,
  type ConntrackLosses,
  type ConntrackObserver,
  type ConntrackStatus,
  conntrackDefaults,
  createConntrackObserver,
  silentLimits,
} from "./conntrack/conntrack-observer.ts";
export type { TranslatedConnection } from "./conntrack/translated-connection.ts";
export {
  createDatagramObserver,
  type DatagramLosses,
  type DatagramObserver,
  type DatagramObserverConfig,
} from "./datagram-observer.ts";
export { DatagramReport } from "./datagram-report.ts";
export { DnsPacket } from "./dns-packet.ts";
export { KernelError } from "./kernel-error.ts";
export {
  createSockDiagObserver,
  type SockDiagObserver,
  type SockDiagObserverConfig,
  type SockDiagReach,
} from "./sock-diag/sock-diag-observer.ts";
export { createTcpObserver, type TcpLosses, type TcpObserver } from "./tcp-observer.ts";
export { TcpReport, tcpReportBytes, tcpReportLayout, tcpRole } from "./tcp-report.ts";
