import { existsSync } from "node:fs";
import { type CannotRun, canRunConntrack, readConntrackFacts } from "../can-run.ts";
import { KernelError } from "../kernel-error.ts";
import { ReceiveRoom } from "../netlink/receive-room.ts";
import { createNamespaceFinder, type FoundNamespaces } from "../network-namespaces.ts";
import { ConntrackReader } from "./conntrack-message.ts";
import { NamespaceWatch, type VisitConnection, type WatchContext } from "./namespace-watch.ts";

/** Datagrams taken with one system call, or 32 KiB stretches of a dump. */
const roomCount = 16;

export interface ConntrackConfig {
  /** Network namespaces watched at most, this thread's own and those of the oldest processes first. */
  readonly namespacesMax: number;
  /** What the kernel may hold for us between two polls, in each namespace. An event takes about 640 bytes of it. */
  readonly receiveBufferBytes: number;
  /** Messages one `poll` reads, about; the rest waits for the next. */
  readonly messagesMax: number;
}

export const conntrackDefaults: ConntrackConfig = {
  namespacesMax: 512,
  receiveBufferBytes: 8 * 1024 * 1024,
  messagesMax: 20_000,
};

export interface ConntrackDependencies {
  readonly findNamespaces: (namespacesMax: number) => FoundNamespaces;
  /** Why nothing can be observed. Asked again at every refresh. */
  readonly whyNot: () => CannotRun | undefined;
  /** Whether IPVS is in the kernel. */
  readonly hasIpvs: () => boolean;
}

function createOwnDependencies(): ConntrackDependencies {
  return {
    findNamespaces: createNamespaceFinder(),
    whyNot: () => canRunConntrack(readConntrackFacts()),
    hasIpvs: () => existsSync("/proc/net/ip_vs"),
  };
}

export interface ConntrackStatus {
  readonly state: "stopped" | "watching" | "unavailable";
  /** When unavailable: why, and the one thing to change. */
  readonly cannot: CannotRun | undefined;
  /** Network namespaces watched. */
  readonly namespaceCount: number;
  /** Found, but more than `namespacesMax`. */
  readonly beyondCount: number;
  /** Found, but the kernel refuses to tell about them, and what it said last. They are tried again at every refresh. */
  readonly refusedCount: number;
  readonly refusal: string | undefined;
  /** Watched, but the kernel was told to announce nothing there: a file to enter each by. */
  readonly silentPaths: readonly string[];
}

/** Since the start. */
export interface ConntrackLosses {
  /** Announcements the kernel had no room for. The tables are read again then, which finds all connections that are still there. */
  readonly eventCount: number;
  /** How often that happened. */
  readonly overrunCount: number;
  /** Messages that could not be read. */
  readonly invalidCount: number;
}

export interface ConntrackObserver {
  /** Subscribes in every network namespace; the tables are read by the polls that follow. Never throws: `status` says what is missing. */
  start(): void;
  /**
   * Reads without waiting: tables first, then what was announced, oldest first. The entry is valid until `visit` returns. A connection may come
   * more than once, and once more when it is over. `now` is unix ms. Returns how many messages were read; 0 when nothing waits.
   */
  poll(visit: VisitConnection, now?: number): number;
  /**
   * To be called every few seconds. Finds namespaces that have appeared: their tables are read, which finds the connections from before that
   * moment too, since an entry outlives its connection, by seconds at least. Lets go of those that are gone: until then they
   * are kept alive by our sockets. Reads tables again of which announcements were lost, or are never made.
   */
  refresh(): void;
  /** Has the polls that follow tell of every translated connection, told before or not. */
  tellAgain(): void;
  status(): ConntrackStatus;
  losses(): ConntrackLosses;
  stop(): void;
}

/**
 * Sees which connections' addresses this machine's kernel translates (Services, masquerading, published ports), in all network
 * namespaces, from connection tracking's own announcements (ctnetlink).
 *
 * What our presence changes: where net.netfilter.nf_conntrack_events is 2, the default since Linux 5.19, the kernel prepares announcements
 * because somebody listens, for connections that are new or over, in each namespace: some bytes and one to five microseconds for each. No rule and
 * no hook is added: what was not tracked is not tracked now. Nothing is subscribed, and no module is loaded, on a machine without
 * nf_conntrack; where that is there, the kernel itself loads nf_conntrack_netlink when we ask. The sockets are all that there
 * is of us, so nothing stays when the process is killed.
 */
