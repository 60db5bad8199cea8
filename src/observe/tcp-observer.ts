import { closeSync, openSync, readFileSync } from "node:fs";
import { KernelError } from "./kernel-error.ts";
import { type BpfObject, loadLibbpf } from "./libbpf.ts";
import { RingBuffer } from "./ring-buffer.ts";
import { mapLogs, setLogsSize, sizeOfLogs, TcpLogs, type TcpLogsSize } from "./tcp-logs.ts";
import { TcpReport } from "./tcp-report.ts";

const ringBufferBytesDefault = 4 * 1024 * 1024;

const cgroupNameBytes = 128; // struct cgroup_name in tcp-maps.h

/** The same walk: with loads of its own, which Linux 6.2 and later take, and with helper calls. */
const walkPrograms = ["walk_sockets", "walk_by_helper"] as const;

/** What a kernel takes of the programs. */
interface Choice {
  readonly walk: (typeof walkPrograms)[number];
  /** With `follow_errors`, at the root of cgroup v2. */
  readonly softErrors: boolean;
}

/** The best first. */
function* choices(hasCgroups: boolean): Generator<Choice> {
  for (const walk of walkPrograms)
    for (const softErrors of hasCgroups ? [true, false] : [false]) yield { walk, softErrors };
}

export interface TcpObserverConfig {
  /** Live sockets followed at most; the kernel's table grows with them and is not allocated up front. */
  readonly connectionsMax: number;
  /** Listening sockets remembered at most, 16,384 when not given; accepted ones of others have no process. */
  readonly listenersMax?: number;
  /** Of the ring buffer for reports of what goes on, a power of two; 4 MiB, 32,768 reports, when not given. */
  readonly ringBufferBytes?: number;
  /** Ends that a processor's log holds, a power of two and whole pages; by the number of processors when not given. */
  readonly logEntries?: number;
  /** Where cgroup v2 is mounted, so that soft errors are followed; empty, or not given, where they are not. */
  readonly cgroupRoot?: string;
  /** Once events were left out (tcp-nested.h), sockets are looked for again after this time, and not more often than every five times as much; 2 s when not given. */
  readonly lookAgainMilliseconds?: number;
}

/** What the kernel half could not report, since the start; see `struct tcp_losses`. */
export interface TcpLosses {
  readonly tableFull: number;
  readonly overwritten: number;
  /** Live sockets looked at by the last walk. */
  readonly walked: number;
  readonly deferred: number;
  /** Ends of which nothing was told. */
  readonly missed: number;
}

export interface TcpObserver {
  /** Loads and attaches the programs, then finds the sockets that are already there. Throws KernelError. */
  start(): void;
  /** Has the kernel report every live socket that moved since the last walk. */
  walk(): void;
  /** Reads the waiting reports, a socket's oldest first; the report is valid until `visit` returns. Returns how many. */
  drain(visit: (report: TcpReport) => void): number;
  losses(): TcpLosses;
  /** The last part of a cgroup's path as it was when a socket was first seen in it; "" when not known. */
  cgroupNameOf(cgroupId: number): string;
  stop(): void;
}

export interface TcpPrograms extends TcpObserver {
  /** Whether, once started, soft errors are followed: the program that does it is optional. */
  readonly followsSoftErrors: boolean;
  /** Since the start: begins and ends that came in the middle of another event, by an interrupt, and were found later. */
  nestedCount(): number;
}

