/**
 * What the kernel knows, read through one door each: libbpf (eBPF programs, maps, ring buffers), packet sockets. Knows sockets, processes,
 * packets and counters; does not know peers, links or flows.
 */
export {
  type CannotRun,
  canRunDatagrams,
  canRunTcp,
  type KernelFacts,
  readKernelFacts,
} from "./can-run.ts";
export { CaptureError } from "./capture/capture-error.ts";
export { compileFilter } from "./capture/filter.ts";
export { PacketRing, type PacketRingConfig, type RingCounts } from "./capture/packet-ring.ts";
export { dropPrivileges } from "./capture/privileges.ts";
export { hasPacketSockets } from "./capture/system-calls.ts";
export { writeSystemLog } from "./capture/system-log.ts";
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
export { TcpReport, tcpRole } from "./tcp-report.ts";
