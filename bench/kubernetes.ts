/**
 * What following a cluster costs: `--pods N` (5,000) in a real kube-apiserver, then `--rate N` (100) changes of pods a second for
 * `--seconds N` (20), addresses given away again after a second. Memory and CPU of the follower, load on the API server with and without it, and whether
 * look-ups name the right pod, asked afterwards for moments of the past. Needs etcd, and kube-apiserver built as the tests build it.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as rest } from "node:timers/promises";
import { parseArgs } from "node:util";
import { clusterRules } from "../src/enrich/kubernetes/index.ts";
import { ApiServer, type Json, missingForApiServer } from "../test/kubernetes-api-server.ts";
import { ClusterObjects } from "../test/kubernetes-objects.ts";
import type { FollowerAnswer, Moment } from "./kubernetes-follower.ts";

const { values } = parseArgs({
  options: {
    pods: { type: "string", default: "5000" },
    rate: { type: "string", default: "100" },
    seconds: { type: "string", default: "20" },
  },
});
const podCount = Number(values.pods);
const changesPerSecond = Number(values.rate);
const seconds = Number(values.seconds);
const podsPerOwner = 20;
const namespace = "bench";
const writesAtOnce = 64;
/** Networks do not give an address away at once; a second is soon. */
const reuseMilliseconds = 1000;
/** What makes a pod of ordinary size: variables and, of each, what the API server notes of who set it. */
const variables = Array.from({ length: 30 }, (_, i) => ({
  name: `VARIABLE_${i}`,
  value: `value-${i}`.repeat(4),
}));

interface LivePod {
  readonly name: string;
  readonly uid: string;
  readonly address: string;
  /** Unix ms at which the API server had answered that it has the address. */
  readonly since: number;
}

const api = new ApiServer();
const objects = new ClusterObjects(api);
let nameCount = 0;