/** Follows every TCP socket of this machine, in all network namespaces. */
export function createTcpObserver({
  connectionsMax,
  listenersMax = 16_384,
  ringBufferBytes = ringBufferBytesDefault,
  logEntries,
  cgroupRoot = "",
  lookAgainMilliseconds = 2000,
}: TcpObserverConfig): TcpPrograms {
  let object: BpfObject | undefined;
  let ring: RingBuffer | undefined;
  let report: TcpReport | undefined;
  let logs: TcpLogs | undefined;
  let end: TcpReport | undefined;
  let choice: Choice | undefined;
  /** Events that follow_state was left out of, when that was last acted upon. */
  let eventsLeftOut = 0;
  let lookAgainAt: number | undefined;
  let lookedAgainAt = Number.NEGATIVE_INFINITY;
  const nameBytes = new Uint8Array(cgroupNameBytes);
  const utf8 = new TextDecoder();
  const lossBytes = new Uint8Array(48);
  const lossWords = new BigUint64Array(lossBytes.buffer);

  function load(elf: Uint8Array, size: TcpLogsSize, { walk, softErrors }: Choice): BpfObject {
    const opened = loadLibbpf().openObject(elf, "tcp");
    try {
      setLogsSize(opened, size);
      opened.setMaxEntries("reports", ringBufferBytes);
      for (const map of ["connections", "slots", "next_free"]) opened.setMaxEntries(map, connectionsMax);
      for (const map of ["listeners", "listening"]) opened.setMaxEntries(map, listenersMax);
      if (!softErrors) opened.leaveOut("follow_errors");
      for (const other of walkPrograms) if (other !== walk) opened.leaveOut(other);
      opened.load();
      if (softErrors) attachToCgroup(opened, "follow_errors", cgroupRoot);
      return opened;
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  /** Without cgroup v2, or where a kernel does not take an optional program, it is left out; the walk is the first that it takes. */
  function loadWhatCanBe(elf: Uint8Array, size: TcpLogsSize): BpfObject {
    let whyNot: unknown;
    for (const each of choices(cgroupRoot !== "")) {
      try {
        const loaded = load(elf, size, each);
        choice = each;
        return loaded;
      } catch (error) {
        whyNot = error;
      }
    }
    throw whyNot;
  }

  /** What began by an event that follow_state was left out of is found by its file, a while later, when the program has accepted it. */
  function lookAgain(loaded: BpfObject): void {
    const now = performance.now();
    try {
      const leftOut = loaded.missesOf("follow_state");
      if (lookAgainAt === undefined && leftOut > eventsLeftOut) {
        lookAgainAt = Math.max(now + lookAgainMilliseconds, lookedAgainAt + 5 * lookAgainMilliseconds);
        eventsLeftOut = leftOut;
      }
      if (lookAgainAt === undefined || now < lookAgainAt) return;
      lookAgainAt = undefined;
      lookedAgainAt = now;
      loaded.runIterator("find_sockets");
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      eventsLeftOut = 0; // no memory, or no file: another time
    }
  }

  function readLosses(): BigUint64Array {
    object?.readArray("losses", lossBytes);
    return lossWords;
  }

  return {
    get followsSoftErrors() {
      return choice?.softErrors ?? false;
    },
    nestedCount: () => Number(readLosses()[5]),
    start() {
      const elf = readFileSync(new URL("./bpf/tcp.bpf.o", import.meta.url));
      try {
        const own = sizeOfLogs(loadLibbpf().possibleProcessors());
        const size = { ...own, ...(logEntries !== undefined && { entries: logEntries }) };
        object = loadWhatCanBe(elf, size);
        const memory = object.mapRingBuffer("reports", ringBufferBytes);
        ring = new RingBuffer(memory);
        report = new TcpReport(memory.data);
        const logsMemory = mapLogs(object, size);
        logs = new TcpLogs(logsMemory, size);
        end = new TcpReport(logsMemory.ends.data);
        object.attach("follow_state");
        object.attach("follow_destroyed");
        object.attach("follow_failed");
        object.runIterator("find_sockets");
        object.runSyscall("settle_roles");
      } catch (error) {
        this.stop();
        throw error;
      }
    },
    walk() {
      if (object === undefined || choice === undefined) return;
      lookAgain(object);
      object.runSyscall(choice.walk);
    },
    drain(visit) {
      if (ring === undefined || report === undefined || logs === undefined || end === undefined) return 0;
      const window = report;
      const endWindow = end;
      // What is in a log is all that there was of a socket: nothing said of it is elsewhere.
      const walked = ring.consume((offset) => {
        window.moveTo(offset);
        visit(window);
      });
      const ended = logs.consume((offset) => {
        endWindow.moveTo(offset);
        visit(endWindow);
      });
      return walked + ended;
    },
    losses() {
      const [tableFull = 0n, overwritten = 0n, walked = 0n, deferred = 0n, missed = 0n] = readLosses();
      return {
        tableFull: Number(tableFull),
        overwritten: Number(overwritten),
        walked: Number(walked),
        deferred: Number(deferred),
        missed: Number(missed),
      };
    },
    cgroupNameOf(cgroupId) {
      if (object?.readValue("cgroup_names", BigInt(cgroupId), nameBytes) !== true) return "";
      return utf8.decode(nameBytes.subarray(0, nameBytes.indexOf(0)));
    },
    stop() {
      ring = undefined;
      report = undefined;
      logs = undefined;
      end = undefined;
      object?.close();
      object = undefined;
      eventsLeftOut = 0;
      lookAgainAt = undefined;
      lookedAgainAt = Number.NEGATIVE_INFINITY;
    },
  };
}

function attachToCgroup(object: BpfObject, program: string, cgroupRoot: string): void {
  const cgroup = openSync(cgroupRoot, "r");
  try {
    object.attachCgroup(program, cgroup);
  } finally {
    closeSync(cgroup);
  }
}
