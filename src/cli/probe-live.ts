import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { compileFilter, dropPrivileges, PacketRing, retireMilliseconds } from "../observe/capture/index.ts";
import { PacketBatch } from "../packet/index.ts";
import {
  type ControlSocket,
  createControlSocket,
  type OpenDestination,
  openDestination,
  Probe,
  type ProbeFlags,
} from "../probe/index.ts";
import { configOf } from "./probe-config.ts";
import { keepTraces } from "./probe-remover.ts";

const batchPackets = 2048;
/** Batches of an interface in a row, before the others, the control socket and signals get their turn. */
const batchesPerTurn = 32;
/** With nothing in the rings. They hold far more than comes in that time. */
const restMilliseconds = 10;
const tickMilliseconds = 250;
const checkMilliseconds = 1000;
const dropsToldEveryMilliseconds = 60_000;

export interface LiveProbe {
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly pidFileProblem: string | undefined;
}

/** Captures interfaces until it is stopped. */
export function createLiveProbe(flags: ProbeFlags, log: (text: string) => void): LiveProbe {
  const { filter } = flags;
  const rings = flags.interfaces.map(
    ({ name }, interfaceNumber) =>
      new PacketRing({
        interfaceName: name,
        snapLength: flags.snapLength,
        ringBytes: flags.ringBytes,
        isPromiscuous: flags.isPromiscuous,
        interfaceNumber,
        compileFilter: filter === "" ? undefined : (link) => compileFilter(filter, link, flags.snapLength),
        isFilterOwn: /\b(?:vlan|mpls|pppoes)\b/.test(filter),
      }),
  );
  const interfaces: { index: number; name: string }[] = [];
  const batch = new PacketBatch(batchPackets);
  const startedMilliseconds = Date.now();
  let debugLevel = flags.isDebug ? 1 : 0;
  let destinations: OpenDestination[] = [];
  let control: ControlSocket | undefined;
  let probe: Probe | undefined;
  let timer: NodeJS.Timeout | undefined;
  let removeTraces = async () => {};
  let isStopped = false;
  let isGathering = true;
  let reportsAtEnd = true;
  let pidFileProblem: string | undefined;
  let ticked = 0;
  let checked = 0;
  let droppedTold = 0;
  let droppedToldAt = Number.NEGATIVE_INFINITY;

  const kernelCounts = () => {
    const sum = { received: 0, dropped: 0 };
    for (const ring of rings) {
      const { received, dropped } = ring.counts();
      sum.received += received;
      sum.dropped += dropped;
    }
    return sum;
  };

  /** Whether a ring may have more. */
  const readRings = (turns: number): boolean => {
    let hasMore = false;
    for (const ring of rings) {
      let isMore = true;
      for (let turn = 0; turn < turns && isMore; turn++) {
        isMore = ring.read(batch);
        if (isGathering && batch.count > 0) probe!.add(batch);
      }
      hasMore ||= isMore;
    }
    return hasMore;
  };

  const checkRings = (now: number) => {
    for (const ring of rings) {
      const { interfaceName } = ring.config;
      const change = ring.check();
      if (change === "gone") log(`interface ${interfaceName} is gone; waiting for it to come back`);
      else if (change === "back") log(`interface ${interfaceName} is back`);
    }
    const { dropped } = kernelCounts();
    if (dropped === droppedTold || now - droppedToldAt < dropsToldEveryMilliseconds) return;
    log(
      `the kernel dropped ${dropped - droppedTold} packets: the ring was full; a larger one is asked for with -B`,
    );
    droppedTold = dropped;
    droppedToldAt = now;
  };

  const turn = () => {
    if (isStopped) return;
    const hasMore = readRings(batchesPerTurn);
    const now = Date.now();
    if (Math.abs(now - ticked) >= tickMilliseconds) {
      ticked = now;
      probe!.tick();
    }
    if (Math.abs(now - checked) >= checkMilliseconds) {
      checked = now;
      checkRings(now);
    }
    if (hasMore) setImmediate(turn);
    else timer = setTimeout(turn, restMilliseconds);
  };

  return {
    get pidFileProblem() {
      return pidFileProblem;
    },
    async start() {
      const options = { hopLimit: flags.hopLimit, device: flags.sendDevice, log, now: Date.now };
      destinations = await Promise.all(flags.destinations.map((one) => openDestination(one, options)));
      for (const ring of rings) ring.open();
      for (const [i, { name, index }] of flags.interfaces.entries())
        interfaces.push({ name, index: index ?? rings[i]!.interfaceIndex });
      probe = new Probe(
        configOf(flags, () => debugLevel > 0, log),
        { destinations, interfaces, now: Date.now },
      );
      if (flags.controlSocket !== undefined) {
        control = createControlSocket(flags.controlSocket, {
          probe,
          startedMilliseconds,
          kernelCounts,
          gather: (isWanted) => (isGathering = isWanted),
          debug: (step) => (debugLevel = Math.max(0, debugLevel + step)),
          shutdown: (withReport) => {
            reportsAtEnd = withReport;
            process.kill(process.pid, "SIGTERM");
          },
        });
        await control.start();
      }
      if (flags.pidFile !== undefined) pidFileProblem = writePidFile(flags.pidFile);
      removeTraces = keepTraces({
        pidFile: pidFileProblem === undefined ? flags.pidFile : undefined,
        controlSocket: flags.controlSocket,
      });
      const user = dropPrivileges(flags.user);
      const names = flags.interfaces.map(({ name }) => name).join(", ");
      const where = destinations.map(({ text }) => text).join(", ") || "nowhere (statistics only)";
      log(`flows of ${names} to ${where}${user === undefined ? "" : `, as ${user}`}`);
      turn();
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      if (probe !== undefined && reportsAtEnd) {
        // What was captured before the signal is reported too. What comes after it is not taken any more: where packets come
        // faster than they are read, there would be no end.
        for (const ring of rings) ring.endIntake();
        await delay(retireMilliseconds * 3);
        readRings(Number.MAX_SAFE_INTEGER);
        probe.expireAll();
      }
      for (const ring of rings) ring.close();
      for (const destination of destinations) destination.close();
      await control?.stop();
      await removeTraces();
    },
  };
}

function writePidFile(path: string): string | undefined {
  try {
    writeFileSync(path, `${process.pid}\n`);
    return undefined;
  } catch (error) {
    return `process id not written to ${path}: ${(error as NodeJS.ErrnoException).code}`;
  }
}