function addressOf(i: number): string {
  return `10.${50 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
}

async function makePod(address: string, owner: Json): Promise<LivePod> {
  const name = `${String(owner.name)}-${nameCount++}`;
  const labels = {
    app: String(owner.name),
    "app.kubernetes.io/part-of": "bench",
    "pod-template-hash": "5d4f8",
  };
  const containerId = nameCount.toString(16).padStart(64, "0");
  const uid = await objects.pod(namespace, name, {
    addresses: [address],
    owner,
    labels,
    containerId,
    env: variables,
  });
  return { name, uid, address, since: Date.now() };
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: writesAtOnce }, worker));
}

/** Seconds of CPU that a process has used. */
function cpuOf(processId: number): number {
  const fields = readFileSync(`/proc/${processId}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Pods go and others take their addresses: a deletion, a pod, its status; each is a change that is watched. */
async function churn(live: LivePod[], owners: readonly Json[], moments: Moment[]): Promise<number> {
  const begun = Date.now();
  let changes = 0;
  const running = new Set<Promise<void>>();
  while (Date.now() - begun < seconds * 1000) {
    while (changes < ((Date.now() - begun) / 1000) * changesPerSecond && running.size < writesAtOnce) {
      changes += 3;
      const [old] = live.splice(Math.floor(Math.random() * live.length), 1);
      const one = replace(old!, live, owners, moments).finally(() => running.delete(one));
      running.add(one);
    }
    await rest(5);
  }
  await Promise.all(running);
  return changes / ((Date.now() - begun) / 1000);
}

async function replace(
  old: LivePod,
  live: LivePod[],
  owners: readonly Json[],
  moments: Moment[],
): Promise<void> {
  const { address, uid } = old;
  const gone = Date.now();
  await objects.deletePod(namespace, old.name);
  await rest(reuseMilliseconds);
  const next = await makePod(address, owners[Math.floor(Math.random() * owners.length)]!);
  live.push(next);
  for (const time of [old.since, gone]) moments.push({ address, time, uid });
  moments.push({ address, time: next.since, uid: next.uid });
}

async function run(): Promise<void> {
  await api.start();
  await objects.namespace(namespace);
  for (let i = 0; i < 20; i++) await objects.node(`node-${i}`, `192.168.7.${i + 1}`, [`10.50.${i}.0/24`]);
  await objects.account(namespace, "portolan", clusterRules);
  const owners: Json[] = [];
  const ownerNumbers = Array.from({ length: Math.ceil(podCount / podsPerOwner) }, (_, i) => i);
  await inParallel(
    ownerNumbers,
    async (i) => void owners.push(await objects.deployment(namespace, `app-${i}`)),
  );
  const live: LivePod[] = [];
  const numbers = Array.from({ length: podCount }, (_, i) => i);
  await inParallel(
    numbers,
    async (i) => void live.push(await makePod(addressOf(i), owners[i % owners.length]!)),
  );
  const [sample] = (await api.request("GET", `/api/v1/namespaces/${namespace}/pods?limit=1`)).items as Json[];
  console.log(
    `${podCount} pods of ${JSON.stringify(sample).length} bytes of JSON, ${owners.length} Deployments`,
  );

  const alone: Moment[] = [];
  const aloneCpu = cpuOf(api.processId);
  const aloneRate = await churn(live, owners, alone);
  const aloneUsed = cpuOf(api.processId) - aloneCpu;

  const { folder, environment } = await api.accountOf(namespace, "portolan");
  const follower = fork(new URL("./kubernetes-follower.ts", import.meta.url), [], {
    env: { ...process.env, ...environment, ACCOUNT_FOLDER: folder },
    execArgv: ["--expose-gc"],
  });
  const ask = async (question: object): Promise<FollowerAnswer> => {
    follower.send(question);
    const [answer] = (await once(follower, "message")) as [FollowerAnswer];
    return answer;
  };
  const before = cpuOf(api.processId);
  const ready = await ask({ kind: "start", pods: live.length });
  const listed = cpuOf(api.processId) - before;
  console.log(`resident before       ${ready.residentBefore.toFixed(0)} MB`);
  console.log(`known after           ${ready.seconds.toFixed(2)} s, with owners; ${describe(ready)}`);
  console.log(`API server for that   ${listed.toFixed(2)} s of CPU`);

  const moments: Moment[] = [];
  const followedCpu = cpuOf(api.processId);
  const followerCpu = cpuOf(follower.pid!);
  const rate = await churn(live, owners, moments);
  await rest(1500);
  const used = cpuOf(api.processId) - followedCpu;
  const ownUsed = cpuOf(follower.pid!) - followerCpu;
  const after = await ask({
    kind: "check",
    moments: [...moments, ...live.map(({ address, uid }) => ({ address, uid, time: Date.now() }))],
  });
  console.log(
    `changes               ${rate.toFixed(0)}/s followed, ${aloneRate.toFixed(0)}/s without anybody`,
  );
  console.log(
    `API server            ${((used / seconds) * 100).toFixed(0)} % of a core followed, ${((aloneUsed / seconds) * 100).toFixed(0)} % without`,
  );
  console.log(
    `follower              ${((ownUsed / seconds) * 100).toFixed(1)} % of a core; ${describe(after)}`,
  );
  console.log(
    `look-ups              ${after.right} right, ${after.wrong} wrong of moments at both sides of ${moments.length / 3} changes of an address and of now; ${after.perSecond.toFixed(0)}/s`,
  );
  for (const line of after.examples) console.log(`  ${line}`);
  follower.disconnect();
  if (after.wrong > 0) process.exitCode = 1;
}

function describe({ resident, heap, requests, bytes, events, relists }: FollowerAnswer): string {
  return `${resident.toFixed(0)} MB resident, ${heap.toFixed(0)} MB heap, ${requests} requests, ${(bytes / 1e6).toFixed(1)} MB received, ${events} events, ${relists} relists`;
}

const missing = missingForApiServer();
if (missing !== undefined) console.error(missing);
else
  try {
    await run();
  } finally {
    await api.stop();
  }