export function createConntrackObserver(
  config: ConntrackConfig = conntrackDefaults,
  dependencies: ConntrackDependencies = createOwnDependencies(),
): ConntrackObserver {
  const { namespacesMax, messagesMax, receiveBufferBytes } = config;
  let context: (WatchContext & { room: ReceiveRoom }) | undefined;
  let watches: NamespaceWatch[] = [];
  let cannot: CannotRun | undefined;
  let refusals = new Map<number, KernelError>();
  let beyondCount = 0;
  let turn = 0;
  let losses = { eventCount: 0, overrunCount: 0 };
  let reader = new ConntrackReader();

  const refuse = (inode: number, error: unknown) => {
    if (!(error instanceof KernelError)) throw error;
    // It went while we looked, or its file is another's by now: the next look finds one that is not, if there is any.
    if (!["ENOENT", "ESRCH", "ESTALE"].includes(error.code)) refusals.set(inode, error);
  };
  const closeAll = () => {
    for (const watch of watches.splice(0)) watch.close();
    refusals.clear();
    beyondCount = 0;
  };

  return {
    start() {
      losses = { eventCount: 0, overrunCount: 0 };
      reader = new ConntrackReader();
      context = { room: new ReceiveRoom(roomCount), reader, receiveBufferBytes, losses };
      this.refresh();
    },
    refresh() {
      if (context === undefined) return;
      cannot = dependencies.whyNot();
      if (cannot !== undefined) return closeAll();
      const isStatusTrusted = !dependencies.hasIpvs();
      const found = dependencies.findNamespaces(namespacesMax);
      const wanted = new Set(found.namespaces.map(({ inode }) => inode));
      const kept = new Map<number, NamespaceWatch>();
      for (const watch of watches) {
        if (wanted.has(watch.inode)) kept.set(watch.inode, watch);
        else watch.close();
      }
      beyondCount = found.beyondCount;
      refusals = new Map();
      watches = [];
      for (const namespace of found.namespaces) {
        const known = kept.get(namespace.inode);
        try {
          known?.trustStatus(isStatusTrusted);
          known?.resynchronise();
          watches.push(known ?? new NamespaceWatch(namespace, isStatusTrusted, context));
        } catch (error) {
          known?.close();
          refuse(namespace.inode, error);
        }
      }
    },
    tellAgain() {
      for (const watch of watches) watch.tellAgain();
    },
    poll(visit, now = Date.now()) {
      let count = 0;
      // Each call begins with another namespace, so that a flood in one does not silence the others.
      const order = [...watches.slice(turn), ...watches.slice(0, turn)];
      turn = watches.length === 0 ? 0 : (turn + 1) % watches.length;
      for (const watch of order) {
        if (count >= messagesMax) break;
        try {
          count += watch.poll(visit, messagesMax - count, now);
        } catch (error) {
          watch.close();
          watches.splice(watches.indexOf(watch), 1);
          refuse(watch.inode, error);
        }
      }
      return count;
    },
    status() {
      const refusal = [...refusals.values()].at(-1);
      const missing = watches.length === 0 && refusal !== undefined ? explain(refusal) : undefined;
      const why = cannot ?? missing;
      return {
        state: context === undefined ? "stopped" : why === undefined ? "watching" : "unavailable",
        cannot: why,
        namespaceCount: watches.length,
        beyondCount,
        refusedCount: refusals.size,
        refusal: refusal?.message,
        silentPaths: watches.filter(({ isSilent }) => isSilent).map(({ path }) => path),
      };
    },
    losses: () => ({ ...losses, invalidCount: reader.invalidCount }),
    stop() {
      closeAll();
      cannot = undefined;
      context?.room.free();
      context = undefined;
    },
  };
}

/** In words, what is missing where connection tracking announces nothing, and what would change it. */
export function silentLimits({ silentPaths }: Pick<ConntrackStatus, "silentPaths">): CannotRun[] {
  const [path] = silentPaths;
  if (path === undefined) return [];
  const where = silentPaths.length === 1 ? "a network namespace" : `${silentPaths.length} network namespaces`;
  const enter = path.startsWith("/proc/thread-self/") ? "" : `nsenter --net=${path} `;
  const others = silentPaths.length === 1 ? "" : ", and so in the others";
  return [
    {
      reason:
        `in ${where} the kernel was told not to announce connections (net.netfilter.nf_conntrack_events is 0): its table is read every ` +
        "few seconds, so a new connection is drawn translated at first, and as a second one where both ends are seen",
      remedy: `switch that on: ${enter}sysctl -w net.netfilter.nf_conntrack_events=1${others}`,
    },
  ];
}

/** The kernel answers EINVAL when it finds nobody to hand a ctnetlink request to, EPROTONOSUPPORT when it has no nfnetlink at all. */
function explain(refusal: KernelError): CannotRun {
  return refusal.code === "EINVAL" || refusal.code === "EPROTONOSUPPORT"
    ? {
        reason: `the kernel does not tell about connection tracking: ${refusal.message}`,
        remedy: "modprobe nf_conntrack_netlink (CONFIG_NF_CT_NETLINK)",
      }
    : {
        reason: `the kernel refuses to tell about connection tracking: ${refusal.message}`,
        remedy: "start it as root, outside of a container or in a privileged one",
      };
}
