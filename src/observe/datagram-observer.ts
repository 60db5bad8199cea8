import { getRandomValues } from "node:crypto";
import { closeSync, openSync, readFileSync } from "node:fs";
import { readTickNanoseconds } from "./clock-tick.ts";
import { DatagramReport } from "./datagram-report.ts";
import { DnsPacket } from "./dns-packet.ts";
import { type BpfObject, loadLibbpf } from "./libbpf.ts";
import { RingBuffer } from "./ring-buffer.ts";

const reportsBytes = 4 * 1024 * 1024; // `reports` in datagram.bpf.c
const dnsPacketsBytes = 2 * 1024 * 1024; // `dns_packets`
const hashKeysCount = 14; // `hash_keys`

/** At the packets, in and out: the same with seats for busy flows, which Linux 6.2 and later take, and without. */
const packetPrograms = [
  ["follow_ingress", "follow_egress"],
  ["count_ingress", "count_egress"],
] as const;
type PacketPrograms = (typeof packetPrograms)[number];

export interface DatagramObserverConfig {
  /** Flows followed at most; 256 bytes of kernel memory each while they live. */
  readonly flowsMax: number;
  readonly withFlows: boolean;
  /** Whether DNS messages are copied. */
  readonly withDns: boolean;
  /** Where cgroup v2 is mounted. */
  readonly cgroupRoot: string;
  /** A flow is over when nothing came for so long. */
  readonly udpIdleSeconds?: number;
  readonly icmpIdleSeconds?: number;
  /** 14 keys of the hash of a flow; random when not given, so that nobody can choose flows whose hashes meet. */
  readonly hashKeys?: Uint32Array;
  /** The compiled programs; tests spoil some of them. */
  readonly elf?: Uint8Array;
}

/** What the kernel half could not report, since the start; see `struct datagram_losses`. */
export interface DatagramLosses {
  /** Packets of flows beyond the bound. */
  readonly tableFull: number;
  readonly deferred: number;
  readonly dnsLost: number;
  /** Flows looked at by the last walk. */
  readonly walked: number;
}

export interface DatagramObserver {
  /** Loads and attaches the programs, then finds the sockets that are already there. Throws KernelError. */
  start(): void;
  /** Has the kernel report every flow that moved since the last walk. */
  walk(): void;
  /** Reads the waiting reports, oldest first; the report is valid until `visit` returns. Returns how many. */
  drain(visit: (report: DatagramReport) => void): number;
  /** The same for DNS messages. */
  drainDns(visit: (packet: DnsPacket) => void): number;
  losses(): DatagramLosses;
  /** Once started, what the kernel said of the faster programs; undefined when they run. */
  readonly refusal: Error | undefined;
  stop(): void;
}

interface Loaded {
  readonly object: BpfObject;
  readonly programs: PacketPrograms;
  /** Of the programs that come before them. */
  readonly refusal: Error | undefined;
}

interface Running extends Loaded {
  readonly reports: RingBuffer;
  readonly report: DatagramReport;
  readonly dnsPackets: RingBuffer;
  readonly dnsPacket: DnsPacket;
}

/** Follows the flows of every socket of this machine but TCP's, in all network namespaces. */
export function createDatagramObserver(config: DatagramObserverConfig): DatagramObserver {
  let running: Running | undefined;
  const lossBytes = new Uint8Array(32);
  const lossWords = new BigUint64Array(lossBytes.buffer);

  return {
    start() {
      const loaded = loadWhatCanBe(config);
      const { object, programs } = loaded;
      try {
        const reports = object.mapRingBuffer("reports", reportsBytes);
        const dnsPackets = object.mapRingBuffer("dns_packets", dnsPacketsBytes);
        attach(object, programs, config.cgroupRoot);
        running = {
          ...loaded,
          reports: new RingBuffer(reports),
          report: new DatagramReport(reports.data),
          dnsPackets: new RingBuffer(dnsPackets),
          dnsPacket: new DnsPacket(dnsPackets.data),
        };
      } catch (error) {
        object.close();
        throw error;
      }
    },
    walk() {
      running?.object.runSyscall("walk_flows");
    },
    drain(visit) {
      if (running === undefined) return 0;
      const { reports, report } = running;
      return reports.consume((offset) => {
        report.moveTo(offset);
        visit(report);
      });
    },
    drainDns(visit) {
      if (running === undefined) return 0;
      const { dnsPackets, dnsPacket } = running;
      return dnsPackets.consume((offset) => {
        dnsPacket.moveTo(offset);
        visit(dnsPacket);
      });
    },
    losses() {
      running?.object.readArray("losses", lossBytes);
      const [tableFull = 0n, deferred = 0n, dnsLost = 0n, walked = 0n] = lossWords;
      return {
        tableFull: Number(tableFull),
        deferred: Number(deferred),
        dnsLost: Number(dnsLost),
        walked: Number(walked),
      };
    },
    get refusal() {
      return running?.refusal;
    },
    stop() {
      running?.object.close();
      running = undefined;
    },
  };
}

/** With the first programs that the kernel takes. */
function loadWhatCanBe(config: DatagramObserverConfig): Loaded {
  const { elf = readFileSync(new URL("./bpf/datagram.bpf.o", import.meta.url)) } = config;
  let refusal: Error | undefined;
  for (const programs of packetPrograms) {
    const object = loadLibbpf().openObject(elf, "datagram");
    try {
      for (const map of ["flows", "slots", "next_free"]) object.setMaxEntries(map, config.flowsMax);
      for (const other of packetPrograms)
        if (other !== programs) for (const program of other) object.leaveOut(program);
      object.setConstants(constantsOf(config));
      object.load();
      return { object, programs, refusal };
    } catch (error) {
      object.close();
      refusal = error as Error;
    }
  }
  throw refusal;
}

/** Owners first, so that the first packet finds them. */
function attach(object: BpfObject, packetPrograms: PacketPrograms, cgroupRoot: string): void {
  const cgroup = openSync(cgroupRoot, "r");
  try {
    object.attachCgroup("own_socket", cgroup);
    object.runIterator("find_owners");
    for (const program of packetPrograms) object.attachCgroup(program, cgroup);
  } finally {
    closeSync(cgroup);
  }
}

/** The constants of datagram.bpf.c, in its order: two of 64 bits, four of 32, and the keys of the hash. */
function constantsOf({
  flowsMax,
  withFlows,
  withDns,
  udpIdleSeconds = 60,
  icmpIdleSeconds = 30,
  hashKeys = getRandomValues(new Uint32Array(hashKeysCount)),
}: DatagramObserverConfig): Uint8Array {
  const bytes = new Uint8Array(32 + 4 * hashKeysCount);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(udpIdleSeconds * 1e9), true);
  view.setBigUint64(8, BigInt(icmpIdleSeconds * 1e9), true);
  view.setUint32(16, flowsMax, true);
  view.setUint32(20, withFlows ? 1 : 0, true);
  view.setUint32(24, withDns ? 1 : 0, true);
  view.setUint32(28, readTickNanoseconds(), true);
  for (const [i, key] of hashKeys.entries()) view.setUint32(32 + 4 * i, key, true);
  return bytes;
}
