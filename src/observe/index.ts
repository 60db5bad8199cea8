/**
 * What the kernel knows, read through one door each: libbpf (eBPF programs, maps, ring buffers). Knows sockets, processes
 * and counters; does not know peers, links or batches.
 */
export {
  type CannotRun,
  canRunDatagrams,
  canRunTcp,
  type KernelFacts,
  readKernelFacts,
} from "./can-run.ts";
export {
  createDatagramObserver,
  type DatagramLosses,
  type DatagramObserver,
  type DatagramObserverConfig,
} from "./datagram-observer.ts";
export { DatagramReport } from "./datagram-report.ts";
export { DnsPacket } from "./dns-packet.ts";
export { KernelError } from "./libbpf.ts";
export { createTcpObserver, type TcpLosses, type TcpObserver } from "./tcp-observer.ts";
export { TcpReport, tcpReportBytes, tcpReportLayout, tcpRole } from "./tcp-report.ts";
