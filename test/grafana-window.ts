import assert from "node:assert/strict";
import { readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { agentRows, type PretendCluster, recordsOf, told } from "./grafana-cluster.ts";
import type { Window } from "./grafana-rows.ts";
import { everyRound, late, opening } from "./grafana-traffic.ts";
import { until } from "./program.ts";
import type { MetricsServer } from "./prometheus-process.ts";

export const flowRecordsOf = (rounds: number) =>
  agentRows.opening + rounds * (agentRows.round + recordsOf.router + recordsOf.tap + recordsOf.sampled);

/** Rounds that were told, and all that follows from it: known by everything that is counted once for each. */
function isSettled(rounds: number, lost: number): Readonly<Record<string, number>> {
  const of = (name: string) => `sum(portolan_${name}{job="cluster"})`;
  return {
    [of("link_sent_bytes_total")]:
      opening.sent + rounds * everyRound.reduce((sum, { sent }) => sum + sent, 0),
    [of("link_received_bytes_total")]:
      opening.received + rounds * everyRound.reduce((sum, { received }) => sum + received, 0),
    [of("collector_records_total")]: rounds * (recordsOf.router + recordsOf.tap + recordsOf.sampled),
    [of("collector_lost_total")]: lost,
    [of("store_flow_records")]: flowRecordsOf(rounds),
    [of("kubernetes_watch_events_total")]: rounds * told.podChanges,
    [of("remote_agent_records_total")]: agentRows.opening + rounds * agentRows.round,
  };
}

export interface Moment {
  /** Of the scrape, in Unix seconds. */
  readonly time: number;
  readonly before: Machine;
  readonly after: Machine;
  /** Resident memory, again and again from before the scrape to after it. */
  readonly resident: readonly number[];
  readonly scrapeSeconds: number;
  readonly takenSamples: number;
  readonly kernelDrops: number;
  readonly answered: Window["answered"];
  /** When everything had been counted at the latest, in Unix seconds. */
  readonly heardBy: number;
}

/** What the machine itself says of the program. */
interface Machine {
  readonly processorSeconds: number;
  readonly fileBytes: number;
  readonly freeBytes: number;
  readonly storeBytes: number;
}

const ticksPerSecond = 100;

async function readMachine({ program, dataFolder }: PretendCluster): Promise<Machine> {
  const { store } = await program.get<{ store: { bytes: number } }>("/api/v1/status");
  const { pid } = program.child;
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  const { bavail, bsize } = statfsSync(dataFolder);
  return {
    processorSeconds: (Number(stat[11]) + Number(stat[12])) / ticksPerSecond,
    fileBytes: bytesBelow(dataFolder),
    freeBytes: bavail * bsize,
    storeBytes: store.bytes,
  };
}

function residentBytesOf({ program }: PretendCluster): number {
  const status = readFileSync(`/proc/${program.child.pid}/status`, "utf8");
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]);
}

function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.duckdb(\.wal)?$/.test(entry.name))
    .reduce(
      (sum, { parentPath, name }) =>
        sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
}

/**
 * A scrape by which everything of so many rounds has been counted. No remote write is answered meanwhile, so that what was taken stands still. Nothing else is told
 * until it is over, so that whatever is counted by being told is the same in it and in the scrapes around it.
 */
