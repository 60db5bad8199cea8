/** The process that bench/kubernetes.ts measures: what the server does to follow a cluster, and nothing else. */
import { setTimeout as rest } from "node:timers/promises";
import { createKubernetes } from "../src/enrich/kubernetes/index.ts";
import { parseAddress } from "../src/flow/index.ts";
import { PeerTable } from "../src/topology/index.ts";

/** Whose an address was at a time, unix ms. */
export interface Moment {
  readonly address: string;
  readonly time: number;
  readonly uid: string;
}

export interface FollowerAnswer {
  readonly residentBefore: number;
  /** MB. */
  readonly resident: number;
  readonly heap: number;
  readonly seconds: number;
  readonly requests: number;
  readonly bytes: number;
  readonly events: number;
  readonly relists: number;
  readonly right: number;
  readonly wrong: number;
  readonly perSecond: number;
  readonly examples: readonly string[];
}

globalThis.gc?.();
const residentBefore = process.memoryUsage().rss / 1e6;
const peers = new PeerTable(200_000, () => {});
const kubernetes = createKubernetes(
  { enabled: true, kubeconfig: "", context: "" },
  {
    ...{ peers, now: Date.now, log: (message) => console.error(message) },
    surroundings: {
      environment: process.env,
      home: "/nowhere",
      accountFolder: process.env.ACCOUNT_FOLDER ?? "",
    },
  },
);
let startSeconds = 0;

async function start(pods: number): Promise<void> {
  const begun = performance.now();
  kubernetes.start();
  setInterval(() => kubernetes.tick(), 1000).unref();
  const isKnown = () => {
    kubernetes.tick();
    const { state, counts } = kubernetes.status();
    return state === "on" && counts.pods! >= pods && counts.owners! > 0 && counts.ownersWaiting === 0;
  };
  while (!isKnown()) await rest(50);
  startSeconds = (performance.now() - begun) / 1000;
}

function check(moments: readonly Moment[]) {
  const examples: string[] = [];
  let wrong = 0;
  const begun = performance.now();
  for (const { address, time, uid } of moments) {
    const found = kubernetes.index.resolve(parseAddress(address)!, 0, time, 0, 6);
    if (found.kind === "pod" && found.pod.uid === uid) continue;
    wrong++;
    if (examples.length < 5) examples.push(`${address} at ${time}: ${found.kind}, expected ${uid}`);
  }
  const perSecond = moments.length / ((performance.now() - begun) / 1000);
  return { right: moments.length - wrong, wrong, perSecond, examples };
}

function figures(checked: ReturnType<typeof check>): FollowerAnswer {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const { load, resources } = kubernetes.status();
  const sum = (name: "events" | "relists") =>
    resources.reduce((total, resource) => total + resource[name], 0);
  return {
    ...{ residentBefore, resident: rss / 1e6, heap: heapUsed / 1e6, seconds: startSeconds },
    ...{ requests: load.requests, bytes: load.bytesReceived, events: sum("events"), relists: sum("relists") },
    ...checked,
  };
}

process.on("disconnect", () => process.exit());
process.on("message", async (question: { kind: string; pods: number; moments: Moment[] }) => {
  if (question.kind === "start") await start(question.pods);
  process.send?.(figures(check(question.moments ?? [])));
});