export async function settle(
  prometheus: MetricsServer,
  cluster: PretendCluster,
  rounds: number,
  lost: number,
): Promise<Moment> {
  const { receiver } = cluster;
  await receiver.close();
  for (const [query, expected] of Object.entries(isSettled(rounds, lost))) {
    let last: number | undefined;
    await until(
      `${query} is ${expected}`,
      async () => {
        await cluster.stayHeard();
        last = (await prometheus.query(query))[0]?.value;
        return last === expected ? true : undefined;
      },
      60,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: it is ${last}`);
    });
  }
  const heardBy = Date.now() / 1000;
  // Halfway between two readings of remote write: the one before is over, the one after has not begun.
  const [waiting] = receiver.requests.slice(-1);
  while ((Date.now() - waiting!.time) % 3000 < 600 || (Date.now() - waiting!.time) % 3000 > 1200)
    await delay(50);
  await cluster.stayHeard();
  const before = await readMachine(cluster);
  const asked = Date.now() / 1000;
  const resident: number[] = [];
  const time = await until("the next scrape", async () => {
    resident.push(residentBytesOf(cluster));
    const [found] = await prometheus.query('timestamp(portolan_build_info{job="cluster"})');
    return found !== undefined && found.value > asked ? found.value : undefined;
  });
  resident.push(residentBytesOf(cluster));
  await delay(1200); // the API looks at the store once a second
  const [lasted] = await prometheus.query('scrape_duration_seconds{job="cluster"}', time);
  return {
    ...{ time, before, after: await readMachine(cluster), resident, takenSamples: receiver.takenSamples },
    ...{
      kernelDrops: cluster.kernelDrops(),
      answered: { ...cluster.answered },
      heardBy,
      scrapeSeconds: lasted!.value,
    },
  };
}

/** What lies between two moments. */
export async function windowBetween(
  cluster: PretendCluster,
  begin: Moment,
  end: Moment,
  rounds: number,
): Promise<Window> {
  const { program, receiver } = cluster;
  receiver.open();
  await until("what waited was taken", () =>
    receiver.requests.some(({ time }) => time > end.time * 1000) ? true : undefined,
  );
  const read = receiver.requests.filter(({ time }) => time <= end.time * 1000);
  const { version } = await program.get<{ version: string }>("/api/v1/status");
  const between = (name: keyof Machine): [number, number] => [
    Math.min(end.before[name], end.after[name]) * 0.99,
    Math.max(end.before[name], end.after[name]) * 1.01,
  ];
  const kernelDrops = end.kernelDrops - begin.kernelDrops;
  assert.ok(kernelDrops > 0, "the flood was more than the kernel has room for");
  return {
    ...{ seconds: end.time - begin.time, end: end.time, rounds, version, kernelDrops },
    lastSent: [cluster.lastSent[0], end.heardBy],
    lastHeard: cluster.lastHeard,
    answered: {
      durable: end.answered.durable - begin.answered.durable,
      duplicate: end.answered.duplicate - begin.answered.duplicate,
      refused: end.answered.refused - begin.answered.refused,
    },
    garbageDatagrams: rounds * told.garbage + told.flood.datagrams - kernelDrops,
    takenSamples: end.takenSamples - begin.takenSamples,
    waitingSamples: read.reduce((sum, { samples }) => sum + samples, 0) - end.takenSamples,
    receiver: receiver.host,
    podChanges: (rounds + 1) * told.podChanges,
    flowRecords: flowRecordsOf(rounds + 1),
    processorSeconds: [
      end.before.processorSeconds - begin.after.processorSeconds - 0.02,
      end.after.processorSeconds - begin.before.processorSeconds + 0.02,
    ],
    // It rises and falls between two looks.
    residentBytes: [Math.min(...end.resident) * 0.97, Math.max(...end.resident) * 1.03],
    fileBytes: between("fileBytes"),
    ...{ freeBytes: between("freeBytes"), storeBytes: between("storeBytes") },
    scrapeSeconds: end.scrapeSeconds,
    instance: new URL(program.url).host,
  };
}

interface Listed {
  readonly collectionTimeMilliseconds: number;
  readonly sourceAddress: string;
  readonly destinationAddress: string;
  readonly sourceTransportPort: number;
  readonly destinationTransportPort: number;
}

/** In how many minutes each conversation was told of, by the records that the store lists. */
export async function countLinkMinutes({ program }: PretendCluster): Promise<number> {
  const { records } = await program.get<{ records: Listed[] }>("/api/v1/flows?from=-15m&limit=1000");
  const conversations = [...everyRound, opening, late];
  assert.ok(records.length < 1000, "all are listed");
  const minutes = records.map((record) => {
    const index = conversations.findIndex(
      ({ client, server, port }) =>
        [record.sourceAddress, record.destinationAddress].sort().join() ===
          [client.address, server.address].sort().join() &&
        [record.sourceTransportPort, record.destinationTransportPort].includes(port),
    );
    // Of the crowd each link is told of in one direction.
    const link = index >= 0 ? index : `${record.sourceAddress} ${record.destinationAddress}`;
    return `${Math.floor(record.collectionTimeMilliseconds / 60_000)} ${link}`;
  });
  return new Set(minutes).size;
}
